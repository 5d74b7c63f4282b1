/** `train { … }` as plain data, with the defaults for what it leaves out. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { makeReporter } from "../diagnostics/reporter.ts";
import { nearest } from "../diagnostics/nearest.ts";
import type { Argument, Expression, Setting } from "../parser/ast.ts";
import {
  argumentAliases,
  averageDefault,
  optimiserArguments,
  optimiserFlags,
  optimiserDefaults,
  scheduleArguments,
  scheduleDefaults,
  trainDefaults,
  type Optimiser,
  type OptimiserKind,
  type Schedule,
  type TrainSettings,
} from "../passes/train-settings.ts";
import type { Source } from "./run.ts";

type Reporter = ReturnType<typeof makeReporter>;

export function trainSettings({ file, program }: Source, diagnostics: Diagnostic[]): TrainSettings {
  const reporter = makeReporter(file, diagnostics);
  const settings = program.statements.flatMap((s) => (s.kind === "train" ? s.settings : []));
  return settings.reduce((before, setting) => withSetting(before, setting, reporter), trainDefaults);
}

function withSetting(before: TrainSettings, setting: Setting, reporter: Reporter): TrainSettings {
  const [first, second] = setting.values;
  const amount = (e: Expression | undefined): number => inRange(e, setting, reporter);
  const word = first?.kind === "name" ? first.name : null;
  switch (setting.key.name) {
    case "optimizer":
      return first ? { ...before, optimiser: optimiserOf(first, setting, reporter) } : before;
    case "clip":
      return { ...before, clip: { ...before.clip, [word === "value" ? "value" : "norm"]: amount(second) } };
    case "batch":
      return { ...before, batch: amount(first) };
    case "epochs":
      return { ...before, epochs: amount(first) };
    case "steps":
      return { ...before, steps: amount(first) };
    case "seed":
      return { ...before, seed: amount(first) };
    case "tbptt":
      return { ...before, tbptt: amount(first) };
    case "schedule":
      return first
        ? {
            ...before,
            schedules: [
              ...before.schedules.filter((s) => s.kind !== "constant"),
              scheduleOf(first, setting, reporter),
            ],
          }
        : before;
    case "regularize":
      return { ...before, regularize: { l2: amount(second) } };
    case "validate":
      return { ...before, validate: amount(first) };
    case "stop":
      return { ...before, patience: amount(second) };
    case "average":
      return { ...before, average: averageDefault };
    default:
      return before;
  }
}

function constant(expression: Expression | undefined, setting: Setting, reporter: Reporter): number {
  if (expression?.kind === "number") return expression.value;
  if (expression?.kind === "unary" && expression.operator === "-" && expression.operand.kind === "number")
    return -expression.operand.value;
  reporter.report("number-wanted", expression?.span ?? setting.span);
  return 0;
}

interface Range {
  readonly wanted: string;
  readonly holds: (x: number) => boolean;
}

const count: Range = {
  wanted: "a whole number from 1 on",
  holds: (x) => Number.isInteger(x) && x > 0,
};
const ranges: Readonly<Record<string, Range>> = {
  batch: count,
  epochs: count,
  steps: count,
  tbptt: count,
  stop: count,
  seed: { wanted: "a whole number from 0 on", holds: (x) => Number.isInteger(x) && x >= 0 },
  validate: { wanted: "a share between 0 and 1", holds: (x) => x >= 0 && x < 1 },
  clip: { wanted: "more than 0", holds: (x) => x > 0 },
  regularize: { wanted: "0 or more", holds: (x) => x >= 0 },
};

function inRange(expression: Expression | undefined, setting: Setting, reporter: Reporter): number {
  const value = constant(expression, setting, reporter);
  const key = setting.key.name;
  const range = ranges[key];
  if (expression && range && !range.holds(value))
    reporter.report("setting-range", expression.span, { key, wanted: range.wanted, found: value });
  return value;
}

const calleeName = (e: Expression): string =>
  e.kind === "name" ? e.name : e.kind === "call" && e.callee.kind === "name" ? e.callee.name : "";
const argumentsOf = (e: Expression): readonly Argument[] => (e.kind === "call" ? e.arguments : []);

function optimiserOf(expression: Expression, setting: Setting, reporter: Reporter): Optimiser {
  const kind = calleeName(expression) as OptimiserKind;
  const flags = optimiserFlags(kind);
  const isFlag = ({ name, value }: Argument): boolean =>
    name === null && value.kind === "name" && flags.includes(value.name);
  const given = argumentsOf(expression);
  const set = given.filter(isFlag).map(({ value }) => [calleeName(value), true] as const);
  const numbers = given.filter((a) => !isFlag(a));
  const fields = filled(numbers, optimiserArguments(kind), kind, setting, reporter, flags);
  return { ...optimiserDefaults[kind], ...fields, ...Object.fromEntries(set) } as Optimiser;
}

function scheduleOf(expression: Expression, setting: Setting, reporter: Reporter): Schedule {
  const kind = calleeName(expression) as Schedule["kind"];
  const fields = filled(argumentsOf(expression), scheduleArguments(kind), kind, setting, reporter);
  return { ...scheduleDefaults[kind], ...fields } as Schedule;
}

/** Arguments by place or by name, as numbers. */
function filled(
  args: readonly Argument[],
  names: readonly string[],
  stage: string,
  setting: Setting,
  reporter: Reporter,
  flags: readonly string[] = [],
): Record<string, number> {
  const fields: Record<string, number> = {};
  let next = 0;
  for (const argument of args) {
    const word = argument.value.kind === "name" ? argument.value.name : null;
    const written = argument.name?.name ?? word;
    const name =
      written === null ? names[next++] : names.includes(written) ? written : argumentAliases[written];
    const all = [...names, ...flags];
    const known = all.length === 0 ? "none" : all.map((n) => `\`${n}\``).join(", ");
    if (written === null && name === undefined)
      reporter.report("too-many-options", argument.span, { stage, known });
    else if (name === undefined || !names.includes(name) || (word !== null && !argument.name))
      reporter.report("unknown-option", argument.span, {
        stage,
        name: written!,
        nearest: nearest(written!, all) ?? "",
        known,
      });
    else {
      const value = constant(argument.value, setting, reporter);
      // No optimiser or schedule has an argument below zero: the loss would climb.
      if (value < 0)
        reporter.report("setting-range", argument.span, { key: name, wanted: "0 or more", found: value });
      fields[name] = value;
    }
  }
  return fields;
}
