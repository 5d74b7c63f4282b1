/**
 * Statements: concrete syntax to AST. Only statements that parsed whole are built; the others have had their
 * diagnostic, and leave no half-filled nodes for later phases to trip over.
 */
import type { CstNode, IToken } from "chevrotain";
import type { Reporter } from "../diagnostics/diagnostic.ts";
import { nearest } from "../diagnostics/nearest.ts";
import type {
  BodyStatement,
  DataType,
  DefinitionStatement,
  Expression,
  Parameter,
  ParamStatement,
  StateDeclaration,
  Statement,
} from "./ast.ts";
import { buildAxes, buildExpression, stringValue } from "./build-expression.ts";
import { buildSettings } from "./build-settings.ts";
import { identifier, nodeOf, nodesOf, nodeSpan, onlyNode, optional, tokenOf, tokensOf } from "./cst.ts";
import { spanOf } from "./tokens.ts";

export const buildStatements = (program: CstNode, reporter: Reporter): readonly Statement[] =>
  nodesOf(program, "statement")
    .filter((statement) => statement.recoveredNode !== true)
    .map((statement) => buildStatement(onlyNode(statement), reporter));

function buildStatement(node: CstNode, reporter: Reporter): Statement {
  const span = nodeSpan(node);
  const value = () => buildExpression(nodeOf(node, "expression"), reporter);
  switch (node.name) {
    case "importStatement": {
      const path = tokenOf(node, "String");
      return { kind: "import", path: stringValue(path), pathSpan: spanOf(path), span };
    }
    case "data": {
      const kind = tokenOf(node, "keyword").image === "input" ? "input" : "target";
      return { kind, name: nameIn(node), type: buildType(nodeOf(node, "type"), reporter), span };
    }
    case "paramStatement":
      return buildParam(node, reporter);
    case "binding": {
      const keyword = tokensOf(node, "keyword")[0]?.image;
      const name = identifier(tokenOf(node, "name"));
      return {
        kind: keyword === "net" ? "net" : "let",
        name,
        value: value(),
        bare: keyword === undefined,
        span,
      };
    }
    case "definition":
      return buildDefinition(node, reporter);
    case "outputStatement":
      return { kind: "output", name: nameIn(node), value: optionalValue(node, reporter), span };
    case "minimizeStatement": {
      const [net] = tokensOf(node, "Name");
      return { kind: "minimize", net: net === undefined ? null : identifier(net), value: value(), span };
    }
    case "settings":
      return buildSettings(node, reporter);
    default:
      return { kind: "pipeline", value: value(), span };
  }
}

const nameIn = (node: CstNode) => identifier(tokenOf(node, "Name"));

const optionalValue = (node: CstNode, reporter: Reporter): Expression | null =>
  optional(node, "expression", (found) => buildExpression(found, reporter));

const optionalAxes = (node: CstNode, reporter: Reporter) =>
  optional(node, "axes", (found) => buildAxes(found, reporter));

// ---- declarations -----------------------------------------------------------------------------------------

const bases = ["f32", "token", "char", "trigrams"] as const;

/** What other languages call them. */
const elsewhere: Readonly<Record<string, string>> = {
  ...{ float: "f32", float32: "f32", f64: "f32", double: "f32", number: "f32", real: "f32", tensor: "f32" },
  ...{ int: "token", i32: "token", integer: "token", word: "token", string: "char", text: "char" },
};

function buildType(node: CstNode, reporter: Reporter): DataType {
  const name = tokenOf(node, "Name");
  const base = bases.find((known) => known === name.image);
  if (base === undefined) {
    const meant = elsewhere[name.image] ?? nearest(name.image, bases) ?? "";
    const words = { name: name.image, nearest: meant };
    reporter.report("unknown-type", spanOf(name), words);
  }
  const vocabulary = optionalValue(node, reporter);
  if (base === "f32" && vocabulary !== null) reporter.report("number-vocabulary", vocabulary.span);
  return { base: base ?? "f32", vocabulary, axes: optionalAxes(node, reporter) ?? [], span: nodeSpan(node) };
}

function buildShaped(node: CstNode, reporter: Reporter): StateDeclaration {
  return {
    name: nameIn(node),
    axes: optionalAxes(node, reporter) ?? [],
    start: optionalValue(node, reporter),
    span: nodeSpan(node),
  };
}

const buildParam = (node: CstNode, reporter: Reporter): ParamStatement => ({
  kind: "param",
  ...buildShaped(nodeOf(node, "shaped"), reporter),
  span: nodeSpan(node),
});

// ---- definitions ------------------------------------------------------------------------------------------

const definitionKinds = { fn: "fn", cell: "cell", loss: "loss" } as const;

function buildDefinition(node: CstNode, reporter: Reporter): DefinitionStatement {
  const keyword = tokenOf(node, "keyword").image as keyof typeof definitionKinds;
  const lists = nodesOf(node, "parameters").map((list) => buildParameters(list, reporter));
  const [options, inputs] = lists.length > 1 ? [lists[0]!, lists[1]!] : [null, lists[0] ?? []];
  const body = nodesOf(nodeOf(node, "body"), "bodyStatement")
    .filter((statement) => statement.recoveredNode !== true)
    .map((statement) => buildBodyStatement(onlyNode(statement), reporter));
  const span = nodeSpan(node);
  return {
    kind: definitionKinds[keyword],
    name: nameIn(node),
    options,
    inputs,
    body,
    headerSpan: { start: span.start, end: spanOf(tokenOf(node, "{")).end },
    span,
  };
}

function buildParameters(node: CstNode, reporter: Reporter): readonly Parameter[] {
  const list = optional(node, "parameterList", (found) => nodesOf(found, "parameter")) ?? [];
  return list.map((parameter) => ({
    name: nameIn(parameter),
    choices: optional(parameter, "choices", (choices) => buildChoices(tokensOf(choices, "Name"))),
    axes: optionalAxes(parameter, reporter),
    default: optionalValue(parameter, reporter),
    span: nodeSpan(parameter),
  }));
}

const buildChoices = (names: readonly IToken[]) =>
  names.length === 1 && names[0]?.image === "flag" ? [] : names.map(identifier);

function buildBodyStatement(node: CstNode, reporter: Reporter): BodyStatement {
  const span = nodeSpan(node);
  switch (node.name) {
    case "paramStatement":
      return buildParam(node, reporter);
    case "stateStatement":
      return {
        kind: "state",
        states: nodesOf(node, "shaped").map((shaped) => buildShaped(shaped, reporter)),
        span,
      };
    case "equation": {
      const name = identifier(tokenOf(node, "Equates"));
      const value = buildExpression(nodeOf(node, "expression"), reporter);
      return { kind: "equation", name, axes: optionalAxes(node, reporter), value, span };
    }
    default: {
      const kind = tokenOf(node, "keyword").image === "predict" ? "predict" : "return";
      return { kind, value: buildExpression(nodeOf(node, "expression"), reporter), span };
    }
  }
}
