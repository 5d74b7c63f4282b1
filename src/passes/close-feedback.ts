/**
 * close-feedback: a model that reads numbers of its own (`prev(frames)`), left to itself.
 *
 *   y = f(shift [T] frames, x)     becomes     y = scan over T: the last y is a state, and f(it, x) the next one
 *
 * What does not depend on what is fed back stays outside, whole; the rest becomes the body, step by step (`stepify`), with
 * the recurrences of the model as states among its own. Nothing is chosen on the way, so the result is one more recurrence,
 * which every backend runs as it runs others.
 *
 * Needs: the graph as elaboration made it, where the nodes of `prev` are still those that it says. Makes true: no output
 * reads as data what is fed back.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Graph, Node, Output } from "../ir/graph/types.ts";
import { dependents, nodesOf, rewrite, scopes } from "../ir/graph/walk.ts";
import { stepify } from "./stepify.ts";

export interface FedBack {
  readonly data: string;
  /** What `prev` gives: the data one step later. */
  readonly nodes: readonly Node[];
  /** What stands in the data's place: the value of an output, of the same axes. */
  readonly output: Node;
  /** What the first step reads. */
  readonly start: Node;
  /** The output that hands the last step's value on to another call; null: none does. */
  readonly carry: string | null;
}

export type Closed = { readonly graph: Graph } | { readonly refusal: string };

const fresh = "closed.fresh";
const stateName = (name: string): string => `closed.state:${name}`;
const fedName = (data: string): string => `closed.fed:${data}`;

/** Closes all that is fed back along one axis. */
export function closeFeedback(graph: Graph, axis: Axis, fed: readonly FedBack[]): Closed {
  const roots = [...graph.outputs, ...fed.map(({ output }) => ({ value: output }))].map((o) => o.value);
  const buffers = new Map(
    fed.flatMap(({ data, nodes, start }) => {
      const buffer = build.input(fedName(data), "f32", start.type.axes);
      return nodes.map((node) => [node, buffer] as const);
    }),
  );
  const moving = dependents(roots, buffers.keys());
  const outside = new Set(scopes().level(roots));
  const elements = elementsOf(axis);
  const position = build.position();

  const instead = (node: Node): Node | null => {
    const buffer = buffers.get(node);
    if (buffer) return buffer;
    if (node.op === "position") return position;
    if (!outside.has(node) || moving.has(node) || node.op === "scan" || node.op === "broadcast") return null;
    return build.hasAxis(node, axis) ? elements.of(node) : node;
  };
  const moved = graph.outputs.filter(({ value }) => moving.has(value));
  const fedOutputs = fed.map(({ data, output }): Output => ({
    name: fedName(data),
    role: "predict",
    value: output,
  }));
  const stepped = stepify({ ...graph, outputs: [...moved, ...fedOutputs] }, axis, {
    input: (name) => name,
    fresh,
    state: stateName,
    carry: true,
    instead,
  });
  if ("refusal" in stepped) return stepped;

  const { states, known } = statesOf(stepped.graph, fed, position);
  const steps = rewrite(
    stepped.graph.outputs.map(({ value }) => value),
    (node) => node,
    known,
  );
  const next = new Map(stepped.graph.outputs.map(({ name }, k) => [name, steps[k]!]));
  const [sequences, ends] = [true, false].map((is) =>
    moved.filter(({ value }) => build.hasAxis(value, axis) === is),
  ) as [Output[], Output[]];
  const scan = build.scan({
    axis,
    reverse: false,
    position,
    states: [
      ...states.map((state) => ({ ...state, next: next.get(state.formal.attributes.name)! })),
      // What is no sequence is a state that the last step leaves.
      ...ends.map(({ name, value: { type } }) => ({
        formal: build.state(name, type),
        start: build.filled(0, type),
        next: next.get(name)!,
      })),
    ],
    elements: elements.used(),
    outputs: sequences.map(({ name }) => next.get(name)!),
  });
  const values = new Map([
    ...sequences.map(({ name }, k) => [name, build.scanOutput(scan, k)] as const),
    ...ends.map(({ name }, k) => [name, build.finalState(scan, states.length + k)] as const),
  ]);
  const carried = fed.flatMap(({ data, carry }): Output[] => {
    const k = states.findIndex(({ formal }) => formal.attributes.name === fedName(data));
    return carry === null ? [] : [{ name: carry, role: "carry", value: build.finalState(scan, k) }];
  });
  const closed = graph.outputs.map((o): Output => ({ ...o, value: values.get(o.name) ?? o.value }));
  return { graph: { ...graph, outputs: [...closed, ...carried] } };
}

/** Of sequences that are known from the beginning, this step's elements. */
function elementsOf(axis: Axis) {
  const formals = new Map<Node, Node<"element">>();
  return {
    of: (sequence: Node): Node<"element"> => {
      const known = formals.get(sequence);
      if (known) return known;
      const formal = build.element(sequence.label ?? sequence.op, sequence.type, axis);
      formals.set(sequence, formal);
      return formal;
    },
    used: () => [...formals].map(([sequence, formal]) => ({ sequence, formal })),
  };
}

/** The states of the body, each named as the output that says what comes next, and what stands for the buffers of a step. */
function statesOf(step: Graph, fed: readonly FedBack[], position: Node<"position">) {
  const buffers = new Map(nodesOf(step, "input").map((node) => [node.attributes.name, node]));
  const known = new Map<Node, Node>();
  const read = step.outputs.flatMap(({ name }) => buffers.get(name) ?? []);
  const states = read.map((buffer) => {
    const formal = build.state(buffer.attributes.name, buffer.type);
    known.set(buffer, formal);
    const own = fed.find(({ data }) => fedName(data) === buffer.attributes.name);
    return { formal, start: own?.start ?? build.filled(0, buffer.type) };
  });
  const flag = buffers.get(fresh);
  if (!flag) return { states, known };
  // At the first step a state is what `stepify` selects for it: what it starts from where that is known outside.
  const inBody = dependents(
    step.outputs.map(({ value }) => value),
    [...read, ...nodesOf(step, "element"), position],
  );
  for (const node of nodesOf(step, "select")) {
    const [condition, start, kept] = node.operands as [Node, Node, Node];
    const state = states.find(({ formal }) => known.get(kept) === formal);
    if (!state || !readsFlag(condition, flag) || inBody.has(start)) continue;
    known.set(node, state.formal);
    state.start = start;
  }
  const isFirst = build.binary("eq", position, build.constant(0, "i32"));
  const first = build.select(isFirst, build.constant(1, "i32"), build.constant(0, "i32"));
  known.set(flag, build.broadcast(first, flag.type.axes));
  return { states, known };
}

const readsFlag = ({ op, operands }: Node, flag: Node): boolean => op === "binary" && operands[0] === flag;
