/**
 * Expressions: concrete syntax to AST. Flat lists of operands become trees by precedence climbing
 * (Richards 1979), and what precedence forbids is reported here: chained comparisons and a `not` inside an operator.
 */
import type { CstNode, IToken } from "chevrotain";
import type { Reporter } from "../diagnostics/diagnostic.ts";
import type {
  Argument,
  AxisEntry,
  Binary,
  BinaryOperator,
  Expression,
  Identifier,
  NumberLiteral,
  Span,
} from "./ast.ts";
import { identifier, nodeOf, nodesOf, nodeSpan, optional, tokensOf } from "./cst.ts";
import { Inf, spanOf } from "./tokens.ts";

/** Loosest first. `^` alone groups to the right, comparisons not at all, the others to the left. */
export const precedences: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  "==": 4,
  "!=": 4,
  "<": 4,
  "<=": 4,
  ">": 4,
  ">=": 4,
  "+": 5,
  "-": 5,
  "*": 6,
  "/": 6,
  "%": 6,
  "@": 6,
  "^": 8,
};
export const notPrecedence = 3;
export const comparisonPrecedence = 4;
export const minusPrecedence = 7;

export function buildExpression(node: CstNode, reporter: Reporter): Expression {
  const stages = nodesOf(node, "choice").map((choice) => buildChoice(choice, reporter));
  return stages.length === 1 ? stages[0]! : { kind: "pipe", stages, span: nodeSpan(node) };
}

function buildChoice(node: CstNode, reporter: Reporter): Expression {
  const [condition, then, otherwise] = nodesOf(node, "choice");
  if (condition === undefined || then === undefined || otherwise === undefined)
    return buildOperation(nodeOf(node, "operation"), reporter);
  return {
    kind: "if",
    condition: buildChoice(condition, reporter),
    then: buildChoice(then, reporter),
    else: buildChoice(otherwise, reporter),
    span: nodeSpan(node),
  };
}

// ---- operators --------------------------------------------------------------------------------------------

/** An operand in the order of its text: prefixes, then the thing itself; and the operator after it, if any. */
interface Piece {
  readonly prefix: IToken | null;
  readonly value: Expression | null;
  readonly operator: IToken | null;
}

export function buildOperation(node: CstNode, reporter: Reporter): Expression {
  const operators = tokensOf(node, "Operator");
  const pieces = nodesOf(node, "operand").flatMap((operand, i): Piece[] => [
    ...tokensOf(operand, "prefix").map((prefix) => ({ prefix, value: null, operator: null })),
    { prefix: null, value: buildOperand(operand, reporter), operator: operators[i] ?? null },
  ]);
  let at = 0;
  let operator: IToken | null = null;

  const climb = (loosest: number): Expression => {
    const piece = pieces[at++]!;
    let left: Expression;
    if (piece.prefix !== null) {
      const isNot = piece.prefix.image === "not";
      if (isNot && loosest > notPrecedence) reporter.report("not-in-operator", spanOf(piece.prefix));
      const operand = climb(isNot ? notPrecedence : minusPrecedence);
      const span = { start: piece.prefix.startOffset, end: operand.span.end };
      left = { kind: "unary", operator: isNot ? "not" : "-", operand, span };
    } else {
      left = piece.value!;
      operator = piece.operator;
    }
    for (let sign = current(); sign !== null && precedences[sign] >= loosest; sign = current()) {
      const precedence = precedences[sign];
      if (precedence === comparisonPrecedence) reportChain(left, operator!, reporter);
      const right = climb(sign === "^" ? precedence : precedence + 1);
      const span: Span = { start: left.span.start, end: right.span.end };
      left = { kind: "binary", operator: sign, left, right, span };
    }
    return left;
  };
  const current = (): BinaryOperator | null =>
    operator === null ? null : (operator.image as BinaryOperator);
  return climb(0);
}

function reportChain(left: Expression, operator: IToken, reporter: Reporter): void {
  if (!isComparison(left)) return;
  const note = { message: `\`${left.operator}\` has compared already`, span: comparisonSpan(left) };
  reporter.report("comparison-chain", spanOf(operator), { first: left.operator, second: operator.image }, [
    { ...note, file: "" },
  ]);
}

const isComparison = (value: Expression): value is Binary =>
  value.kind === "binary" && precedences[value.operator] === comparisonPrecedence;

const comparisonSpan = ({ left, right }: Binary): Span => ({ start: left.span.start, end: right.span.end });

// ---- operands ---------------------------------------------------------------------------------------------

function buildOperand(node: CstNode, reporter: Reporter): Expression {
  let value = buildPrimary(nodeOf(node, "primary"), reporter);
  for (const suffix of nodesOf(node, "suffix")) {
    const span: Span = { start: value.span.start, end: nodeSpan(suffix).end };
    value =
      suffix.name === "call"
        ? buildCall(value, suffix, span, reporter)
        : buildIndex(value, suffix, span, reporter);
  }
  return value;
}

function buildCall(callee: Expression, node: CstNode, span: Span, reporter: Reporter): Expression {
  const binders = optional(node, "binders", (found) => tokensOf(found, "Name").map(identifier)) ?? [];
  const list = buildArguments(node, reporter);
  const oneValue = list.length === 1 && list[0]!.name === null;
  if (binders.length > 0 && !oneValue) {
    const names = binders.map(({ name }) => name).join(", ");
    reporter.report("bound-value", nodeSpan(node), { names });
  }
  return { kind: "call", callee, binders, arguments: list, span };
}

/** Of a node that has an `argumentList`, or none. */
export function buildArguments(node: CstNode, reporter: Reporter): readonly Argument[] {
  const list = optional(node, "argumentList", (found) => nodesOf(found, "argument")) ?? [];
  return list.map((argument) => {
    const [name] = tokensOf(argument, "name");
    const value = buildExpression(nodeOf(argument, "expression"), reporter);
    return { name: name === undefined ? null : identifier(name), value, span: nodeSpan(argument) };
  });
}

function buildIndex(operand: Expression, node: CstNode, span: Span, reporter: Reporter): Expression {
  const build = (expression: CstNode) => buildExpression(expression, reporter);
  const indices = nodesOf(nodeOf(node, "indexList"), "expression").map(build);
  return { kind: "index", operand, indices, filler: optional(node, "filler", build), span };
}

function buildPrimary(node: CstNode, reporter: Reporter): Expression {
  const span = nodeSpan(node);
  const [number] = tokensOf(node, "number");
  if (number !== undefined) return buildNumber(number);
  const [string] = tokensOf(node, "String");
  if (string !== undefined) return { kind: "string", value: stringValue(string), span };
  const [name] = tokensOf(node, "name");
  if (name !== undefined) return { kind: "name", ...identifier(name) };
  const [length] = tokensOf(node, "length");
  if (length !== undefined) return { kind: "length", of: identifier(length), span };
  const [list] = nodesOf(node, "list");
  if (list !== undefined)
    return {
      kind: "list",
      items: nodesOf(list, "expression").map((x) => buildExpression(x, reporter)),
      span,
    };
  return { kind: "parenthesised", value: buildExpression(nodeOf(node, "expression"), reporter), span };
}

/** A malformed number has been reported with the tokens, and counts as what `parseFloat` finds in it. */
function buildNumber(token: IToken): NumberLiteral {
  const value = token.tokenType === Inf ? Infinity : Number.parseFloat(token.image) || 0;
  return { kind: "number", value, text: token.image, span: spanOf(token) };
}

/** There are no escapes: what stands between the quotes. */
export const stringValue = (token: IToken): string =>
  token.image.slice(1, token.image.endsWith('"') ? -1 : undefined);

// ---- axes -------------------------------------------------------------------------------------------------

export const buildAxes = (node: CstNode, reporter: Reporter): readonly AxisEntry[] =>
  nodesOf(nodeOf(node, "axisList"), "axis").map((axis) => {
    const size = buildExpression(nodeOf(axis, "expression"), reporter);
    const [name] = tokensOf(axis, "Name");
    const span = nodeSpan(axis);
    if (name !== undefined) return { name: identifier(name), size, span };
    // A lone name may be an axis or a size: that is for a later phase to say.
    return size.kind === "name" ? { name: nameOf(size), size: null, span } : { name: null, size, span };
  });

const nameOf = ({ name, span }: Identifier): Identifier => ({ name, span });
