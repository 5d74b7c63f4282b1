/** Reductions over a few values side by side become straight code of the same values, infinite and equal ones included. */
import { describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { makeEntries } from "../../src/compile/entries.ts";
import * as b from "../../src/ir/graph/build.ts";
import { evaluate } from "../../src/ir/graph/eval.ts";
import { print } from "../../src/ir/graph/print.ts";
import type { Axis, Graph, Node, ReduceFunction } from "../../src/ir/graph/types.ts";
import { nodesOf } from "../../src/ir/graph/walk.ts";
import { straighten } from "../../src/passes/straighten.ts";

const side = b.fixedAxis("of3", 3, 3, "stack");
const values = [-Infinity, -1.5, 0, 2, 2, Infinity];
const cases = values.flatMap((x) => values.flatMap((y) => values.map((z) => [x, y, z] as const)));

/** Inputs x, y and z, one number an example, side by side. */
const inputs: readonly Node[] = ["x", "y", "z"].map((name) => b.input(name, "f32", [b.batch]));
const graphOf = (outputs: Readonly<Record<string, Node>>): Graph => ({
  name: "test",
  outputs: Object.entries(outputs).map(([name, value]) => ({ name, role: "predict", value })),
});

function valuesOf(graph: Graph) {
  const column = (k: number) => ({
    axes: [b.batch],
    sizes: [cases.length],
    data: Float64Array.from(cases, (given) => given[k]!),
  });
  return evaluate(graph, {
    batch: cases.length,
    inputs: new Map(["x", "y", "z"].map((name, k) => [name, column(k)])),
    params: new Map(),
    lengths: new Map(),
    random: { seed: 1, step: 0, examples: Int32Array.from(cases, (_, k) => k) },
  });
}

function expectSame(graph: Graph): Graph {
  const after = straighten.run(graph);
  const [wanted, found] = [valuesOf(graph), valuesOf(after)];
  for (const { name } of graph.outputs)
    wanted.get(name)!.data.forEach((x, k) => {
      const y = found.get(name)!.data[k]!;
      if (Object.is(x, y) || x === y) return;
      expect(Math.abs(x - y), `${name} of ${cases[k]}: ${y}, not ${x}`).toBeLessThan(1e-12);
    });
  return after;
}

describe.each<ReduceFunction>(["sum", "prod", "max", "logsumexp", "argmax"])("%s", (fn) => {
  test("of three values", () => {
    const after = expectSame(graphOf({ r: b.reduce(fn, b.stack(inputs, side), [side]) }));
    expect(nodesOf(after, "reduce")).toEqual([]);
    expect(nodesOf(after, "stack")).toEqual([]);
  });
});

test("what is computed of each of them too: the shares of alternatives", () => {
  const stack = b.stack(inputs, side);
  const total = b.reduce("logsumexp", stack, [side]);
  const shares = b.unary("exp", b.sub(stack, b.broadcast(total, stack.type.axes)));
  const outputs = Object.fromEntries([0, 1, 2].map((k) => [`share${k}`, b.pick(shares, side, k)]));
  const after = expectSame(graphOf(outputs));
  expect(print(after)).not.toContain("of3 ");
  expect([...nodesOf(after, "stack"), ...nodesOf(after, "pick")]).toEqual([]);
});

test("the place of the largest, as the gradient of a maximum asks for it", () => {
  const stack = b.stack(inputs, side);
  const largest = b.broadcast(b.reduce("argmax", stack, [side]), stack.type.axes);
  const place = b.broadcast(b.iota(side), stack.type.axes);
  const chosen = b.select(b.binary("eq", place, largest), stack, b.filled(0, stack.type));
  const after = expectSame(graphOf({ first: b.pick(chosen, side, 0), last: b.pick(chosen, side, 2) }));
  expect(nodesOf(after, "reduce")).toEqual([]);
});

test("what is no stack stays, and so does one of many", () => {
  const long: Axis = b.fixedAxis("of9", 9, 9, "stack");
  const many = b.stack(
    Array.from({ length: 9 }, (_, k) => inputs[k % 3]!),
    long,
  );
  const given = b.input("g", "f32", [b.batch, side]);
  for (const value of [b.reduce("sum", many, [long]), b.reduce("sum", given, [side])]) {
    const graph = graphOf({ r: value });
    expect(straighten.run(graph)).toBe(graph);
  }
});

test("a training step of ctc has no loop over the three ways to go on", () => {
  const { model } = check("input e : f32[T, 4]  target y : token(3)[L]  e >> ctc(y)", "ctc.rnn", {});
  const loops = (graph: Graph) =>
    nodesOf(graph, "stack").filter(({ attributes }) => /^of\d/u.test(attributes.axis.name));
  expect(loops(makeEntries(model!).objectives[0]!.graph)).toEqual([]);
  const without = makeEntries(model!, { without: new Set(["straighten"]) });
  expect(loops(without.objectives[0]!.graph).length).toBeGreaterThan(0);
});
