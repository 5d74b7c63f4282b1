/** Parameters are named by where they stand; an ordinal tells identical siblings apart, and nothing else has one. */
import { expect, test } from "vitest";
import { program } from "./program.ts";

const names = (source: string): string[] => program(source).model.parameters.map((p) => p.name);

test.each([
  ["a stage of the main pipeline", "x >> elman(2)", ["elman.h.Wx", "elman.h.Wh", "elman.h.b"]],
  ["a let", "let m = x >> dense(2)  output m", ["m.dense.Wx", "m.dense.b"]],
  ["an output", "output m = x >> dense(2)", ["m.dense.Wx", "m.dense.b"]],
  ["siblings", "x >> dense(2) >> dense(3)", ["dense.1.Wx", "dense.1.b", "dense.2.Wx", "dense.2.b"]],
  [
    "no siblings in different lets",
    "let a = x >> dense(2)  output b = a >> dense(2)",
    ["a.dense.Wx", "a.dense.b", "b.dense.Wx", "b.dense.b"],
  ],
  ["a net, however often it is used", "net f = dense(2)  output a = f(f(x))", ["f.dense.Wx", "f.dense.b"]],
  ["param", "param W[2, 2]  output a = W @ x", ["W"]],
  [
    "a cell's own parameters, of known sizes",
    "cell memory() (x) { param w[2] = ones  state h[2]  h = w * h[t-1] + x  return h }  let y = x >> memory()  output y",
    ["y.memory.w"],
  ],
  [
    "deep nests of sizes known and unknown",
    "fn g(x) { return linear(x, size = 2) }  fn f(x) { return g(x) }  cell c(n) (x) { state h[n]  h = f(x) + dense(n)(h[t-1])  return h }  let y = x >> c(2)  output y",
    ["y.c.h.Wx", "y.c.h.dense.Wx", "y.c.h.dense.b"],
  ],
])("%s", (_, text, expected) => {
  expect(names(`input x : f32[T, 2]  ${text}`)).toEqual(expected);
});
