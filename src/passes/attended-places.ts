/**
 * attended-places: where in its source a model looks while it chooses each entry.
 *
 *   c = contract [S] a m     gives beside it     argmax [S] a
 *
 * An attention, whatever it is called and however its scores are made, is a sum over the source's places of what is known
 * before any choice, by shares that depend on the choices. The last such sum counts. Where the memory is the source
 * turned around (`reverse`), so are its places.
 *
 * Needs: the graph of `predict`, after the passes that all entries share. Makes true: a graph with one more output, the
 * place by step; null where nothing looks at the source, or it can't be told which way round.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Graph, Node, Output } from "../ir/graph/types.ts";
import { dependents, rewrite, scopes, topological } from "../ir/graph/walk.ts";
import { feedbackNodes, type Feedback } from "./part-generator.ts";

/** `source` is the name of the data that is looked at, `output` that of the output which is added. */
export function attendedPlaces(
  graph: Graph,
  { axis, data, output, start }: Feedback,
  source: string,
  name: string,
): Graph | null {
  const root = graph.outputs.find((o) => o.name === output)?.value;
  if (!root) return null;
  const moving = dependents([root], feedbackNodes(graph, data, start));
  const turned = turns(source);
  const scans = topological([root]).filter(
    (node): node is Node<"scan"> => node.op === "scan" && node.attributes.axis === axis && moving.has(node),
  );
  const all = scopes();
  const holderOf = (node: Node): Node<"scan"> | null =>
    scans.find((scan) => all.inside(scan).has(node)) ?? null;
  const isMoving = (node: Node): boolean => moving.has(node) || holderOf(node) !== null;

  for (const sum of topological([root]).reverse()) {
    if (sum.op !== "contract" || sum.attributes.axes.length > 1) continue;
    const [along] = sum.attributes.axes as [Axis];
    const { source: ragged, times, plus, by } = build.lengthRule(along);
    const [a, b] = sum.operands as [Node, Node];
    const [shares, memory] = isMoving(a) ? [a, b] : [b, a];
    const isWhole = times === 1 && plus === 0 && by === 1;
    if (!build.isRagged(along) || !isWhole || !isMoving(shares) || isMoving(memory)) continue;
    const way = turned(memory, ragged);
    const holder = holderOf(shares);
    const step = [...build.lengthAxes(axis), along, ...(holder ? [] : [axis])];
    if (way === null || !build.sameAxes(shares.type.axes, step)) continue;
    const place = build.reduce("argmax", shares, [along]);
    const [whole, outputs] = holder ? kept(graph.outputs, holder, place) : [place, graph.outputs];
    const last = build.sub(build.length(ragged), build.constant(1, "i32"));
    const value = way ? build.sub(build.broadcast(last, whole.type.axes), whole) : whole;
    return { ...graph, outputs: [...outputs, { name, role: "predict", value }] };
  }
  return null;
}

/** All steps of a value in a recurrence, which is one of its outputs from then on. */
function kept(
  outputs: readonly Output[],
  holder: Node<"scan">,
  value: Node,
): readonly [Node, readonly Output[]] {
  const parts = build.scanParts(holder);
  const larger = build.scan({ ...parts, outputs: [...parts.outputs, value] }, holder.label);
  const values = rewrite(
    outputs.map((o) => o.value),
    (node) => node,
    new Map(),
    (node) => (node === holder ? larger : node),
  );
  return [
    build.scanOutput(larger, parts.outputs.length),
    outputs.map((output, k) => ({ ...output, value: values[k]! })),
  ];
}

/** Whether a value has the source the other way round along its axis; null where it hasn't it, or both ways. */
function turns(source: string): (value: Node, axis: Axis) => boolean | null {
  const { reads } = scopes();
  const known = new Map<Node, ReadonlySet<boolean>>();
  const waysOf = (node: Node, axis: Axis): ReadonlySet<boolean> => {
    const found = known.get(node);
    if (found) return found;
    const below = new Set(reads(node).flatMap((x) => [...waysOf(x, axis)]));
    const flips = node.op === "reverse" && build.lengthRule(node.attributes.axis).source === axis;
    const isSource = node.op === "input" && node.attributes.name === source && build.hasAxis(node, axis);
    const ways = isSource ? new Set([false]) : flips ? new Set([...below].map((way) => !way)) : below;
    known.set(node, ways);
    return ways;
  };
  return (value, axis) => {
    const [way, other] = waysOf(value, axis);
    return way === undefined || other !== undefined ? null : way;
  };
}
