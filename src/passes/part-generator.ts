/**
 * part-generator: a model that reads its own choices (`prev(reply)`), as two programs over the same weights.
 *
 *   predict = f(source, shift [L] reply)     becomes     begin: what the choices have no part in, left in buffers
 *                                                        next:  one step along L, from the last choice and those
 *
 * `begin` computes the encoder, the keys of an attention and what the decoder's states start from, once; of a sequence
 * along L itself (the words that are tagged) `next` reads the element of its step. What lies past an example's end is
 * left as zero, as inputs are. Axes other than L stay whole.
 *
 * Needs: the graph of `predict`, after the passes that all entries share. Makes true: `next` reads no input of the model
 * but lengths and the last choice; `begin` knows nothing of the choices.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, DType, Graph, Node, Output } from "../ir/graph/types.ts";
import { dependents, nodesOf, scopes } from "../ir/graph/walk.ts";
import { stepify } from "./stepify.ts";

export interface Feedback {
  /** The data that is chosen, and the output that it is chosen from. */
  readonly data: string;
  readonly output: string;
  /** What `prev` gives at the first step. */
  readonly start: number;
  readonly axis: Axis;
  /** Whether inputs run along the axis too, so that its length is known from the beginning. */
  readonly given: boolean;
}

export type Parted = { readonly begin: Graph | null; readonly next: Graph } | { readonly refusal: string };

/** Names of the buffers between the two, which the runtime's metadata repeats. */
export const generatorNames = {
  choice: (data: string): string => `next.input:${data}`,
  fresh: "next.fresh",
  kept: (name: string): string => `begin.state:${name}`,
  state: (name: string): string => `next.state:${name}`,
  output: (name: string): string => `next:${name}`,
};

/** The nodes of `prev`: the data one step later, the beginning before it. */
export function feedbackNodes(graph: Graph, data: string, start: number): readonly Node<"shift">[] {
  return nodesOf(graph, "shift").filter(({ operands, attributes }) => {
    const [x] = operands;
    const isData = x?.op === "input" && x.attributes.name === data;
    return isData && attributes.by === 1 && attributes.filler === start;
  });
}

export function partGenerator(graph: Graph, feedback: Feedback): Parted {
  const { axis, data, output, start } = feedback;
  const roots = graph.outputs.map(({ value }) => value);
  const choices = new Set<Node>(feedbackNodes(graph, data, start));
  const moving = dependents(roots, choices);
  const isFixed = fixedNodes(roots, moving, feedback);
  const kept = keeper();

  const instead = (node: Node, now: () => Node): Node | null => {
    if (choices.has(node))
      return build.input(generatorNames.choice(data), "i32", build.without(node.type.axes, [axis]));
    if (node.op === "length" && node.attributes.axis === axis && feedback.given) return node;
    if (!isFixed(node) || isView(node)) return null;
    const whole = kept.keep(node);
    return build.hasAxis(whole, axis) ? build.gather(whole, now(), axis) : whole;
  };
  const chosen = graph.outputs.filter(
    ({ name, role, value }) => moving.has(value) && (role === "carry" || name === output),
  );
  const stepped = stepify({ ...graph, outputs: chosen }, axis, {
    input: generatorNames.choice,
    fresh: generatorNames.fresh,
    state: generatorNames.state,
    carry: true,
    instead,
  });
  if ("refusal" in stepped) return stepped;
  const outputs = stepped.graph.outputs.map((o) =>
    o.role === "predict" ? { ...o, name: generatorNames.output(data) } : o,
  );
  const still = graph.outputs.filter(({ role, value }) => role === "carry" && !moving.has(value));
  const beginning = [...kept.outputs(), ...still];
  return {
    begin: beginning.length > 0 ? { name: `${graph.name}.begin`, outputs: beginning } : null,
    next: { name: `${graph.name}.next`, outputs },
  };
}

/** Costs nothing to take again from what lies beneath. */
const isView = (node: Node): boolean => node.op === "broadcast" || node.op === "pick" || node.op === "slice";

/**
 * What is computed once: it depends on inputs and not on choices. A value along the axis of the choices is only if that
 * axis has a length before any are made.
 */
function fixedNodes(
  roots: readonly Node[],
  moving: ReadonlySet<Node>,
  { axis, given }: Feedback,
): (node: Node) => boolean {
  const level = scopes().level(roots);
  const of = (is: (node: Node) => boolean): ReadonlySet<Node> => dependents(roots, level.filter(is));
  const reading = of(({ op }) => op === "input");
  const along = of(
    (node) => build.hasAxis(node, axis) || (node.op === "scan" && node.attributes.axis === axis),
  );
  const fixed = new Set(
    level.filter((node) => reading.has(node) && !moving.has(node) && (given || !along.has(node))),
  );
  return (node) => node.op !== "scan" && fixed.has(node);
}

/** Gives each value that `next` reads a buffer in which `begin` leaves it. */
function keeper() {
  const outputs: Output[] = [];
  const inputs = new Map<Node, Node>();
  const keep = (node: Node): Node => {
    const known = inputs.get(node);
    if (known) return known;
    const axes = build.union(node.type.axes, [build.batch]);
    const isBool = node.type.dtype === "bool";
    const number = isBool ? build.select(node, one, build.constant(0, "i32")) : node;
    const name = generatorNames.kept(`${outputs.length}.${node.label ?? node.op}`);
    outputs.push({ name, role: "carry", value: withoutPadding(build.broadcast(number, axes)) });
    const buffer = build.input(name, number.type.dtype as DType, axes);
    const made = isBool ? build.binary("eq", buffer, one) : buffer;
    inputs.set(node, made);
    return made;
  };
  return { keep, outputs: (): readonly Output[] => outputs };
}

const one = build.constant(1, "i32");

/** Zero past the end of each example, along every axis with lengths. */
function withoutPadding(value: Node): Node {
  const { axes, dtype } = value.type;
  return axes.filter(build.isRagged).reduce((node, ragged) => {
    const within = build.binary("lt", ...aligned(build.iota(ragged), build.length(ragged)));
    return build.select(build.broadcast(within, axes), node, build.constant(0, dtype as DType));
  }, value);
}

function aligned(a: Node, b: Node): [Node, Node] {
  const axes = build.union(a.type.axes, b.type.axes);
  return [build.broadcast(a, axes), build.broadcast(b, axes)];
}
