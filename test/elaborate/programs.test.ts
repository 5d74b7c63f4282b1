/** What statements, indices, functions over axes, cells and data mean: the types of results, what a model holds. */
import { describe, expect, test } from "vitest";
import { nodesOf } from "../../src/ir/graph/walk.ts";
import { verify } from "../../src/ir/graph/verify.ts";
import { codesOf, modelOf, namesOf, typesOf } from "./model.ts";

const x = "input x : f32[T, 3]\n";
const words = "input words : token(50)[T]\n";
const text = "input text : token(50)[T]\n";

describe("indices", () => {
  test.each([
    ["x[-1]", "f32[3]"],
    ["x[0]", "f32[3]"],
    ["x[0, 2]", "f32"],
    ["x[-1][1]", "f32"],
    ["sum(s: x[s])", "f32[3]"],
    ["max(s: x[s, 0])", "f32"],
    ["sum(x)", "f32[T]"],
    ["softmax(s: x[s, 0])", "f32[s]"],
  ])("%s", (expression, type) => {
    expect(typesOf(`${x}output y = ${expression}`)).toEqual({ y: type });
  });
  test("a table looks words up", () => {
    const source = `${words}param E[50, 4] = normal(0.1)\noutput y = E[words]`;
    expect(typesOf(source)).toEqual({ y: "f32[T, 4]" });
  });
});

describe("functions over named axes", () => {
  const luong = `fn read(memory[s, d]) (h) {
  a = softmax(s: dot(h, memory[s]))
  c = sum(s: a[s] * memory[s])
  return tanh(affine(c, h, size = |d|))
}
`;
  test("a query and a memory along different axes", () => {
    const source = `${luong}input q : f32[Q, 4]\ninput m : f32[S, 4]\noutput y = q >> read(m)`;
    expect(typesOf(source)).toEqual({ y: "f32[Q, 4]" });
    verify(modelOf(source).graph);
  });
  test("a query and a memory along the same axis", () => {
    const source = `${luong}input q : f32[T, 4]\noutput y = q >> read(q)`;
    expect(typesOf(source)).toEqual({ y: "f32[T, 4]" });
  });
  test("a name of an axis is its positions and has a length", () => {
    const source = `fn ramp(v[j, d]) { return sum(j: v[j] * (j + 1) / |j|) }\n${x}output y = ramp(x)`;
    expect(typesOf(source)).toEqual({ y: "f32[3]" });
  });
});

describe("cells", () => {
  const cell = (body: string) =>
    `cell c(n) (x) {\n  state h[n]\n${body}\n  return h\n}\n${x}output y = x >> c(3)`;
  test.each([
    ["the last step", "  h = tanh(affine(x, h[t-1]))"],
    ["two steps back", "  h = tanh(affine(x, h[t-1], h[t-2]))"],
    ["from the end", "  h = tanh(affine(x, h[t+1]))"],
    ["earlier inputs", "  h = h[t-1] + x + x[t-1]"],
    ["an equation of the same step", "  h = g * h[t-1]\n  g = sigmoid(affine(x))"],
    ["the position", "  h = if t % 2 == 0 then x else h[t-1]"],
  ])("%s", (_, body) => {
    expect(typesOf(cell(body))).toEqual({ y: "f32[T, 3]" });
    verify(modelOf(cell(body)).graph);
  });
  test("two steps back are two states", () => {
    const { graph } = modelOf(cell("  h = h[t-1] + 0.5 * h[t-2] + x"));
    const [scan] = nodesOf(graph, "scan");
    expect(scan!.attributes.states).toHaveLength(2);
  });
  test("a state may start at a parameter of the body", () => {
    const source = cell("  h = h[t-1] + x").replace(
      "state h[n]",
      "param h0[n] = ones\n  state h[n] = tanh(h0)",
    );
    expect(namesOf(source)).toEqual(["y.c.h0"]);
  });
  test("both directions are refused", () => {
    expect(codesOf(cell("  h = h[t-1] + h[t+1] + x"))).toEqual(["two-directions"]);
  });
  test("a cell reads an outer value whole", () => {
    const source = `input q : f32[Q, 4]\n${x}cell c(n) (x) {\n  state h[n]\n  h = tanh(affine(x, h[t-1]) + sum(s: q[s]))\n  return h\n}\noutput y = x >> c(4)`;
    expect(typesOf(source)).toEqual({ y: "f32[T, 4]" });
  });
  test("a sentence at a time, along the innermost axis or a named one", () => {
    const doc = "input doc : token(50)[S, W]\n";
    expect(typesOf(`${doc}output y = doc >> embed(4) >> lstm(5) >> last`)).toEqual({ y: "f32[S, 5]" });
    expect(typesOf(`${doc}output y = doc >> embed(4) >> lstm(5, along = S)`)).toEqual({ y: "f32[S, W, 5]" });
  });
});

describe("statements", () => {
  test("a program without declarations reads x and predicts y", () => {
    const { data, results } = modelOf("lstm(8) >> softmax", { dims: { d: 3, y: 4 } });
    expect(data.map(({ name, role, base }) => [name, role, base])).toEqual([
      ["x", "input", "f32"],
      ["y", "target", "token"],
    ]);
    expect(results.map(({ name }) => name)).toEqual(["y"]);
  });
  test("an output layer without a name takes the only target left", () => {
    expect(modelOf(`${x}target a : token(4)[T]\nx >> softmax`).results[0]!.target).toBe("a");
  });
  test("a pipeline's own result is called output", () => {
    expect(typesOf(`${x}x >> lstm(4)`)).toEqual({ output: "f32[T, 4]" });
  });
  test("next is a target that the runtime makes", () => {
    const { data } = modelOf(`${text}text >> embed(4) >> softmax(next(text))`);
    expect(data.map(({ name, role, derived }) => [name, role, derived?.of ?? null])).toEqual([
      ["text", "input", null],
      ["text.next", "target", "text"],
    ]);
  });
  test("prev has one entry more: the beginning", () => {
    const source = "target reply : token(50)[L]\nprev(reply) >> embed(4) >> lstm(5) >> softmax(reply)";
    expect(modelOf(source).parameters[0]!.axes[0]!.size).toEqual({ kind: "fixed", size: 51 });
  });
  test("several losses add up", () => {
    const source = `${x}target a : token(4)[T]\ntarget b : f32[T, 2]\nlet h = x >> lstm(4)\nh >> softmax(a)\nh >> regress(b, weight = 0.5)\nminimize 0.01 * sum(s: sum(h[s]^2))`;
    expect(modelOf(source).trained).toEqual([null]);
    expect(typesOf(source)).toEqual({ a: "f32[T, 4]", b: "f32[T, 2]" });
  });
  test("a tied output layer has no map of its own", () => {
    const source = `${text}param E[50, 4] = normal(0.1)\nE[text] >> lstm(4) >> softmax(next(text), project = E)`;
    expect(namesOf(source).filter((name) => name.startsWith("softmax"))).toEqual([]);
  });
  test("definitions may follow their use, values may not", () => {
    expect(codesOf(`${x}output y = twice(x)\nfn twice(x) { return 2 * x }`)).toEqual([]);
    expect(codesOf(`${x}output y = z\nlet z = x`)).toEqual(["used-before"]);
  });
  test("a program's own definition stands before the library's", () => {
    expect(namesOf(`fn dense(x) { return x }\n${x}x >> dense`)).toEqual([]);
  });
});

describe("imports", () => {
  const files: Readonly<Record<string, string>> = {
    "cells.rnn":
      'import "more.rnn"\ncell leaky(n, rate = 0.9) (x) {\n  state h[n]\n  h = rate * h[t-1] + shaped(x, n)\n  return h\n}',
    "more.rnn": 'import "cells.rnn"\nfn shaped(x, n) { return affine(x, size = n) }',
  };
  const imports = (path: string) => (files[path] ? { file: path, source: files[path] } : null);
  test("bring in definitions, also in a circle", () => {
    expect(typesOf(`import "cells.rnn"\n${x}output y = x >> leaky(4)`, { imports })).toEqual({
      y: "f32[T, 4]",
    });
  });
  test("once, however often they are written", () => {
    expect(codesOf(`import "cells.rnn"\nimport "more.rnn"\n${x}x >> leaky(4)`, { imports })).toEqual([]);
  });
  test("their names are taken", () => {
    expect(codesOf(`import "cells.rnn"\nfn leaky(x) { return x }\n${x}x >> leaky`, { imports })).toEqual([
      "name-twice",
    ]);
  });
});
