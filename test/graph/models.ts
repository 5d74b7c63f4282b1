/** Small recurrent models, made with the builder: samples for tests of scans. */
import * as b from "../../src/ir/graph/build.ts";
import type { Axis, Node, Parameter } from "../../src/ir/graph/types.ts";

export interface Model {
  readonly loss: Node;
  readonly scan: Node<"scan">;
  readonly params: readonly Node[];
  readonly inputs: readonly Node[];
}

const B = b.batch;
export const hidden = b.fixedAxis("h", 3, 0);
export const hidden2 = b.fixedAxis("h'", 3, 1);
export const features = b.fixedAxis("d", 2, 2);

const parameter = (name: string, axes: readonly Axis[]): Parameter => ({
  name,
  axes,
  initialiser: { kind: "glorot" },
});

export const zeros = (axes: readonly Axis[]): Node => b.filled(0, { dtype: "f32", axes });

/** Over the batch, the mean of the sum of all elements' squares, and of the elements. */
export function lossOf(...values: readonly Node[]): Node {
  const sums = values.map((y) => {
    const weights = b.input(`target ${y.label ?? y.op}`, "f32", y.type.axes);
    return b.contract(b.sub(y, weights), b.sub(y, weights), y.type.axes);
  });
  const total = sums.reduce<Node>((x, y) => b.add(x, y), b.constant(0));
  return b.div(total, b.unary("float", b.reduce("sum", b.broadcast(b.constant(1, "i32"), [B]), [B])));
}

/** h = tanh(W x + U h[t-1] + bias) */
export function elman(
  axis: Axis,
  options: { reverse?: boolean; sequence?: Node; start?: Node; name?: string } = {},
): Model {
  const x = options.sequence ?? b.input("x", "f32", [axis, B, features]);
  const [d] = b.without(x.type.axes, [axis, B]) as [Axis];
  const own = d === hidden ? b.fixedAxis("h2", 3, 7) : d;
  const { name = "" } = options;
  const W = b.param(parameter(`${name}W`, [hidden, own]));
  const U = b.param(parameter(`${name}U`, [hidden, hidden2]));
  const bias = b.param(parameter(`${name}bias`, [hidden]));
  const h = b.state("h", { dtype: "f32", axes: [B, hidden] });
  const xt = b.element("x", x.type, axis);
  const product = b.contract(d === hidden ? b.rename(xt, d, own) : xt, W, [own]);
  const recurrent = b.contract(b.rename(h, hidden, hidden2), U, [hidden2]);
  const next = b.unary("tanh", b.add(b.add(product, recurrent), bias));
  const scan = b.scan({
    axis,
    reverse: options.reverse ?? false,
    position: b.position(),
    states: [{ formal: h, next, start: options.start ?? zeros([B, hidden]) }],
    elements: [{ formal: xt, sequence: x }],
    outputs: [next],
  });
  const y = b.withLabel(b.scanOutput(scan, 0), `${name}y`);
  const last = b.withLabel(b.finalState(scan, 0), `${name}last`);
  return { loss: lossOf(y, last), scan, params: [W, U, bias], inputs: options.sequence ? [] : [x] };
}

/** An LSTM with peepholes. */
export function lstm(axis: Axis): Model {
  const x = b.input("x", "f32", [axis, B, features]);
  const xt = b.element("x", x.type, axis);
  const h = b.state("h", { dtype: "f32", axes: [B, hidden] });
  const c = b.state("c", { dtype: "f32", axes: [B, hidden] });
  const params: Node[] = [];
  const param = (name: string, axes: readonly Axis[]): Node => {
    const made = b.param(parameter(name, axes));
    params.push(made);
    return made;
  };
  const affine = (name: string): Node => {
    const W = param(`${name}.W`, [hidden, features]);
    const U = param(`${name}.U`, [hidden, hidden2]);
    const recurrent = b.contract(b.rename(h, hidden, hidden2), U, [hidden2]);
    return b.add(b.add(b.contract(xt, W, [features]), recurrent), param(`${name}.b`, [hidden]));
  };
  const i = b.unary("sigmoid", b.add(affine("i"), b.mul(c, param("i.p", [hidden]))));
  const f = b.unary("sigmoid", b.add(affine("f"), b.mul(c, param("f.p", [hidden]))));
  const g = b.unary("tanh", affine("g"));
  const cell = b.add(b.mul(f, c), b.mul(i, g));
  const o = b.unary("sigmoid", b.add(affine("o"), b.mul(cell, param("o.p", [hidden]))));
  const out = b.mul(o, b.unary("tanh", cell));
  const scan = b.scan({
    axis,
    reverse: false,
    position: b.position(),
    states: [
      { formal: c, next: cell, start: zeros([B, hidden]) },
      { formal: h, next: out, start: zeros([B, hidden]) },
    ],
    elements: [{ formal: xt, sequence: x }],
    outputs: [out],
  });
  const y = b.withLabel(b.scanOutput(scan, 0), "y");
  const last = b.withLabel(b.finalState(scan, 0), "last");
  return { loss: lossOf(y, last), scan, params, inputs: [x] };
}
