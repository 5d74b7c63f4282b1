/**
 * A cell applied: to a sequence it becomes a scan along the running axis; called within another cell's step, its
 * state becomes part of the outer.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import type { BodyStatement, Expression } from "../parser/ast.ts";
import { within } from "../parser/expression-parts.ts";
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { runBody } from "./body.ts";
import type { Path } from "./environment.ts";
import { attempts, closeScan, readElement, readState, type Recurrence } from "./recurrence.ts";
import { startFrom, type CellOptions } from "./cell-options.ts";
import { concatTensors } from "./vectors.ts";
import { runningAxis } from "./running-axis.ts";
import { featureOf, listedLike, tensor } from "./tensors.ts";
import type { DefinitionValue, Stage, StageSite, Tensor, Value } from "./values.ts";

export function applyCell(
  definition: DefinitionValue,
  options: ReadonlyMap<string, Value>,
  inputs: readonly Tensor[],
  path: Path,
  site: StageSite,
  extras: CellOptions,
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
    environment.session.looksAhead.push({
      what: name,
      axis,
      of: first!.node,
      file: environment.file,
      span: site.span,
    });
  const guesses = new Map<string, readonly Axis[]>();
  for (let attempt = 0; attempt < attempts; attempt++) {
    const recurrence: Recurrence = {
      axis,
      name: "t",
      lives: true,
      backward: site.backward,
      reverse: site.backward !== later,
      position: build.position(),
      carried: build.without(first!.node.type.axes, [axis, ...featureAxes(first!.node)]),
      states: new Map(),
      elements: [],
      guesses,
      stateful: extras.stateful,
      startFrom: startFrom(extras, { ...path, count: new Map() }, environment),
      dropout: site.recurrentDropout ?? 0,
      path: path.name,
    };
    const body = { ...environment, recurrence };
    const own: Path = { ...path, count: new Map() };
    const step = { ...call, environment: body, path: own, recurrence };
    const result = extras.feed ? fedStep(extras.feed, step) : runBody(step).value;
    const closed = closeScan([result], recurrence, body, path.name);
    if (closed) return listedLike(closed[0]!, first!);
  }
  throw new CompilerBug(`the axes of ${name}'s states do not settle`);
}

/** One step with feeding: the stage's last result joins the input, and the stage's result is the output. */
function fedStep(feed: Stage, call: Parameters<typeof runBody>[0]): Tensor {
  const { environment, path, span } = call;
  const recurrence = call.recurrence!;
  const [x] = call.inputs as [Tensor];
  const input = readElement(`${path.name}.x`, x.node, 0, recurrence);
  let result: Tensor | null = null;
  const fed = readState(
    { key: `${path.name}.feed`, declared: null, span, start: null, next: () => result! },
    recurrence,
    environment,
  );
  const joined = concatTensors([tensor(input), tensor(fed)], environment, { span });
  const output = runBody({ ...call, inputs: [joined] }).value;
  const inner = { ...environment, path: { ...path, count: new Map<string, number>() } };
  result = feed.apply([output], { environment: inner, span, backward: false });
  return result;
}

const featureAxes = (node: Node): readonly Axis[] => {
  const axis = featureOf(node);
  return axis ? [axis] : [];
};

/** Whether equations read themselves at `t + 1`: then the recurrence runs from the end. */
function readsLater(body: readonly BodyStatement[]): boolean {
  const equations = new Set(body.flatMap((s) => (s.kind === "equation" ? [s.name.name] : [])));
  const isLater = (e: Expression): boolean => {
    if (e.kind !== "index" || e.operand.kind !== "name" || !equations.has(e.operand.name)) return false;
    const [i] = e.indices;
    return i?.kind === "binary" && i.operator === "+" && i.left.kind === "name" && i.left.name === "t";
  };
  return body.some(
    (s) => (s.kind === "equation" || s.kind === "return") && [...within(s.value)].some(isLater),
  );
}
