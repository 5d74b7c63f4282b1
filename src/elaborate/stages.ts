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
import { nearest } from "../diagnostics/nearest.ts";
import { openChild, runBody } from "./body.ts";
import { applyCell } from "./cells.ts";
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
  if (definition.options !== null) return bindOptions(value, site);
  const inputs = site.arguments.map((a) => ({ value: evaluate(a.value, site.environment), argument: a }));
  if (inputs.length !== definition.inputs.length)
    fail(site.environment, "argument-count", site.span, {
      name: definition.name.name,
      wanted: definition.inputs.length,
      found: inputs.length,
    });
  // What is not data (functions, stages, numbers) is bound like an option.
  const options = new Map<string, Value>();
  const tensors = inputs.map(({ value: v, argument }, k): Tensor | undefined => {
    if (v.kind === "tensor" || v.kind === "draw") return asTensor(v, site.environment, argument.value.span);
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
      noExtras,
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

/** Options that every recurrent stage takes. */
export interface Extras {
  readonly along: string | null;
  readonly stateful: boolean;
}

const noExtras: Extras = { along: null, stateful: false };

const isFlag = (parameter: Parameter): boolean =>
  parameter.choices !== null && parameter.choices.length === 0;

/** Binds a call's arguments to the options of a definition: words first, then by place, then defaults. */
export function bindOptions(value: DefinitionValue, site: CallSite): Stage {
  const { definition } = value;
  const { environment } = site;
  const parameters = definition.options ?? [];
  const options = new Map<string, Value>();
  const places = parameters.filter((p) => p.choices === null);
  let extras: Extras = noExtras;
  let next = 0;
  for (const argument of site.arguments) {
    const word =
      argument.name === null && argument.value.kind === "name"
        ? wordOption(parameters, argument.value.name)
        : null;
    if (word) options.set(word.parameter.name.name, word.value);
    else if (argument.name !== null) {
      const name = argument.name.name;
      const parameter = parameters.find((p) => p.name.name === name);
      if (parameter) options.set(name, optionValue(parameter, argument, environment));
      else if (definition.kind === "cell" && name === "along")
        extras = { ...extras, along: stageName(argument.value) };
      else unknownOption(definition, name, argument.name.span, environment);
    } else if (definition.kind === "cell" && stageName(argument.value) === "stateful")
      extras = { ...extras, stateful: true };
    else {
      const parameter = places[next++];
      if (!parameter || isUnknownWord(argument.value, environment))
        unknownOption(definition, stageName(argument.value) ?? "this", argument.span, environment);
      else options.set(parameter.name.name, optionValue(parameter, argument, environment));
    }
  }
  return {
    kind: "stage",
    name: definition.name.name,
    apply: (inputs, at) => applyDefinition(value, options, inputs, at, extras),
  };
}

/** A bare name that means nothing is a misspelt flag or choice. */
const isUnknownWord = (expression: Expression, environment: Environment): boolean =>
  expression.kind === "name" && find(expression.name, environment) === null;

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
        choices: parameter.choices.map((c) => `\`${c.name}\``).join(", "),
        nearest:
          nearest(
            name,
            parameter.choices.map((c) => c.name),
          ) ?? "",
      });
  }
  return evaluate(value, environment);
}

function unknownOption(
  definition: DefinitionStatement,
  name: string,
  span: Span,
  environment: Environment,
): never {
  const known = (definition.options ?? []).flatMap((p) => [
    p.name.name,
    ...(p.choices ?? []).map((c) => c.name),
  ]);
  return fail(environment, "unknown-option", span, {
    stage: definition.name.name,
    name,
    nearest: nearest(name, known) ?? "",
    known: known.map((n) => `\`${n}\``).join(", "),
  });
}

function applyDefinition(
  value: DefinitionValue,
  given: ReadonlyMap<string, Value>,
  inputs: readonly Tensor[],
  site: StageSite,
  extras: Extras,
): Tensor {
  const { definition, closure } = value;
  const { environment } = site;
  const path = openChild(environment, definition.name);
  if (inputs.length !== definition.inputs.length)
    fail(environment, "argument-count", site.span, {
      name: definition.name.name,
      wanted: definition.inputs.length,
      found: inputs.length,
    });
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
  return axis ?? fail(environment, "sequence-wanted", span, { stage, type: describe(value) });
}
