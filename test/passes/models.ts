/** Recurrent layers as the elaborator writes them: one product and one bias a gate, one equation after another. */
import * as b from "../../src/ir/graph/build.ts";
import type { Axis, Graph, Node, Output } from "../../src/ir/graph/types.ts";

export const T = b.raggedAxis("T", 0);

/** A feature axis and the second axis of its square matrices. */
export const feature = (size: number): Axis => b.fixedAxis(`d${size}`, size, size);
export const primed = (axis: Axis): Axis =>
  b.fixedAxis(`${axis.name}'`, b.fixedSize(axis), 1000 + axis.order, "named");

export interface Sizes {
  readonly D: Axis;
  readonly H: Axis;
  /** Beside `H`: the rows of a matrix onto `H`. */
  readonly rows: Axis;
  /** Beside `D` and `H`: the columns of matrices, where x is renamed and not the product. */
  readonly columns?: readonly Axis[];
}

export function sizes(d: number, h: number): Sizes {
  const H = feature(h);
  return { D: d === h ? H : feature(d), H, rows: primed(H) };
}

export const weight = (name: string, axes: readonly Axis[]): Node =>
  b.param({ name, axes, initialiser: { kind: "glorot" } });

/** `W @ x`: either the rows become the feature, or the feature becomes the columns first. */
export function linear(name: string, x: Node, from: Axis, { H, rows, columns }: Sizes): Node {
  const column = columns?.find((axis) => b.fixedSize(axis) === b.fixedSize(from));
  if (column) return b.contract(b.rename(x, from, column), weight(name, [H, column]), [column]);
  return b.rename(b.contract(x, weight(name, [rows, from]), [from]), rows, H);
}

export interface Layer {
  readonly outputs: Node;
  readonly last: Node;
}

type Step = (gate: (name: string) => Node, h: Node, c: Node, inputs: Inputs) => { h: Node; c: Node };

interface Inputs {
  readonly name: string;
  readonly x: Node;
  readonly from: Axis;
  readonly sizes: Sizes;
}

function recurrent(
  name: string,
  sequence: Node,
  from: Axis,
  s: Sizes,
  reverse: boolean,
  step: Step,
  cell = true,
): Layer {
  const type = { dtype: "f32", axes: b.union([b.batch, s.H]) } as const;
  const h = b.state("h", type);
  const c = b.state("c", type);
  const x = b.element("x", sequence.type, T);
  const inputs = { name, x, from, sizes: s };
  const gate = (k: string): Node =>
    b.add(
      b.add(linear(`${name}.${k}.Wx`, x, from, s), linear(`${name}.${k}.Uh`, h, s.H, s)),
      weight(`${name}.${k}.b`, [s.H]),
    );
  const next = step(gate, h, c, inputs);
  const start = b.filled(0, type);
  const scan = b.scan({
    axis: T,
    reverse,
    position: b.position(),
    states: [
      { formal: h, next: next.h, start },
      ...(cell ? [{ formal: c, next: next.c, start: b.filled(0, type) }] : []),
    ],
    elements: [{ formal: x, sequence }],
    outputs: [next.h],
  });
  return { outputs: b.scanOutput(scan, 0), last: b.finalState(scan, 0) };
}

export function lstm(name: string, x: Node, from: Axis, s: Sizes, reverse = false): Layer {
  return recurrent(name, x, from, s, reverse, (gate, _, c) => {
    const [i, f, g, o] = ["i", "f", "g", "o"].map(gate) as [Node, Node, Node, Node];
    const keep = b.mul(b.unary("sigmoid", f), c);
    const next = b.add(keep, b.mul(b.unary("sigmoid", i), b.unary("tanh", g)));
    return { c: next, h: b.mul(b.unary("sigmoid", o), b.unary("tanh", next)) };
  });
}

/** Cho et al. 2014: the reset gate before the product. */
export function gru(name: string, x: Node, from: Axis, s: Sizes, reverse = false): Layer {
  return recurrent(
    name,
    x,
    from,
    s,
    reverse,
    (gate, h, c, { x: input }) => {
      const n = b.add(
        b.add(
          linear(`${name}.n.Wx`, input, from, s),
          linear(`${name}.n.Uh`, b.mul(b.unary("sigmoid", gate("r")), h), s.H, s),
        ),
        weight(`${name}.n.b`, [s.H]),
      );
      const z = b.unary("sigmoid", gate("z"));
      return {
        c,
        h: b.add(b.mul(b.sub(b.constant(1), z), b.unary("tanh", n)), b.mul(z, h)),
      };
    },
    false,
  );
}

/** Variational dropout's opposite: a fresh mask on h at each step; and a square input, so that features share an axis. */
export function noisy(name: string, x: Node, from: Axis, s: Sizes): Layer {
  return recurrent(name, x, from, s, false, (gate, h, c) => {
    const mask = b.random("uniform", 7, h.type.axes, [T]);
    const kept = b.select(b.binary("lt", mask, b.constant(0.7)), h, b.constant(0));
    const next = b.unary("tanh", b.add(gate("a"), linear(`${name}.V`, kept, s.H, s)));
    return { c: b.add(c, next), h: next };
  });
}

export const audio = (D: Axis): Node => b.input("audio", "f32", [T, b.batch, D]);

/** Mean over the batch of the squares summed over all steps. */
export function loss(value: Node): Node {
  const target = b.input("target", "f32", value.type.axes);
  const difference = b.sub(value, target);
  const sum = b.reduce("sum", b.mul(difference, difference), value.type.axes);
  return b.div(sum, b.unary("float", b.length(b.batch)));
}

export function model(name: string, value: Node, training = true): Graph {
  const outputs: Output[] = [{ name: "y", role: "predict", value }];
  if (training) outputs.push({ name: "loss", role: "loss", value: loss(value) });
  return { name, outputs };
}

const small = sizes(3, 4);
const square = sizes(4, 4);

export const lstmModel = (): Graph => model("lstm", lstm("lstm", audio(small.D), small.D, small).outputs);

export const gruModel = (): Graph => model("gru", gru("gru", audio(small.D), small.D, small).last);

export function bilstmModel(s: Sizes = small): Graph {
  const x = audio(s.D);
  const forward = lstm("forward", x, s.D, s).outputs;
  const backward = lstm("backward", x, s.D, s, true).outputs;
  return model("bilstm", b.add(forward, backward));
}

/** The same with the feature renamed before each product. */
export const renamedModel = (): Graph =>
  bilstmModel({ ...small, columns: [primed(small.D), primed(small.H)] });

export function deepModel(): Graph {
  const first = lstm("1", audio(square.D), square.D, square).outputs;
  const second = gru("2", first, square.H, square).outputs;
  return model("deep", linear("out", lstm("3", second, square.H, square).last, square.H, square));
}

export const noisyModel = (): Graph =>
  model("noisy", noisy("noisy", audio(square.D), square.D, square).outputs);

/** An encoder and a decoder that attends to it: reductions over a captured ragged axis in a scan over another. */
export function attentionModel(): Graph {
  const S: Axis = { name: "S", kind: "time", size: { kind: "linear", of: T, times: 1, plus: 0 }, order: 1 };
  const s = square;
  const memory = b.rename(lstm("encoder", audio(s.D), s.D, s).outputs, T, S);
  const query = b.input("query", "f32", [T, b.batch, s.D]);
  const type = { dtype: "f32", axes: b.union([b.batch, s.H]) } as const;
  const h = b.state("h", type);
  const x = b.element("x", query.type, T);
  const keys = linear("keys", memory, s.H, s);
  const scores = b.contract(keys, h, [s.H]);
  const weights = b.unary("exp", b.sub(scores, b.reduce("logsumexp", scores, [S])));
  const context = b.contract(weights, memory, [S]);
  const sum = b.add(
    b.add(linear("W", x, s.D, s), linear("U", h, s.H, s)),
    b.add(linear("C", context, s.H, s), weight("b", [s.H])),
  );
  const next = b.unary("tanh", sum);
  const scan = b.scan({
    axis: T,
    reverse: false,
    position: b.position(),
    states: [{ formal: h, next, start: b.filled(0, type) }],
    elements: [{ formal: x, sequence: query }],
    outputs: [next],
  });
  return model("attention", b.scanOutput(scan, 0));
}

/** Words of letters: a scan in a scan, the inner one independent of the outer state. */
export function nestedModel(): Graph {
  const S = b.raggedAxis("S", 1);
  const s = small;
  const letters = b.input("letters", "f32", [S, T, b.batch, s.D]);
  const type = { dtype: "f32", axes: b.union([b.batch, s.H]) } as const;
  const word = b.element("word", letters.type, S);
  const inner = recurrentOver(word, "inner", s, type);
  const h = b.state("h", type);
  const next = b.unary(
    "tanh",
    b.add(b.add(linear("W", inner, s.H, s), linear("U", h, s.H, s)), weight("b", [s.H])),
  );
  const scan = b.scan({
    axis: S,
    reverse: false,
    position: b.position(),
    states: [{ formal: h, next, start: b.filled(0, type) }],
    elements: [{ formal: word, sequence: letters }],
    outputs: [],
  });
  return model("nested", b.finalState(scan, 0));
}

function recurrentOver(
  word: Node,
  name: string,
  s: Sizes,
  type: { dtype: "f32"; axes: readonly Axis[] },
): Node {
  const h = b.state("h", type);
  const x = b.element("x", word.type, T);
  const next = b.unary("tanh", b.add(linear(`${name}.W`, x, s.D, s), linear(`${name}.U`, h, s.H, s)));
  const scan = b.scan({
    axis: T,
    reverse: true,
    position: b.position(),
    states: [{ formal: h, next, start: b.filled(0, type) }],
    elements: [{ formal: x, sequence: word }],
    outputs: [],
  });
  return b.finalState(scan, 0);
}

export const models: Readonly<Record<string, () => Graph>> = {
  lstm: lstmModel,
  gru: gruModel,
  bilstm: bilstmModel,
  renamed: renamedModel,
  deep: deepModel,
  noisy: noisyModel,
  attention: attentionModel,
  nested: nestedModel,
};
