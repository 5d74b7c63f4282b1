/** What parameters are called, which are shared, and in which order they are listed. */
import { describe, expect, test } from "vitest";
import { namesOf, shapesOf } from "./model.ts";

const x = "input x : f32[T, 3]\n";

describe("names of parameters", () => {
  test("the let, the cell, the equation and the operand that they stand in", () => {
    expect(namesOf(`${x}let memory = x >> elman(4)\noutput memory`)).toEqual([
      "memory.elman.h.Wx",
      "memory.elman.h.Wh",
      "memory.elman.h.b",
    ]);
    expect(namesOf(`${x}x >> lstm(4, peephole)`)).toContain("lstm.i.diag.c");
  });
  test("an ordinal only among identical siblings", () => {
    const names = namesOf(`${x}let m = x >> elman(4) >> elman(4) >> gru(4)\noutput m`);
    expect(names).toContain("m.elman.1.h.Wx");
    expect(names).toContain("m.elman.2.h.Wx");
    expect(names).toContain("m.gru.z.Wx");
  });
  test("two maps in one equation", () => {
    const source = `fn two(x) { return affine(x, size = 2) + affine(x, size = 2) }\n${x}output y = two(x)`;
    expect(namesOf(source)).toEqual(["y.Wx.1", "y.b.1", "y.Wx.2", "y.b.2"]);
  });
  test("a net has one set of parameters however often it is used", () => {
    const source = `${x}net f = dense(4) >> elman(5)\noutput a = x >> f\noutput b = x >> f`;
    expect(namesOf(source)).toEqual([
      "f.dense.Wx",
      "f.dense.b",
      "f.elman.h.Wx",
      "f.elman.h.Wh",
      "f.elman.h.b",
    ]);
  });
  test("a let of a stage is written out at each use", () => {
    const source = `${x}let f = dense(4)\noutput a = x >> f\noutput b = x >> f`;
    expect(namesOf(source)).toEqual(["a.dense.Wx", "a.dense.b", "b.dense.Wx", "b.dense.b"]);
  });
  test("a param is itself wherever it is read", () => {
    expect(namesOf(`${x}param w[3] = ones\noutput a = x * w\noutput b = x + w`)).toEqual(["w"]);
  });
  test("directions and levels of a stack", () => {
    const names = namesOf(`${x}output y = x >> elman(4) >> bidir >> stack(2)`);
    expect(names.filter((name) => name.endsWith("Wx"))).toEqual([
      "y.forward.1.elman.h.Wx",
      "y.backward.1.elman.h.Wx",
      "y.forward.2.elman.h.Wx",
      "y.backward.2.elman.h.Wx",
    ]);
  });
  test("a cell within a cell", () => {
    const source = `cell outer(n) (x) {
  state a[n]
  h = elman(n)(concat(x, a[t-1]))
  a = tanh(affine(h))
  return a
}
${x}x >> outer(4)`;
    expect(shapesOf(source)).toEqual([
      "outer.h.elman.h.Wx: 4 7",
      "outer.h.elman.h.Wh: 4 4",
      "outer.h.elman.h.b: 4",
      "outer.a.Wh: 4 4",
      "outer.a.b: 4",
    ]);
  });
  test("statements in the order of the source, nets at their own place", () => {
    const source = `${x}let a = x >> dense(4)\nnet f = dense(5)\nlet b = x >> dense(6)\noutput y = concat(a, x >> f, b)`;
    expect(namesOf(source)).toEqual([
      "a.dense.Wx",
      "a.dense.b",
      "f.dense.Wx",
      "f.dense.b",
      "b.dense.Wx",
      "b.dense.b",
    ]);
  });
  test("an output layer after its loss", () => {
    const source = `${x}target y : token(5)[T]\nx >> softmax(y)`;
    expect(shapesOf(source)).toEqual(["softmax.W: 5 3", "softmax.b: 5"]);
  });
});
