/**
 * A cell applied: to a sequence it becomes a scan along the running axis; called within another cell's step, its
 * state becomes part of the outer.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import type { BodyStatement, Expression } from "../parser/ast.ts";
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { runBody } from "./body.ts";
import type { Path } from "./environment.ts";
import { closeScan, type Recurrence } from "./recurrence.ts";
import { runningAxis, type Extras } from "./stages.ts";
import { featureOf, listedLike } from "./tensors.ts";
import type { DefinitionValue, StageSite, Tensor, Value } from "./values.ts";

const attempts = 8;

export function applyCell(
  definition: DefinitionValue,
  options: ReadonlyMap<string, Value>,
  inputs: readonly Tensor[],
  path: Path,
  site: StageSite,
  extras: Extras,
): Tensor {
  const { environment } = site;
  const { name } = definition.definition.name;
  const [first] = inputs;
  const outer = environment.recurrence;
  const call = { definition, options, inputs, environment, span: site.span };
  // Inside a step, a value without a sequence axis is a step's value.
  if (outer && !first?.axes.some((a) => a.axis.kind === "time"))
    return runBody({ ...call, path, recurrence: outer }).value;

  const axis = runningAxis(first!, extras.along, name, environment, site.span);
  const later = readsLater(definition.definition.body);
  if (site.backward || later)
    environment.session.looksAhead.push({ what: name, axis, file: environment.file, span: site.span });
  const guesses = new Map<string, readonly Axis[]>();
  for (let attempt = 0; attempt < attempts; attempt++) {
    const recurrence: Recurrence = {
      axis,
      backward: site.backward,
      reverse: site.backward !== later,
      position: build.position(),
      carried: build.without(first!.node.type.axes, [axis, ...featureAxes(first!.node)]),
      states: new Map(),
      elements: new Map(),
      guesses,
      stateful: extras.stateful,
    };
    const body = { ...environment, recurrence };
    const result = runBody({
      ...call,
      environment: body,
      path: { ...path, count: new Map() },
      recurrence,
    }).value;
    const closed = closeScan(result, recurrence, body, path.name);
    if (closed) return listedLike(closed.sequence, first!);
  }
  throw new CompilerBug(`the axes of ${name}'s states do not settle`);
}

const featureAxes = (node: Node): readonly Axis[] => {
  const axis = featureOf(node);
  return axis ? [axis] : [];
};

/** Whether equations read themselves at `t + 1`: then the recurrence runs from the end. */
function readsLater(body: readonly BodyStatement[]): boolean {
  const equations = new Set(body.flatMap((s) => (s.kind === "equation" ? [s.name.name] : [])));
  const search = (e: Expression): boolean => {
    switch (e.kind) {
      case "number":
      case "string":
      case "name":
      case "length":
        return false;
      case "unary":
        return search(e.operand);
      case "binary":
        return search(e.left) || search(e.right);
      case "if":
        return search(e.condition) || search(e.then) || search(e.else);
      case "pipe":
        return e.stages.some(search);
      case "call":
        return search(e.callee) || e.arguments.some((a) => search(a.value));
      case "index": {
        const [i] = e.indices;
        const ahead =
          i?.kind === "binary" && i.operator === "+" && i.left.kind === "name" && i.left.name === "t";
        return (
          (ahead && e.operand.kind === "name" && equations.has(e.operand.name)) ||
          search(e.operand) ||
          e.indices.some(search)
        );
      }
      case "parenthesised":
        return search(e.value);
      default:
        return e satisfies never;
    }
  };
  return body.some((s) => (s.kind === "equation" || s.kind === "return") && search(s.value));
}
