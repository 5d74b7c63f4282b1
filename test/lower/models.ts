/** Small models made with the graph's builder: what the tests of lowering and fusion run. */
import * as g from "../../src/ir/graph/build.ts";
import type { Axis, Graph, Initialiser, Node, Output, Role } from "../../src/ir/graph/types.ts";

const start: Initialiser = { kind: "glorot" };
export const weight = (name: string, ...axes: readonly Axis[]): Node<"param"> =>
  g.param({ name, axes, initialiser: start });

export const graphOf = (...outputs: readonly (readonly [string, Node, Role?])[]): Graph => ({
  name: "test",
  outputs: outputs.map(([name, value, role = "predict"]): Output => ({ name, role, value })),
});

export const T = g.raggedAxis("T", 0);
export const S = g.fixedAxis("S", 5, 1, "time");
export const d = g.fixedAxis("d", 3, 0);
export const n = g.fixedAxis("n", 6, 1);
export const n2 = g.fixedAxis("n2", 6, 2);
export const v = g.fixedAxis("v", 7, 3);
export const gates = g.fixedAxis("gates", 4, 0, "stack");
export const B = g.batch;

const sum = (...terms: readonly Node[]): Node =>
  terms.reduce((a, b) => {
    const axes = g.union(a.type.axes, b.type.axes);
    return a.type.axes.length >= b.type.axes.length
      ? g.add(a, g.broadcast(b, g.without(axes, b.type.axes)))
      : g.add(g.broadcast(a, axes), b);
  });

export const affine = (x: Node, name: string, from: Axis, to: Axis): Node =>
  sum(g.contract(weight(`${name}.W`, to, from), x, [from]), weight(`${name}.b`, to));

export interface Recurrence {
  readonly h: Node;
  readonly last: Node;
}

/** A scan over states of n units, from zeros. */
export function recur(
  x: Node,
  axis: Axis,
  names: readonly string[],
  step: (x: Node, states: readonly Node[], position: Node) => readonly Node[],
  options: { readonly reverse?: boolean; readonly units?: Axis } = {},
): Recurrence {
  const type = { dtype: "f32", axes: [B, options.units ?? n] } as const;
  const states = names.map((name) => g.state(name, type));
  const formal = g.element("x", x.type, axis);
  const position = g.position();
  const next = step(formal, states, position);
  const scan = g.scan({
    axis,
    reverse: options.reverse ?? false,
    position,
    states: states.map((s, k) => ({ formal: s, next: next[k]!, start: g.filled(0, type) })),
    elements: [{ formal, sequence: x }],
    outputs: [next[next.length - 1]!],
  });
  return { h: g.scanOutput(scan, 0), last: g.finalState(scan, next.length - 1) };
}

const hidden = (h: Node): Node => g.rename(h, n, n2);

export function elman(x: Node, axis: Axis, reverse = false): Recurrence {
  return recur(
    x,
    axis,
    ["h"],
    (e, [h]) => [
      g.unary("tanh", sum(affine(e, "rnn", d, n), g.contract(weight("rnn.U", n, n2), hidden(h!), [n2]))),
    ],
    { reverse },
  );
}

/** With the products merged and hoisted by hand: as the passes leave it. */
export function lstm(x: Node, axis: Axis, options: { peephole?: boolean } = {}): Recurrence {
  const four = (name: string, ...axes: readonly Axis[]): Node =>
    g.mergedParam(
      name,
      ["i", "f", "g", "o"].map((k) => ({ name: `lstm.${k}.${name}`, axes, initialiser: start })),
      gates,
    );
  const lifted = sum(g.contract(four("W", n, d), x, [d]), four("b", n));
  return recur(lifted, axis, ["c", "h"], (e, [c, h]) => {
    const a = g.add(e, g.contract(four("U", n, n2), hidden(h!), [n2]));
    const gate = (k: number): Node => g.pick(a, gates, k);
    const peep = (name: string, of: Node): Node => g.mul(of, g.broadcast(weight(`lstm.${name}.p`, n), [B]));
    const i = g.unary("sigmoid", options.peephole ? g.add(gate(0), peep("i", c!)) : gate(0));
    const f = g.unary("sigmoid", options.peephole ? g.add(gate(1), peep("f", c!)) : gate(1));
    const after = g.add(g.mul(f, c!), g.mul(i, g.unary("tanh", gate(2))));
    const o = g.unary("sigmoid", options.peephole ? g.add(gate(3), peep("o", after)) : gate(3));
    return [after, g.mul(o, g.unary("tanh", after))];
  });
}

/** Reset before the product, as Cho 2014 has it. */
export function gru(x: Node, axis: Axis): Recurrence {
  return recur(x, axis, ["h"], (e, [h]) => {
    const of = (name: string, state: Node): Node =>
      sum(affine(e, name, d, n), g.contract(weight(`${name}.U`, n, n2), hidden(state), [n2]));
    const z = g.unary("sigmoid", of("z", h!));
    const r = g.unary("sigmoid", of("r", h!));
    const c = g.unary("tanh", of("c", g.mul(r, h!)));
    const keep = g.sub(g.broadcast(g.constant(1), z.type.axes), z);
    return [g.add(g.mul(z, h!), g.mul(keep, c))];
  });
}

/** Mean over the batch of the sum over steps of -log softmax at the target. */
export function crossEntropy(logits: Node, target: Node, axis: Axis | null): Node {
  const norm = g.reduce("logsumexp", logits, [v]);
  const loss = g.sub(norm, g.gather(logits, target, v));
  const steps = axis ? g.reduce("sum", loss, [axis]) : loss;
  return g.div(g.reduce("sum", steps, [B]), g.unary("float", g.length(B)));
}

export const sequence = (axis: Axis = T): Node => g.input("x", "f32", [axis, B, d]);
export const targets = (axis: Axis = T): Node => g.input("y", "i32", [axis, B]);
