/**
 * Pipelines and stages: options bound to a definition, a stage applied to what flows into it, modifiers applied to
 * the stage on their left.
 */
import type { Call, Expression, Pipe } from "../parser/ast.ts";
import { fail, type Environment } from "./environment.ts";
import { evaluate, find } from "./evaluate.ts";
import { builtinStages, modifiers } from "./layers.ts";
import { bindOptions } from "./options.ts";
import { applyOutputLayer, outputLayer } from "./output-layers.ts";
import { asTensor, describe } from "./tensors.ts";
import type { Stage, Tensor, Value } from "./values.ts";

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
    case "list":
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
