/**
 * `train { … }` and `decode { … }`: concrete syntax to AST, with every key held against the table of settings.
 */
import type { CstNode } from "chevrotain";
import type { Reporter } from "../diagnostics/diagnostic.ts";
import { nearest } from "../diagnostics/nearest.ts";
import type { Expression, Setting, SettingsStatement } from "./ast.ts";
import { buildArguments, buildOperation } from "./build-expression.ts";
import { identifier, nodeOf, nodesOf, nodeSpan, optional, tokenOf } from "./cst.ts";
import { decoders, exampleOf, trainSettings, type ValueShape } from "./settings.ts";

export function buildSettings(node: CstNode, reporter: Reporter): SettingsStatement {
  const kind = tokenOf(node, "keyword").image === "train" ? "train" : "decode";
  const settings = nodesOf(nodeOf(node, "settingList"), "setting").map((setting) =>
    buildSetting(setting, reporter),
  );
  const seen = new Map<string, Setting>();
  for (const setting of settings) {
    check(kind, setting, reporter);
    const [value] = setting.values;
    const identity = value?.kind === "name" ? `${setting.key.name} ${value.name}` : setting.key.name;
    if (seen.has(identity)) reporter.report("repeated-setting", setting.key.span, { key: setting.key.name });
    seen.set(identity, setting);
  }
  return { kind, settings, span: nodeSpan(node) };
}

function buildSetting(node: CstNode, reporter: Reporter): Setting {
  return {
    key: identifier(tokenOf(node, "Name")),
    values: nodesOf(node, "operation").map((value) => buildOperation(value, reporter)),
    arguments: optional(node, "argumentsInParentheses", (list) => buildArguments(list, reporter)),
    span: nodeSpan(node),
  };
}

function check(kind: "train" | "decode", setting: Setting, reporter: Reporter): void {
  const key = setting.key.name;
  const known = kind === "train" ? [...trainSettings.keys()] : decoders;
  if (!known.includes(key)) {
    const words = { key, block: kind, known: quoted(known), nearest: nearest(key, known) ?? "" };
    reporter.report("unknown-setting", setting.key.span, words);
    return;
  }
  const shape = kind === "train" ? (trainSettings.get(key) ?? []) : [];
  const wrong =
    setting.values.length !== shape.length ||
    (kind === "train" && setting.arguments !== null) ||
    !shape.every((expected, i) => matches(expected, setting.values[i]!));
  if (wrong) reporter.report("setting-value", setting.span, { key, example: exampleOf(key) });
  else shape.forEach((expected, i) => checkWord(key, expected, setting.values[i]!, reporter));
}

function matches(shape: ValueShape, value: Expression): boolean {
  if (shape.kind === "number")
    return value.kind !== "string" && value.kind !== "call" && value.kind !== "name";
  return wordOf(value) !== null && (shape.kind === "stage" || value.kind === "name");
}

function checkWord(key: string, shape: ValueShape, value: Expression, reporter: Reporter): void {
  const word = wordOf(value);
  if (shape.kind === "number" || word === null || shape.words.includes(word)) return;
  const words = { key, word, known: quoted(shape.words), nearest: nearest(word, shape.words) ?? "" };
  reporter.report("unknown-setting-value", value.span, words);
}

const quoted = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(", ");

/** `adam` of `adam` and of `adam(1e-3)`. */
const wordOf = (value: Expression): string | null =>
  value.kind === "name"
    ? value.name
    : value.kind === "call" && value.callee.kind === "name"
      ? value.callee.name
      : null;
