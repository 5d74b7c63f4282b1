/**
 * `conv` and `pool` give what PyTorch gives (`test/reference/convolutions.py`): outputs, gradients of weights and inputs, over
 * images and over sequences of different lengths; and what they say of axes, names and products.
 */
import { describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { compile } from "../../src/compile/compile.ts";
import { describeType } from "../../src/elaborate/tensors.ts";
import { evaluate } from "../../src/ir/graph/eval.ts";
import { print } from "../../src/ir/graph/print.ts";
import { read } from "../../src/ir/graph/read.ts";
import { strides } from "../../src/ir/graph/tensor.ts";
import { nodesOf } from "../../src/ir/graph/walk.ts";
import { derive } from "../../src/passes/differentiate.ts";
import reference from "../reference/convolutions.json" with { type: "json" };
import { expectClose } from "./compare.ts";
import { entry, environmentOf, evaluator } from "./evaluator.ts";
import { checkCases } from "./gradients.ts";
import { moduleOf } from "./module.ts";
import {
  type Call,
  drawData,
  drawParameters,
  exampleOf,
  flat,
  type Nested,
  program,
  type Program,
  type Runner,
} from "./program.ts";

type Case = (typeof reference.cases)[number];

const shapeOf = (value: Nested): number[] =>
  typeof value === "number" ? [] : [value.length, ...shapeOf(value[0]!)];

function programOf({ stage, input, output }: Case): Program {
  const [height, width, channels] = shapeOf(input[0]!) as [number, number, number?];
  const [rows, columns, n] = shapeOf(output[0]!) as [number, number, number?];
  // The windows of a sequence have an axis of their own, which weights are read along.
  return channels === undefined
    ? program(`input x : f32[T, ${width}]  input w : f32[U, ${columns}]
        output h = x >> ${stage}
        minimize sum(t: dot(h[t], w[t]))`)
    : program(`input x : f32[H: ${height}, W: ${width}, ${channels}]  input w : f32[H: ${rows}, W: ${columns}, ${n}]
        output h = x >> ${stage}
        minimize sum(h * w)`);
}

describe.each(reference.cases)("$stage", (given) => {
  const made = programOf(given);
  const examples = given.input.length;
  const values = given.weight ? { "h.conv.W": given.weight, "h.conv.b": given.bias } : {};
  const parameters = new Map(Object.entries(values).map(([name, value]) => [name, flat(value as Nested)]));
  const call: Call = { data: { x: given.input, w: given.lossWeights }, parameters };

  test.each([
    ["evaluator", 1e-7, () => Promise.resolve(evaluator(made))],
    ["module", 1e-5, () => moduleOf(made)],
  ] as const)("in the %s", async (_, bound, make: () => Promise<Runner>) => {
    const runner = await make();
    const found = runner.predict(call).outputs.get("h")!;
    given.output.forEach((y, b) => expectClose(found[b]!, flat(y), bound, 1, `output ${b}`));
    if (!given.weight) return;
    // Ours is the mean over the examples, theirs the sum.
    const { gradients } = runner.learn(call);
    const wanted = { "h.conv.W": given.weightGradient, "h.conv.b": given.biasGradient };
    for (const [name, expected] of Object.entries(wanted))
      expectClose(
        gradients.get(name)!.map((x) => examples * x),
        flat(expected as Nested),
        bound,
        1,
        name,
      );
  });

  test("gradient of the input", () => {
    const graph = entry(made, "train");
    const loss = graph.outputs.find((o) => o.role === "loss")!.value;
    const x = nodesOf(graph, "input").find((node) => node.attributes.name === "x")!;
    const { gradients, roots } = derive([loss], [x], [loss]);
    const outputs = [
      { name: "x", role: "predict", value: gradients[0]! },
      { name: "loss", role: "loss", value: roots[0]! },
    ] as const;
    const found = evaluate({ name: "test", outputs }, environmentOf(made, graph, call)).get("x")!;
    const step = strides(found);
    const example = found.axes.find((axis) => axis.kind === "batch")!;
    const rest = [...found.axes.filter((axis) => axis.kind !== "batch")];
    const read = (value: Nested, level: number, at: number): void => {
      if (typeof value === "number") expect(examples * found.data[at]!).toBeCloseTo(value, 7);
      else value.forEach((inner, k) => read(inner, level + 1, at + k * step(rest[level]!)));
    };
    given.inputGradient.forEach((value, b) => read(value, 0, b * step(example)));
  });
});

const overImages = (pipeline: string) => ({
  name: pipeline,
  source: `input x : f32[H: 6, W: 5, 2]  target y : token(3)\nx >> ${pipeline} >> flatten >> softmax(y)`,
  lengths: { T: [0, 0] },
});

const overSequences = (pipeline: string) => ({
  name: pipeline,
  source: `input x : f32[T, 2]  target y : token(3)\nx >> ${pipeline} >> softmax(y)`,
  // Some are shorter than the windows.
  lengths: { T: [7, 1, 4, 9] },
});

checkCases([
  overImages("conv(3, [2, 3]) >> tanh >> pool(2)"),
  overImages("conv(4, 3, pad = 1) >> tanh >> conv(2, 2, stride = 2)"),
  overImages("conv(2, 3, along = H) >> tanh >> pool(2, along = W)"),
  overSequences("conv(3, 3) >> tanh >> mean"),
  overSequences("conv(3, 3, pad = 1) >> tanh >> gru(2) >> bidir >> last"),
  overSequences("pool(2) >> conv(3, 2, 2, 1) >> tanh >> lstm(2) >> last"),
  overSequences("conv(3, 4, 2) >> tanh >> gru(2) >> last"),
  {
    name: "frames of a film",
    source: `input film : f32[T, H: 4, W: 4, 1]  target y : token(3)
      film >> conv(2, 3) >> tanh >> pool(2) >> flatten >> elman(3) >> last >> softmax(y)`,
    lengths: { T: [3, 1, 2] },
  },
]);

const typeOf = (source: string): string => {
  const { model, diagnostics } = check(source, "a.rnn");
  expect(diagnostics).toEqual([]);
  return describeType(model!.results[0]!.value);
};

test.each([
  ["f32[H: 28, W: 28, 1]", "conv(8, 5)", "f32[H: 24, W: 24, 8]"],
  ["f32[H: 28, W: 28]", "conv(8, 5)", "f32[H: 24, W: 24, 8]"],
  ["f32[H: 9, W: 7, 3]", "pool(2)", "f32[H: 4, W: 3, 3]"],
  ["f32[H: 9, W: 7, 3]", "conv(4, 3, pad = 1)", "f32[H: 9, W: 7, 4]"],
  ["f32[H: 9, W: 7, 3]", "conv(4, 3, along = W)", "f32[H: 9, W: 5, 4]"],
  ["f32[T, H: 9, W: 7, 3]", "conv(4, 3) >> flatten", "f32[T, 140]"],
  ["f32[T, 3]", "conv(4, 3)", "f32[T, 4]"],
])("%s >> %s is %s", (from, stage, to) => {
  expect(typeOf(`input x : ${from}\noutput y = x >> ${stage}`)).toBe(to);
});

test("windows that are as many as the steps are along the same axis", () => {
  const tags = "input x : f32[T, 3]  target y : token(4)[T]\nx >> conv(8, 3, pad = 1) >> softmax(y)";
  expect(check(tags, "a.rnn").diagnostics).toEqual([]);
  const others = check(tags.replace(", pad = 1", ""), "a.rnn").diagnostics;
  expect(others.map(({ code }) => code)).toEqual(["axes-do-not-meet"]);
});

test("the size of the features may come from elsewhere", () => {
  const { model } = check(
    "input x : f32[T, d]  input y : f32[T, 4]\nlet z = x + y\noutput h = x >> conv(2, 3)",
    "a.rnn",
  );
  const [weight] = model!.parameters;
  expect(weight!.axes.map(({ size }) => (size.kind === "fixed" ? size.size : null))).toEqual([2, 12]);
});

test("lengths that are divided are printed and read", () => {
  const { model } = program("input x : f32[T, 2]\noutput h = x >> pool(2) >> conv(3, 2, 3, 1)");
  const text = print(model.graph);
  expect(text).toContain("axis T/2 time 0.03125 linear T * 1 + 0 / 2\n");
  expect(print(read(text))).toBe(text);
});

test("a convolution is one product over all windows, its gradients two", async () => {
  const source = `input x : f32[H: 12, W: 12, 4]  target y : f32[H: 8, W: 8, 16]
    net first = conv(4, 1)
    minimize mse(x >> first >> conv(16, 5), y)`;
  const { stages } = await compile(source, "a.rnn", { emit: ["kernels"] });
  const [, step] = /^entry gradients\n([\s\S]*?)^entry /mu.exec(stages.get("kernels")!)!;
  const products = step!.match(/^ {2}product .*$/gmu)!;
  // Of the first, which maps each pixel, there is no gradient of the input.
  expect(products).toHaveLength(5);
  expect(products.filter((line) => line.includes("< 100"))).toHaveLength(3);
});

describe.each([
  "conv(3, 3) >> tanh",
  "conv(3, 3, pad = 1)",
  "conv(2, 3, 2, 2) >> lstm(3)",
  "pool(2) >> conv(3, 2) >> gru(2)",
])("%s over sequences of different lengths", (pipeline) => {
  const made = program(`input x : f32[T, 2]\noutput h = x >> ${pipeline}\nminimize sum(h)`);
  const lengths = { T: [6, 1, 0, 9, 2] };
  const data = drawData(made, lengths, 6);
  const call: Call = { data, parameters: drawParameters(made, 6) };

  test("each alone gives the same bits", async () => {
    const module = await moduleOf(made);
    const together = module.predict(call).outputs.get("h")!;
    lengths.T.forEach((_, b) => {
      const alone = module.predict({ ...call, data: exampleOf(data, b) }).outputs.get("h")!;
      expect(together[b], `example ${b}`).toEqual(alone[0]);
    });
  });

  test("a batch of sequences that are shorter than a window", async () => {
    const short: Call = { ...call, data: { x: [data["x"]![1]!, data["x"]![2]!] } };
    for (const runner of [evaluator(made), await moduleOf(made)]) {
      const { loss, gradients } = runner.learn(short);
      expect(Number.isFinite(loss)).toBe(true);
      for (const values of gradients.values()) expect(values.every(Number.isFinite)).toBe(true);
    }
    const [wanted, found] = [evaluator(made), await moduleOf(made)].map((runner) => runner.learn(short));
    expectClose([found!.loss], [wanted!.loss], 1e-5);
  });
});

test("loops over halves and over quarters of a sequence are not one", async () => {
  const made = program(`input audio : f32[T, 3]\ntarget words : token(5)[L]
    let memory = audio >> conv(4, 2, stride = 2) >> conv(4, 2, stride = 2)
    prev(words) >> embed(3) >> elman(4, feed = attention(bahdanau, over = memory)) >> softmax(words)`);
  const data = drawData(made, { T: [8, 4, 13], L: [3, 2, 3] }, 3);
  const call: Call = { data, parameters: drawParameters(made, 2, 0.4) };
  const [wanted, found] = [evaluator(made).learn(call), (await moduleOf(made)).learn(call)];
  expectClose([found.loss], [wanted.loss], 1e-5);
  for (const [name, gradient] of wanted.gradients)
    expectClose(found.gradients.get(name)!, [...gradient], 1e-4, 1e-3);
});
