/**
 * Pipelines and stages: options bound to a definition, a stage applied to what flows into it, modifiers applied to
 * the stage on their left.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis } from "../ir/graph/types.ts";
import type {
  Argument,
  Call,
  DefinitionStatement,
  Expression,
  Parameter,
  Pipe,
  Span,
} from "../parser/ast.ts";
import { nearest, orList } from "../diagnostics/nearest.ts";
import type { Note } from "../diagnostics/diagnostic.ts";
import { openChild, runBody } from "./body.ts";
import { builtinFunctions, failCount } from "./builtins.ts";
import { applyCell } from "./cells.ts";
import { cellOptionNames, noCellOptions, withCellOption, type CellOptions } from "./cell-options.ts";
import { firstPlace } from "./definitions.ts";
import { fail, type Environment } from "./environment.ts";
import { evaluate, find } from "./evaluate.ts";
import { builtinStages, modifiers } from "./layers.ts";
import { applyOutputLayer, outputLayer } from "./output-layers.ts";
import { asTensor, describe, number } from "./tensors.ts";
import type { CallSite, DefinitionValue, Stage, StageSite, Tensor, Value } from "./values.ts";

// ---- pipelines --------------------------------------------------------------------------------------------------

/** What stands at a place of a pipeline, with the modifiers that follow it. */
interface Segment {
  readonly expression: Expression;
  readonly modifiers: readonly Expression[];
}

function segments(pipe: Pipe, environment: Environment): readonly Segment[] {
  const result: { expression: Expression; modifiers: Expression[] }[] = [];
  for (const stage of pipe.stages) {
    const name = stageName(stage);
    const last = result[result.length - 1];
    if (name !== null && modifiers[name] && !environment.lookup(name)) {
      if (!last) fail(environment, "modifier-without-stage", stage.span, { name });
      last.modifiers.push(stage);
    } else result.push({ expression: stage, modifiers: [] });
  }
  return result;
}

/** `lstm` of `lstm`, `lstm(128)`. */
export function stageName(expression: Expression): string | null {
  if (expression.kind === "name") return expression.name;
  if (expression.kind === "call" && expression.callee.kind === "name") return expression.callee.name;
  return null;
}

export function evaluatePipe(pipe: Pipe, environment: Environment): Value {
  const [first, ...rest] = segments(pipe, environment) as [Segment, ...Segment[]];
  const head = first.modifiers.length === 0 ? headValue(first.expression, environment) : null;
  if (head && head.kind !== "stage") {
    const start = asTensor(head, environment, first.expression.span);
    return rest.reduce((value, segment) => applySegment(segment, value, environment), start);
  }
  if (first.modifiers.length > 0 && isValue(first.expression, environment))
    fail(environment, "modifier-without-stage", first.modifiers[0]!.span, {
      name: stageName(first.modifiers[0]!)!,
    });
  return compose([first, ...rest], environment);
}

/** The first element of a pipeline: a value, or a stage if the pipeline is one itself. */
function headValue(expression: Expression, environment: Environment): Value {
  const name = stageName(expression);
  if (name !== null && !environment.lookup(name) && builtinStages[name] && expression.kind === "name")
    return stageFrom(expression, environment);
  const value = evaluate(expression, environment);
  return value.kind === "definition" || value.kind === "function"
    ? stageFrom(expression, environment)
    : value;
}

function isValue(expression: Expression, environment: Environment): boolean {
  const name = expression.kind === "name" ? expression.name : null;
  return name !== null && environment.lookup(name)?.kind === "tensor";
}

function compose(parts: readonly Segment[], environment: Environment): Stage {
  const stages = parts.map((segment) => ({
    stage: modifiedStage(segment, environment),
    span: segment.expression.span,
  }));
  if (stages.length === 1) return stages[0]!.stage;
  return {
    kind: "stage",
    name: stages.map((s) => s.stage.name).join(" >> "),
    apply: (inputs, site) =>
      stages.reduce<readonly Tensor[]>(
        (values, { stage, span }) => [stage.apply(values, { ...site, span })],
        inputs,
      )[0]!,
  };
}

function applySegment(segment: Segment, value: Tensor, environment: Environment): Tensor {
  const { expression } = segment;
  const layer = segment.modifiers.length === 0 ? outputLayer(expression, environment) : null;
  if (layer) return applyOutputLayer(layer, value, environment);
  return modifiedStage(segment, environment).apply([value], {
    environment,
    span: expression.span,
    backward: false,
  });
}

function modifiedStage(segment: Segment, environment: Environment): Stage {
  return segment.modifiers.reduce(
    (stage, expression) => {
      const modify = modifiers[stageName(expression)!]!;
      const site = {
        arguments: expression.kind === "call" ? expression.arguments : [],
        binders: [],
        environment,
        span: expression.span,
      };
      return modify(stage, site);
    },
    stageFrom(segment.expression, environment),
  );
}

/** An expression in the place of a stage. */
export function stageFrom(expression: Expression, environment: Environment): Stage {
  const name = stageName(expression);
  if (name !== null && !environment.lookup(name)) {
    const builtin = builtinStages[name];
    if (builtin) {
      const args = expression.kind === "call" ? expression.arguments : [];
      return builtin({ arguments: args, binders: [], environment, span: expression.span });
    }
  }
  if (expression.kind === "parenthesised") return stageFrom(expression.value, environment);
  if (expression.kind === "pipe") {
    const value = evaluatePipe(expression, environment);
    return value.kind === "stage"
      ? value
      : fail(environment, "not-a-stage", expression.span, { what: describe(value) });
  }
  const value =
    name !== null && expression.kind === "call"
      ? callStage(expression, environment)
      : evaluate(expression, environment);
  switch (value.kind) {
    case "stage":
      return value;
    case "definition":
      return bindOptions(value, { arguments: [], binders: [], environment, span: expression.span });
    case "function":
      return {
        kind: "stage",
        name: value.name,
        apply: (inputs, site) => {
          const bound = inputs.map((_, k) => ({
            name: null,
            value: { kind: "name" as const, name: `input ${k}`, span: site.span },
            span: site.span,
          }));
          const inner: Environment = {
            ...site.environment,
            lookup: (n) =>
              /^input \d+$/u.test(n) ? inputs[Number(n.slice(6))]! : site.environment.lookup(n),
          };
          return asTensor(
            value.call({ arguments: bound, binders: [], environment: inner, span: site.span }),
            site.environment,
            site.span,
          );
        },
      };
    case "tensor":
    case "number":
    case "boolean":
    case "text":
    case "draw":
    case "finals":
    case "word":
      return fail(environment, "not-a-stage", expression.span, { what: describe(value) });
    default:
      return value satisfies never;
  }
}

function callStage(expression: Call, environment: Environment): Value {
  const target = find((expression.callee as { name: string }).name, environment);
  if (target?.kind === "definition" && target.definition.options !== null)
    return bindOptions(target, {
      arguments: expression.arguments,
      binders: [],
      environment,
      span: expression.span,
    });
  return evaluate(expression, environment);
}

export const stageOf = (stage: Stage): Stage => stage;

// ---- definitions ------------------------------------------------------------------------------------------------

/** `f(a, b)` of one list gives its value; `f(options)` of two lists a stage. */
export function callDefinition(value: DefinitionValue, site: CallSite): Value {
  const { definition } = value;
  const [binder] = site.binders;
  if (binder) fail(site.environment, "binder-not-taken", binder.span, { name: definition.name.name });
  if (definition.options !== null) return bindOptions(value, site);
  const inputs = site.arguments.map((a) => ({ value: evaluate(a.value, site.environment), argument: a }));
  if (inputs.length !== definition.inputs.length)
    failCount(
      site,
      definition.name.name,
      definition.inputs.length,
      inputs.length,
      `Write \`${definition.name.name}(${definition.inputs.map((p) => p.name.name).join(", ")})\`.`,
      definedHere(value),
    );
  // What is not data (functions, stages, numbers) is bound like an option.
  const options = new Map<string, Value>();
  const tensors = inputs.map(({ value: v, argument }, k): Tensor | undefined => {
    if (v.kind === "tensor" || v.kind === "draw" || definition.kind === "cell")
      return asTensor(v, site.environment, argument.value.span);
    options.set(definition.inputs[k]!.name.name, v);
    return undefined;
  });
  if (definition.kind === "cell")
    return applyCell(
      value,
      options,
      tensors as Tensor[],
      openChild(site.environment, definition.name),
      { environment: site.environment, span: site.span, backward: false },
      noCellOptions,
    );
  return runBody({
    definition: value,
    options,
    inputs: tensors as Tensor[],
    environment: site.environment,
    path: site.environment.path,
    recurrence: site.environment.recurrence,
    span: site.span,
  }).value;
}

const isFlag = (parameter: Parameter): boolean =>
  parameter.choices !== null && parameter.choices.length === 0;

/** Binds a call's arguments to the options of a definition: words first, then by place, then defaults. */
export function bindOptions(value: DefinitionValue, site: CallSite): Stage {
  const { definition } = value;
  const { environment } = site;
  const parameters = definition.options ?? [];
  const options = new Map<string, Value>();
  const places = parameters.filter((p) => p.choices === null);
  let extras: CellOptions = noCellOptions;
  let next = 0;
  const set = (name: string, option: Value, span: Span): void => {
    if (options.has(name)) fail(environment, "option-twice", span, { name });
    options.set(name, option);
  };
  const cellOption = (argument: Argument): boolean => {
    const more = definition.kind === "cell" ? withCellOption(extras, argument, environment) : null;
    if (more) extras = more;
    return more !== null;
  };
  for (const argument of site.arguments) {
    const word =
      argument.name === null && argument.value.kind === "name"
        ? wordOption(parameters, argument.value.name)
        : null;
    if (word) set(word.parameter.name.name, word.value, argument.span);
    else if (argument.name !== null) {
      const name = argument.name.name;
      const parameter = parameters.find((p) => p.name.name === name);
      if (parameter) set(name, optionValue(parameter, argument, environment), argument.span);
      else if (cellOption(argument)) continue;
      else unknownOption(definition, name, argument.name.span, environment);
    } else if (cellOption(argument)) continue;
    else {
      const parameter = places[next++];
      if (isMisspeltWord(argument.value, definition, environment, parameter === undefined))
        unknownOption(definition, stageName(argument.value)!, argument.span, environment);
      else if (!parameter)
        fail(environment, "too-many-options", argument.span, {
          stage: definition.name.name,
          known: optionList(definition),
        });
      else set(parameter.name.name, optionValue(parameter, argument, environment), argument.span);
    }
  }
  return {
    kind: "stage",
    name: definition.name.name,
    apply: (inputs, at) => applyDefinition(value, options, inputs, at, extras),
  };
}

/** A bare name that means nothing is a misspelt flag or choice, if it is near one or no value is due. */
const isMisspeltWord = (
  expression: Expression,
  definition: DefinitionStatement,
  environment: Environment,
  noPlace: boolean,
): boolean =>
  expression.kind === "name" &&
  find(expression.name, environment) === null &&
  (noPlace ||
    nearest(expression.name, optionWords(definition)) !== null ||
    nearest(expression.name, [...environment.names(), ...Object.keys(builtinFunctions)]) === null);

const optionWords = ({ options, kind }: DefinitionStatement): readonly string[] => [
  ...(options ?? []).flatMap((p) => [p.name.name, ...(p.choices ?? []).map((c) => c.name)]),
  ...(kind === "cell" ? cellOptionNames : []),
];

/** `n`, `reset` (`before` or `after`), … */
function optionList({ options, kind }: DefinitionStatement): string {
  const own = (options ?? []).map(({ name, choices }) =>
    choices && choices.length > 0
      ? `\`${name.name}\` (${orList(choices.map((c) => c.name))})`
      : `\`${name.name}\``,
  );
  return [...own, ...(kind === "cell" ? cellOptionNames.map((n) => `\`${n}\``) : [])].join(", ") || "none";
}

function wordOption(
  parameters: readonly Parameter[],
  word: string,
): { parameter: Parameter; value: Value } | null {
  for (const parameter of parameters) {
    if (isFlag(parameter) && parameter.name.name === word)
      return { parameter, value: { kind: "boolean", value: true } };
    if (parameter.choices?.some((c) => c.name === word)) return { parameter, value: { kind: "word", word } };
  }
  return null;
}

function optionValue(parameter: Parameter, argument: Argument, environment: Environment): Value {
  const { value } = argument;
  if (parameter.choices && value.kind === "name") {
    const { name } = value;
    if (isFlag(parameter) && (name === "true" || name === "false"))
      return { kind: "boolean", value: name === "true" };
    if (parameter.choices.some((c) => c.name === name)) return { kind: "word", word: name };
    if (!isFlag(parameter))
      fail(environment, "unknown-choice", value.span, {
        name,
        option: parameter.name.name,
        choices: orList(parameter.choices.map((c) => c.name)),
        nearest:
          nearest(
            name,
            parameter.choices.map((c) => c.name),
          ) ?? "",
      });
  }
  const result = evaluate(value, environment);
  const { name } = parameter.name;
  if (parameter.choices && isFlag(parameter) && result.kind !== "boolean")
    fail(environment, "flag-value", value.span, { name, what: describe(result) });
  if (parameter.choices && !isFlag(parameter) && result.kind !== "word")
    fail(environment, "unknown-choice", value.span, {
      name: result.kind === "number" ? `${result.value}` : "this",
      option: name,
      choices: orList(parameter.choices.map((c) => c.name)),
      nearest: "",
    });
  return result;
}

function unknownOption(
  definition: DefinitionStatement,
  name: string,
  span: Span,
  environment: Environment,
): never {
  return fail(environment, "unknown-option", span, {
    stage: definition.name.name,
    name,
    nearest: nearest(name, optionWords(definition)) ?? "",
    known: optionList(definition),
  });
}

function applyDefinition(
  value: DefinitionValue,
  given: ReadonlyMap<string, Value>,
  inputs: readonly Tensor[],
  site: StageSite,
  extras: CellOptions,
): Tensor {
  const { definition, closure } = value;
  const { environment } = site;
  const path = openChild(environment, definition.name);
  if (inputs.length !== definition.inputs.length)
    failCount(
      site,
      definition.name.name,
      definition.inputs.length,
      inputs.length,
      inputs.length === 1 ? "What flows in by `>>` is one value; call it as a function of several." : "",
      definedHere(value),
    );
  const options = new Map<string, Value>();
  for (const parameter of definition.options ?? []) {
    const { name } = parameter.name;
    const set = given.get(name);
    if (set) options.set(name, set);
    else if (isFlag(parameter)) options.set(name, { kind: "boolean", value: false });
    else if (parameter.default) {
      const word = parameter.default.kind === "name" ? parameter.default.name : null;
      if (word !== null && parameter.choices?.some((c) => c.name === word))
        options.set(name, { kind: "word", word });
      else
        options.set(
          name,
          evaluate(parameter.default, {
            ...closure,
            session: environment.session,
            lookup: (n) => options.get(n) ?? closure.lookup(n),
          }),
        );
    } else {
      const origin = { file: environment.file, span: site.span };
      options.set(
        name,
        number(
          environment.session.sizes.fresh(
            `${path.name}.${name}`,
            origin,
            `\`${name}\` of \`${definition.name.name}\``,
            `Give it in the call: \`${definition.name.name}(${name} = …)\`.`,
          ),
        ),
      );
    }
  }
  const located = (result: Tensor): Tensor => ({
    ...result,
    origin: { file: environment.file, span: site.span },
  });
  if (definition.kind === "cell") return located(applyCell(value, options, inputs, path, site, extras));
  return located(
    runBody({
      definition: value,
      options,
      inputs,
      environment,
      path,
      recurrence: environment.recurrence,
      span: site.span,
    }).value,
  );
}

const definedHere = ({ definition, closure }: DefinitionValue): readonly Note[] =>
  closure.file.startsWith("std/") ? [] : [firstPlace({ span: definition.headerSpan }, closure.file)];

export function failSequence(stage: string, value: Tensor, environment: Environment, span: Span): never {
  const way =
    value.origin && value.node.op !== "input"
      ? `What stands before it has no steps; \`${stage}\` needs a value for each.`
      : "Declare the axis, as in `f32[T, 39]`; or use `dense` where there is no sequence.";
  fail(environment, "sequence-wanted", span, { stage, type: describe(value), way });
}

/** The axis that recurrent and pooling stages run along: the innermost of the sequence's, or the one named. */
export function runningAxis(
  value: Tensor,
  along: string | null,
  stage: string,
  environment: Environment,
  span: Span,
): Axis {
  const candidates = value.axes.map((a) => a.axis);
  if (along !== null) {
    const named = value.axes.find((a) => a.name === along);
    if (!named)
      fail(environment, "no-such-axis", span, {
        axis: along,
        nearest:
          nearest(
            along,
            value.axes.map((a) => a.name),
          ) ?? "",
      });
    return named.axis;
  }
  const axis =
    [...candidates]
      .sort(build.axisOrder)
      .reverse()
      .find((a) => a.kind === "time") ?? candidates[candidates.length - 1];
  return axis ?? failSequence(stage, value, environment, span);
}
