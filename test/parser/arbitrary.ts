/**
 * Random programs, as trees. Only what the grammar can say is made: parentheses are put where the precedences ask for
 * them, and pipelines that are statements start with a name.
 */
import fc from "fast-check";
import type {
  Argument,
  AxisEntry,
  BinaryOperator,
  Expression,
  Identifier,
  Parameter,
  Program,
  Statement,
} from "../../src/parser/ast.ts";
import { minusPrecedence, notPrecedence, precedences } from "../../src/parser/build-expression.ts";

const span = { start: 0, end: 0 };
const names = ["a", "x", "h'", "α", "β1", "lstm", "t", "flag", "W₂", "_", "batch", "inf_"];
const name = fc.constantFrom(...names);
const identifier: fc.Arbitrary<Identifier> = name.map((text) => ({ name: text, span }));
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });
const few = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(arbitrary, { maxLength: 3 });
const some = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.array(arbitrary, { minLength: 1, maxLength: 3 });
const with_ = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record<T>(model as never).map((record) => ({ ...record, span }));

// ---- expressions ------------------------------------------------------------------------------------------

const number: fc.Arbitrary<Expression> = fc
  .constantFrom("0", "1", "0.5", "1e-3", "12E+4", "inf")
  .map((text) => ({ kind: "number", text, value: text === "inf" ? Infinity : Number(text), span }));
const nameExpression: fc.Arbitrary<Expression> = name.map((text) => ({ kind: "name", name: text, span }));

const levels = { pipe: -1, if: 0, not: notPrecedence, minus: minusPrecedence, power: 8, suffix: 9 } as const;

function levelOf(value: Expression): number {
  switch (value.kind) {
    case "pipe":
      return levels.pipe;
    case "if":
      return levels.if;
    case "binary":
      return precedences[value.operator];
    case "unary":
      return value.operator === "not" ? levels.not : levels.minus;
    default:
      return levels.suffix;
  }
}

/** In parentheses if it is looser than its place allows. */
const at = (level: number, value: Expression): Expression =>
  levelOf(value) < level ? { kind: "parenthesised", value, span } : value;

const operators = Object.keys(precedences) as BinaryOperator[];

function binary(operator: BinaryOperator, left: Expression, right: Expression): Expression {
  const level = precedences[operator];
  const power = operator === "^";
  const comparison = operator === "==" || level === precedences["<"];
  // The exponent may have a sign: `a^-b`.
  const signed = power && right.kind === "unary" && right.operator === "-";
  return {
    kind: "binary",
    operator,
    left: at(power || comparison ? level + 1 : level, left),
    right: signed ? right : at(power ? level : level + 1, right),
    span,
  };
}

export const expression: fc.Arbitrary<Expression> = fc.letrec<{ any: Expression; argument: Argument }>(
  (tie) => {
    const any = tie("any");
    const argument = fc
      .record({
        name: maybe(
          fc.oneof(
            identifier,
            fc.constantFrom("loss", "if", "state").map((word) => ({ name: word, span })),
          ),
        ),
        value: any,
      })
      .map((record) => ({ ...record, span }));
    const unary = fc.record({ operator: fc.constantFrom("-" as const, "not" as const), operand: any });
    return {
      argument,
      any: fc.oneof(
        { maxDepth: 4, depthSize: "small" },
        fc.oneof(
          nameExpression,
          number,
          identifier.map((of): Expression => ({ kind: "length", of, span })),
        ),
        fc
          .constantFrom("", "cells.rnn", "größe # {")
          .map((value): Expression => ({ kind: "string", value, span })),
        unary.map(({ operator, operand }): Expression => {
          const level = operator === "not" ? levels.not : levels.minus;
          return { kind: "unary", operator, operand: at(level, operand), span };
        }),
        fc
          .tuple(fc.constantFrom(...operators), any, any)
          .map(([operator, left, right]) => binary(operator, left, right)),
        fc.tuple(any, any, any).map(([condition, then, otherwise]): Expression => ({
          kind: "if",
          condition: at(levels.if, condition),
          then: at(levels.if, then),
          else: at(levels.if, otherwise),
          span,
        })),
        fc.array(any, { minLength: 2, maxLength: 4 }).map((stages): Expression => ({
          kind: "pipe",
          stages: stages.map((stage) => at(levels.if, stage)),
          span,
        })),
        fc.tuple(any, few(tie("argument"))).map(([callee, list]): Expression => ({
          kind: "call",
          callee: at(levels.suffix, callee),
          binders: [],
          arguments: list,
          span,
        })),
        fc.tuple(any, some(identifier), any).map(([callee, binders, value]): Expression => ({
          kind: "call",
          callee: at(levels.suffix, callee),
          binders,
          arguments: [{ name: null, value, span }],
          span,
        })),
        fc.tuple(any, some(any), maybe(any)).map(([operand, indices, filler]): Expression => ({
          kind: "index",
          operand: at(levels.suffix, operand),
          indices,
          filler,
          span,
        })),
      ),
    };
  },
).any;

// ---- statements -------------------------------------------------------------------------------------------

const axis: fc.Arbitrary<AxisEntry> = fc.oneof(
  identifier.map((it) => ({ name: it, size: null, span })),
  with_<{ name: Identifier; size: Expression }>({ name: identifier, size: expression }),
  expression.filter(({ kind }) => kind !== "name").map((size) => ({ name: null, size, span })),
);
const shaped = with_<{ name: Identifier; axes: AxisEntry[]; start: Expression | null }>({
  name: identifier,
  axes: few(axis),
  start: maybe(expression),
});
const choices = fc.oneof(
  fc.constant([]),
  some(identifier).filter(([first, ...rest]) => rest.length > 0 || first?.name !== "flag"),
);
const parameter: fc.Arbitrary<Parameter> = with_<Omit<Parameter, "span">>({
  name: identifier,
  choices: maybe(choices),
  axes: maybe(some(axis)),
  default: maybe(expression),
});
const param = shaped.map((it) => ({ kind: "param" as const, ...it }));
const body = few(
  fc.oneof(
    param,
    some(shaped).map((states) => ({ kind: "state" as const, states, span })),
    fc
      .record({ name: identifier, axes: maybe(some(axis)), value: expression })
      .map((it) => ({ kind: "equation" as const, ...it, span })),
    fc
      .record({ kind: fc.constantFrom("return" as const, "predict" as const), value: expression })
      .map((it) => ({ ...it, span })),
  ),
);
const type = fc.oneof(
  fc.record({
    base: fc.constantFrom("token" as const, "char" as const, "trigrams" as const),
    vocabulary: maybe(expression),
    axes: few(axis),
  }),
  fc.record({ base: fc.constant("f32" as const), vocabulary: fc.constant(null), axes: few(axis) }),
);

const statement: fc.Arbitrary<Statement> = fc.oneof(
  fc.record({
    kind: fc.constant("import" as const),
    path: fc.constantFrom("a.rnn", ""),
    pathSpan: fc.constant(span),
    span: fc.constant(span),
  }),
  fc.record({
    kind: fc.constantFrom("input" as const, "target" as const),
    name: identifier,
    type: type.map((it) => ({ ...it, span })),
    span: fc.constant(span),
  }),
  param,
  fc.record({
    kind: fc.constantFrom("let" as const, "net" as const),
    name: identifier,
    value: expression,
    bare: fc.constant(false),
    span: fc.constant(span),
  }),
  fc.record({
    kind: fc.constant("let" as const),
    name: identifier,
    value: expression,
    bare: fc.constant(true),
    span: fc.constant(span),
  }),
  fc.record({
    kind: fc.constantFrom("fn" as const, "cell" as const, "loss" as const),
    name: identifier,
    options: maybe(few(parameter)),
    inputs: few(parameter),
    body,
    headerSpan: fc.constant(span),
    span: fc.constant(span),
  }),
  fc.record({
    kind: fc.constant("output" as const),
    name: identifier,
    value: maybe(expression),
    span: fc.constant(span),
  }),
  fc.record({
    kind: fc.constant("minimize" as const),
    net: maybe(identifier),
    value: expression,
    span: fc.constant(span),
  }),
  fc.tuple(nameExpression, some(expression)).map(([first, rest]): Statement => ({
    kind: "pipeline",
    value: { kind: "pipe", stages: [first, ...rest.map((stage) => at(levels.if, stage))], span },
    span,
  })),
  fc.constant<Statement>({
    kind: "train",
    settings: [
      {
        key: { name: "clip", span },
        values: [
          { kind: "name", name: "norm", span },
          { kind: "number", text: "5", value: 5, span },
        ],
        arguments: null,
        span,
      },
      { key: { name: "average", span }, values: [], arguments: null, span },
    ],
    span,
  }),
  few(expression).map((values): Statement => ({
    kind: "decode",
    settings: [
      {
        key: { name: "beam", span },
        values: [],
        arguments: values.map((value) => ({ name: null, value, span })),
        span,
      },
    ],
    span,
  })),
);

export const program: fc.Arbitrary<Program> = fc
  .array(statement, { maxLength: 6 })
  .map((statements) => ({ statements, comments: [], lineStarts: [0], span }));
