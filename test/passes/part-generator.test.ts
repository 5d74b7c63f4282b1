/** Parting a model from its choices: `begin`, then `next` step by step, give what `predict` gives of the whole. */
import { describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { makeEntries } from "../../src/compile/entries.ts";
import { evaluate, type Environment } from "../../src/ir/graph/eval.ts";
import type { Tensor } from "../../src/ir/graph/tensor.ts";
import type { Graph } from "../../src/ir/graph/types.ts";
import { nodesOf } from "../../src/ir/graph/walk.ts";
import { environmentOf } from "../graph/environments.ts";

function entriesOf(source: string) {
  const { model, diagnostics } = check(source, "model.rnn");
  if (!model) throw new Error(diagnostics.map((d) => d.message).join("\n"));
  return makeEntries(model);
}

const attending = `
  fn look(memory[s, d]) (h) {
    a = softmax(s: dot(h, memory[s]))
    return tanh(affine(sum(s: a[s] * memory[s]), h, size = |d|))
  }
  input source : token(5)[S]  target reply : token(5)[L]
  let memory = source >> embed(3) >> gru(2) >> bidir
  prev(reply) >> embed(3) >> gru(4, init = memory, feed = look(memory)) >> softmax(reply)`;

/** `next` along the choices of the given replies, in float64. */
function stepped(begin: Graph, next: Graph, given: Environment, start: number): readonly Tensor[] {
  const reply = given.inputs.get("reply")!;
  const states = new Map([...given.inputs, ...evaluate(begin, given)]);
  const names = next.outputs.filter(({ role }) => role === "carry").map(({ name }) => name);
  for (const node of nodesOf(next, "input")) {
    const { name } = node.attributes;
    if (!names.includes(name)) continue;
    const sizes = node.type.axes.map((axis) => (axis.size.kind === "fixed" ? axis.size.size : given.batch));
    const data = new Float64Array(sizes.reduce((n, size) => n * size, 1)).fill(NaN);
    states.set(name, { axes: node.type.axes, sizes, data });
  }
  const [batch] = nodesOf(next, "input").find(({ attributes }) => attributes.name === "next.fresh")!.type
    .axes;
  const flags = (value: number): Tensor => ({
    axes: [batch!],
    sizes: [given.batch],
    data: new Float64Array(given.batch).fill(value),
  });
  return Array.from({ length: reply.sizes[0]! }, (_, t) => {
    const before =
      t === 0
        ? flags(start)
        : { ...flags(0), data: reply.data.slice((t - 1) * given.batch, t * given.batch) };
    states.set("next.input:reply", before).set("next.fresh", flags(t === 0 ? 1 : 0));
    const found = evaluate(next, { ...given, inputs: new Map(states) });
    for (const name of names) states.set(name, found.get(name)!);
    return found.get("next:reply")!;
  });
}

describe("an encoder–decoder with input feeding", () => {
  const { predict, generator } = entriesOf(attending);
  const { begin, next } = generator!;

  test("steps to what the whole gives", () => {
    const given = environmentOf(predict!, { batch: 3, lengths: { S: [4, 1, 2], L: [5, 5, 5] }, seed: 4 });
    const whole = evaluate(predict!, given).get("predict:reply")!;
    const size = whole.data.length / 5;
    stepped(begin!, next!, given, 5).forEach(({ data }, t) =>
      data.forEach((x, k) => expect(Math.abs(x - whole.data[t * size + k]!)).toBeLessThan(1e-12)),
    );
  });

  test("what the choices have no part in is computed once", () => {
    const parameters = (graph: Graph): readonly string[] =>
      nodesOf(graph, "param").flatMap(({ attributes }) => attributes.members.map(({ name }) => name));
    expect(parameters(begin!).every((name) => name.startsWith("memory.") || name.includes(".init."))).toBe(
      true,
    );
    expect(parameters(next!).some((name) => name.startsWith("memory.") || name.includes(".init."))).toBe(
      false,
    );
    expect(nodesOf(next!, "scan")).toEqual([]);
    expect(nodesOf(next!, "input").map(({ attributes }) => attributes.name)).not.toContain("source");
    expect(nodesOf(begin!, "input").map(({ attributes }) => attributes.name)).toEqual(["source"]);
  });
});

test("a decoder that looks ahead is refused, with the reason", () => {
  const { generator } = entriesOf(`
    target reply : token(5)[L]
    prev(reply) >> embed(3) >> reverse >> gru(4) >> softmax(reply)`);
  expect(generator!.next).toBeNull();
  expect(generator!.refusal).toBe("`reply` can't be generated: a reversed sequence starts at its end.");
});

test("a model that feeds nothing back has no generator", () => {
  expect(
    entriesOf("input x : token(5)[T]\nx >> embed(3) >> gru(4) >> softmax(next(x))").generator,
  ).toBeNull();
});
