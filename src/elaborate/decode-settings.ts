/** `decode { … }` as plain data: the strategy, and each of its options as a number, a word or a length. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { makeReporter } from "../diagnostics/reporter.ts";
import { nearest } from "../diagnostics/nearest.ts";
import type { Argument, Expression } from "../parser/ast.ts";
import type { DataInfo } from "./data.ts";
import type { Source } from "./run.ts";

export interface DecodeSettings {
  readonly kind: string;
  readonly options: Readonly<Record<string, number | string | LengthFormula>>;
}

/** `2 * |S| + 10`. */
export interface LengthFormula {
  readonly axis: string;
  readonly times: number;
  readonly plus: number;
}

type Reporter = ReturnType<typeof makeReporter>;

/** What the strategies take, in the order of their arguments. */
export const strategyOptions: Readonly<Record<string, readonly string[]>> = {
  greedy: ["max", "stop", "avoid"],
  sample: ["temperature", "top_k", "top_p", "stop", "avoid", "max"],
  beam: ["n", "length_penalty", "max", "stop", "avoid"],
  exhaustive: ["max", "stop", "avoid"],
  viterbi: ["max", "stop", "avoid"],
};

interface Range {
  readonly wanted: string;
  readonly holds: (x: number) => boolean;
}

const count: Range = { wanted: "a whole number from 1 on", holds: (x) => Number.isInteger(x) && x > 0 };
const positive: Range = { wanted: "0 or more", holds: (x) => x >= 0 };
const ranges: Readonly<Record<string, Range>> = {
  n: count,
  top_k: count,
  temperature: positive,
  length_penalty: positive,
  top_p: { wanted: "a share above 0, at most 1", holds: (x) => x > 0 && x <= 1 },
};

export function decodeSettings(
  { file, program }: Source,
  data: Iterable<DataInfo>,
  diagnostics: Diagnostic[],
): readonly DecodeSettings[] {
  const reporter = makeReporter(file, diagnostics);
  const settings = program.statements.flatMap((s) => (s.kind === "decode" ? s.settings : []));
  const axes = [...data].filter(({ role }) => role === "input").flatMap((info) => info.axes);
  const ragged = axes.filter(({ size }) => size === null).map(({ name }) => name);
  return settings.map((setting) => {
    const strategy = setting.key.name;
    const known = strategyOptions[strategy] ?? [];
    let next = 0;
    const options: Record<string, number | string | LengthFormula> = {};
    for (const argument of setting.arguments ?? []) {
      const name = argument.name?.name ?? known[next++] ?? "this";
      if (!known.includes(name)) {
        reporter.report("unknown-option", argument.name?.span ?? argument.span, {
          stage: strategy,
          name,
          nearest: nearest(name, known) ?? "",
          known: known.map((n) => `\`${n}\``).join(", "),
        });
        continue;
      }
      const value = valueOf(name, argument, ragged, reporter);
      if (value !== null) options[name] = value;
    }
    return { kind: strategy, options };
  });
}

function valueOf(
  name: string,
  { value }: Argument,
  axes: readonly string[],
  reporter: Reporter,
): DecodeSettings["options"][string] | null {
  const wrong = (wanted: string): null => {
    const found = numberIn(value) ?? "something else";
    reporter.report("setting-range", value.span, { key: name, wanted, found });
    return null;
  };
  if (name === "max") {
    const formula = lengthFormula(value);
    if (!formula) return wrong("a number, or one made of a length, such as `2 * |S|`");
    const { axis, times, plus } = formula;
    if (axis !== null && !axes.includes(axis)) {
      reporter.report("no-such-axis", value.span, { axis, nearest: nearest(axis, axes) ?? "" });
      return null;
    }
    if (axis !== null) return { axis, times, plus };
    return plus >= 1 ? plus : wrong("1 or more");
  }
  if (name === "stop" || name === "avoid") {
    if (value.kind === "name") return value.name;
    if (value.kind === "string" || value.kind === "number") return value.value;
    return wrong('an entry of the vocabulary, such as `eos` or "the"');
  }
  const range = ranges[name]!;
  const number = numberIn(value);
  return number !== null && range.holds(number) ? number : wrong(range.wanted);
}

function numberIn(value: Expression): number | null {
  if (value.kind === "number") return value.value;
  if (value.kind !== "unary" || value.operator !== "-") return null;
  const number = numberIn(value.operand);
  return number === null ? null : -number;
}

interface Formula extends Omit<LengthFormula, "axis"> {
  readonly axis: string | null;
}

/** Sums and products of numbers with one length; null if it is anything else. */
function lengthFormula(value: Expression): Formula | null {
  if (value.kind === "number") return { axis: null, times: 0, plus: value.value };
  if (value.kind === "length") return { axis: value.of.name, times: 1, plus: 0 };
  if (value.kind === "parenthesised") return lengthFormula(value.value);
  if (value.kind !== "binary") return null;
  const [a, b] = [lengthFormula(value.left), lengthFormula(value.right)];
  if (!a || !b) return null;
  const axis = a.axis ?? b.axis;
  if (a.axis !== null && b.axis !== null && a.axis !== b.axis) return null;
  if (value.operator === "+") return { axis, times: a.times + b.times, plus: a.plus + b.plus };
  if (value.operator === "-") return { axis, times: a.times - b.times, plus: a.plus - b.plus };
  if (value.operator !== "*" || (a.axis !== null && b.axis !== null)) return null;
  const [length, number] = a.axis === null ? [b, a.plus] : [a, b.plus];
  return { axis, times: length.times * number, plus: length.plus * number };
}
