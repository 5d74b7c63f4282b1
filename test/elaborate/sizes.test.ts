/** Sizes that a program leaves out, and what determines them. */
import { describe, expect, test } from "vitest";
import { codesOf, modelOf, shapesOf, typesOf } from "./model.ts";

const x = "input x : f32[T, 3]\n";

describe("sizes", () => {
  test("a dense without a size takes that of what it meets", () => {
    expect(typesOf(`${x}output y = (x >> dense) + (x >> lstm(5))`)).toEqual({ y: "f32[T, 5]" });
    expect(typesOf(`${x}output y = x >> dense(5) >> dense >> residual`)).toEqual({ y: "f32[T, 5]" });
    expect(typesOf(`${x}output y = (x >> dense >> tanh) * (x >> dense(7))`)).toEqual({ y: "f32[T, 7]" });
  });
  test("or is an error", () => {
    expect(codesOf(`${x}output y = x >> dense >> tanh`)).toEqual(["unknown-size"]);
    expect(codesOf(`${x}output y = x >> dense >> dense`)).toEqual(["unknown-size", "unknown-size"]);
  });
  test("an equation's map takes the size of its state", () => {
    const cell = "cell c(n) (x) {\n  state h[n]\n  h = tanh(affine(x, h[t-1]))\n  return h\n}\n";
    expect(shapesOf(`${cell}${x}x >> c(6)`)).toEqual(["c.h.Wx: 6 3", "c.h.Wh: 6 6", "c.h.b: 6"]);
  });
  test("a state without a declaration takes the size of its equation", () => {
    const cell = "cell c() (x) {\n  h = x + 0.5 * h[t-1]\n  return h\n}\n";
    expect(typesOf(`${cell}${x}output y = x >> c`)).toEqual({ y: "f32[T, 3]" });
  });
  test("concat adds features, and a number is one", () => {
    expect(typesOf(`${x}input v : f32[T]\noutput y = concat(x, v, x >> gru(4))`)).toEqual({ y: "f32[T, 8]" });
  });
  test("bidir doubles them, or merges", () => {
    expect(typesOf(`${x}output y = x >> lstm(4) >> bidir`)).toEqual({ y: "f32[T, 8]" });
    expect(typesOf(`${x}output y = x >> lstm(4) >> bidir(sum)`)).toEqual({ y: "f32[T, 4]" });
    expect(typesOf(`${x}output y = x >> lstm(4) >> bidir(merge = mean)`)).toEqual({ y: "f32[T, 4]" });
  });
  test("an output layer maps to what its target needs", () => {
    expect(shapesOf(`${x}target y : f32[T, 7]\nx >> regress(y)`)).toEqual(["regress.W: 7 3", "regress.b: 7"]);
    expect(shapesOf(`${x}target y : token(9)[T]\nx >> dense >> softmax(y, project = none)`)).toEqual([
      "dense.Wx: 9 3",
      "dense.b: 9",
    ]);
  });
  test("a matrix times a vector", () => {
    expect(typesOf(`${x}param W[5, 3] = glorot\noutput y = W @ x`)).toEqual({ y: "f32[T, 5]" });
    expect(codesOf(`${x}param W[3, 5] = glorot\noutput y = W @ x`)).toEqual(["sizes-do-not-meet"]);
  });
  test("sizes of data come with the data", () => {
    const source = "input x : f32[T, d]\noutput y = x >> dense >> residual";
    expect(codesOf(source)).toEqual(["size-from-data"]);
    expect(typesOf(source, { dims: { d: 6 } })).toEqual({ y: "f32[T, 6]" });
    expect(modelOf(source, { assume: true }).data[0]!.feature).toBeGreaterThan(1);
  });
  test("a vocabulary gives its size to all that share it", () => {
    const source = `input doc : token[T]
input query : token(doc)[Q]
output y = concat(doc >> embed(4) >> last, query >> embed(4) >> last)`;
    const words = ["the", "cat", "sat"];
    expect(shapesOf(source, { vocabularies: { doc: words } }).filter((s) => s.includes("E"))).toEqual([
      "y.embed.1.E: 3 4",
      "y.embed.2.E: 3 4",
    ]);
  });
});
