import { describe, expect, it } from "vitest";
import * as b from "../../src/ir/graph/build.ts";
import { evaluateNodes } from "../../src/ir/graph/eval.ts";
import type { BinaryFunction, Node, ReduceFunction, UnaryFunction } from "../../src/ir/graph/types.ts";
import { topological } from "../../src/ir/graph/walk.ts";
import { derive } from "../../src/passes/differentiate.ts";
import type { Case } from "./environments.ts";
import { environmentOf, graphOf } from "./environments.ts";
import { checkGradients, weighted } from "./gradient-check.ts";

const B = b.batch;
const T = b.raggedAxis("T", 0);
const n = b.fixedAxis("n", 3, 0);
const m = b.fixedAxis("m", 2, 1);
const k = b.fixedAxis("k", 4, 2);
const given: Case = { batch: 2, lengths: { T: [3, 2] } };

const x = b.input("x", "f32", [T, B, n]);
const y = b.input("y", "f32", [B, n]);
const positive = (z: Node): Node => b.add(b.constant(0.5), b.mul(z, z));

function gradientsOf(loss: Node, wanted: readonly Node[], values: Case["values"], size = 1): number[][] {
  const { gradients } = derive([loss], wanted, [loss]);
  const environment = environmentOf(graphOf({ loss, ...Object.fromEntries(wanted.entries()) }), {
    batch: size,
    values: values ?? {},
  });
  return evaluateNodes(
    gradients.map((g) => g!),
    environment,
  ).map((t) => [...t.data]);
}

describe("elementwise", () => {
  const smooth: UnaryFunction[] = [
    "neg",
    "exp",
    "abs",
    "sign",
    "sin",
    "cos",
    "sigmoid",
    "tanh",
    "softplus",
    "step",
  ];
  it.each(smooth)("%s", (fn) => checkGradients(weighted(b.unary(fn, x)), [x], given));
  it.each(["log", "sqrt"] as const)("%s", (fn) =>
    checkGradients(weighted(b.unary(fn, positive(x))), [x], given),
  );

  const functions: BinaryFunction[] = ["add", "sub", "mul", "max", "min"];
  it.each(functions)("%s", (fn) => {
    checkGradients(weighted(b.binary(fn, x, y)), [x, y], given);
    checkGradients(weighted(b.binary(fn, y, x)), [x, y], given);
  });
  it.each(["div", "pow"] as const)("%s", (fn) =>
    checkGradients(weighted(b.binary(fn, positive(x), positive(y))), [x, y], given),
  );
  it("mod", () => {
    const z = b.input("z", "f32", [B, n]);
    const values = { y: [5.3, -2.4, 0.7], z: [2, 3, 0.5] };
    checkGradients(weighted(b.binary("mod", y, z)), [y, z], { values });
  });
  it.each([0, 1, 2, 3, 2.5])("pow of constant exponent %d", (c) =>
    checkGradients(weighted(b.binary("pow", positive(x), b.constant(c))), [x], given),
  );

  it("select gives what is not taken exactly 0, even where it is infinite", () => {
    checkGradients(weighted(b.select(b.binary("lt", x, y), b.mul(x, y), y)), [x, y], given);
    const safe = b.select(b.binary("gt", y, b.constant(0)), b.unary("log", y), b.constant(0));
    const [dy] = gradientsOf(b.reduce("sum", safe, [B, n]), [y], { y: [0, 2, -1] });
    expect(dy!.map(Math.abs)).toEqual([0, 0.5, 0]);
    // a norm of 0 is not divided by
    const norm = b.unary("sqrt", b.contract(y, y, [n]));
    const isPositive = b.binary("gt", norm, b.constant(0));
    const unit = b.select(isPositive, b.div(y, norm), b.constant(0));
    const [flat] = gradientsOf(weighted(unit), [y], { y: [0, 0, 0] });
    expect(flat!.map(Math.abs)).toEqual([0, 0, 0]);
    checkGradients(weighted(unit), [y], given);
    const wide = b.broadcast(isPositive, [n]);
    const [other] = gradientsOf(weighted(b.select(wide, b.div(y, norm), b.constant(0))), [y], {
      y: [0, 0, 0],
    });
    expect(other!.map(Math.abs)).toEqual([0, 0, 0]);
  });

  it("stop and floor let nothing through", () => {
    const loss = b.reduce("sum", b.add(b.stop(y), b.unary("floor", y)), [B, n]);
    expect(derive([loss], [y], [loss]).gradients).toEqual([null]);
  });

  it("sums over what an operand lacks", () => {
    const w = b.param({ name: "w", axes: [n], initialiser: { kind: "zeros" } });
    checkGradients(weighted(b.mul(x, w)), [x, w], given);
    checkGradients(weighted(b.broadcast(w, [T, B])), [w], given);
  });
});

describe("sums", () => {
  const functions: ReduceFunction[] = ["sum", "prod", "max", "logsumexp"];
  it.each(functions)("%s", (fn) => {
    checkGradients(weighted(b.reduce(fn, x, [n])), [x], given);
    checkGradients(weighted(b.reduce(fn, x, [T])), [x], given);
    checkGradients(weighted(b.reduce(fn, x, [T, n])), [x], given);
    checkGradients(b.reduce(fn, x, [T, B, n]), [x], given);
  });

  it("prod has a gradient at zeros", () => {
    const loss = b.reduce("prod", y, [B, n]);
    expect(gradientsOf(loss, [y], { y: [2, 0, 3] })).toEqual([[0, 6, 0]]);
    expect(gradientsOf(loss, [y], { y: [0, 0, 3] })).toEqual([[0, 0, 0]]);
  });

  it("max goes to the lowest index of equals", () => {
    expect(gradientsOf(b.reduce("max", y, [B, n]), [y], { y: [1, 4, 4] })).toEqual([[0, 1, 0]]);
    const both = b.reduce("sum", b.binary("max", y, b.mul(y, b.constant(1))), [B, n]);
    expect(gradientsOf(both, [y], { y: [1, 4, 4] })).toEqual([[1, 1, 1]]);
  });

  it("logsumexp is 0 where it is -inf", () => {
    const loss = b.reduce("sum", b.reduce("logsumexp", y, [n]), [B]);
    const values = { y: [-Infinity, -Infinity, -Infinity, 0, -Infinity, 0] };
    expect(gradientsOf(loss, [y], values, 2)).toEqual([[0, 0, 0, 0.5, 0, 0.5]]);
  });

  it("contract", () => {
    const w = b.param({ name: "w", axes: [m, n], initialiser: { kind: "zeros" } });
    checkGradients(weighted(b.contract(x, w, [n])), [x, w], given);
    checkGradients(weighted(b.contract(x, y, [n])), [x, y], given);
    checkGradients(weighted(b.contract(x, y, [B, n])), [x, y], given);
    const S = b.raggedAxis("S", 1);
    const memory = b.input("memory", "f32", [S, B, n]);
    const ragged: Case = { batch: 2, lengths: { T: [3, 2], S: [1, 2] } };
    const scores = b.contract(x, memory, [n]);
    checkGradients(weighted(scores), [x, memory], ragged);
    checkGradients(weighted(b.contract(scores, memory, [S])), [x, memory], ragged);
    checkGradients(weighted(b.contract(y, w, [])), [y, w], given);
    checkGradients(weighted(b.contract(y, y, [n])), [y], given);
  });

  it("gather and scatter", () => {
    const table = b.param({ name: "table", axes: [k, n], initialiser: { kind: "zeros" } });
    const words = b.input("words", "i32", [T, B]);
    checkGradients(weighted(b.gather(table, words, k)), [table], given);
    const own = b.input("own", "f32", [B, k, n]);
    checkGradients(weighted(b.gather(own, words, k)), [own], given);
    checkGradients(weighted(b.gather(b.gather(x, words, T), b.input("i", "i32", [B]), T)), [x], given);
    checkGradients(weighted(b.scatter(words, x, k, [T, B])), [x], given);
    checkGradients(weighted(b.scatter(words, x, k, [T])), [x], given);
    checkGradients(weighted(b.scatter(words, y, k, [T])), [y], given);
    checkGradients(weighted(b.scatter(b.input("i", "i32", [T, B]), x, T, [T])), [x], given);
  });
});

describe("axes", () => {
  const two = b.fixedAxis("two", 2, 3);
  const five = b.fixedAxis("five", 5, 4);
  const z = b.fixedAxis("z", 3, 9);
  it("pick, slice, place, stack, concat, rename", () => {
    checkGradients(weighted(b.pick(x, n, 1)), [x], given);
    checkGradients(weighted(b.slice(x, n, 1, two)), [x], given);
    checkGradients(weighted(b.place(x, five, 1, n)), [x], given);
    checkGradients(weighted(b.place(x, five, 1, null)), [x], given);
    checkGradients(weighted(b.stack([y, b.mul(y, y)], two)), [y], given);
    checkGradients(weighted(b.concat([b.slice(y, n, 0, two), b.mul(y, y)], [two, n], five)), [y], given);
    checkGradients(weighted(b.mul(b.rename(y, n, z), b.rename(y, n, z))), [y], given);
  });
  it.each([1, -1, 2, -5])("shift by %d", (by) => checkGradients(weighted(b.shift(x, T, by, 3)), [x], given));
  it("reverse", () => checkGradients(weighted(b.mul(b.reverse(x, T), x)), [x], given));

  it("joins places that fill an axis", () => {
    const parts = [0, 1, 2].map((i) => b.mul(b.pick(y, n, i), b.pick(y, n, i)));
    const loss = b.reduce("sum", b.stack(parts, z), [B, z]);
    checkGradients(loss, [y], given);
    const ops = topological([derive([loss], [y], [loss]).gradients[0]!]).map((node) => node.op);
    expect(ops).toContain("stack");
    expect(ops).not.toContain("place");
    const one = b.fixedAxis("one", 1, 5);
    const last = b.mul(b.broadcast(b.slice(y, n, 2, one), [two]), b.constant(3));
    const first = b.broadcast(b.slice(y, n, 0, two), [one]);
    const halves = b.reduce("sum", b.mul(first, last), [B, one, two]);
    checkGradients(halves, [y], given);
    const joined = topological([derive([halves], [y], [halves]).gradients[0]!]).map((node) => node.op);
    expect(joined).toContain("concat");
    expect(joined).not.toContain("place");
  });
});
