/** Small cases worked by hand, as lectures have them. */
import { describe, expect, test } from "vitest";
import { load } from "../../src/runtime/load.ts";
import { compile } from "../../src/compile/compile.ts";
import { readSafetensors, writeSafetensors } from "../../src/runtime/safetensors.ts";
import { expectClose } from "./compare.ts";
import { evaluator } from "./evaluator.ts";
import { moduleOf } from "./module.ts";
import { program, type Program, type Runner, shapeOf, sizeOf, type Values } from "./program.ts";

const runners = async (made: Program): Promise<Runner[]> => [evaluator(made), await moduleOf(made)];

/** Every weight the same, biases (of rank 1) zero. */
const weights = ({ model }: Program, value: number): Map<string, number[]> =>
  new Map(
    model.parameters.map((p) => {
      const shape = shapeOf(p);
      return [p.name, new Array<number>(sizeOf(shape)).fill(shape.length > 1 ? value : 0)];
    }),
  );

describe("a linear simple network with all weights 1", () => {
  // Two inputs, two hidden units, two outputs: h = sum of the inputs + sum of the last h.
  const made = program("input x : f32[T, 2]  output y = x >> elman(2, act = identity) >> dense(2)");
  const x = [
    [1, 1],
    [1, 1],
    [2, 2],
  ];

  test("remembers", async () => {
    for (const runner of await runners(made)) {
      const { outputs } = runner.predict({ data: { x: [x] }, parameters: weights(made, 1) });
      expect(outputs.get("y")![0]).toEqual([4, 4, 12, 12, 32, 32]);
    }
  });

  test("depends on the order of its inputs", async () => {
    for (const runner of await runners(made)) {
      const { outputs } = runner.predict({ data: { x: [[...x].reverse()] }, parameters: weights(made, 1) });
      // h: 4, 4 + 4 → 2 + 8 = 10, 2 + 20 = 22; y is twice that.
      expect(outputs.get("y")![0]).toEqual([8, 8, 20, 20, 44, 44]);
    }
  });
});

describe("a memory cell", () => {
  // The first input is the value, the second opens the input gate (1) or shuts the forget gate (-1), the third reads.
  const made = program("input x : f32[T, 3]  output y = x >> lstm(1, act = identity)");
  const gates: Readonly<Record<string, { weights: number[]; bias: number }>> = {
    g: { weights: [1, 0, 0], bias: 0 },
    i: { weights: [0, 100, 0], bias: -10 },
    f: { weights: [0, 100, 0], bias: 10 },
    o: { weights: [0, 0, 100], bias: -10 },
  };
  const parameters: Values = new Map(
    Object.entries(gates).flatMap(([gate, given]): [string, number[]][] => [
      [`y.lstm.${gate}.Wx`, given.weights],
      [`y.lstm.${gate}.Wh`, [0]],
      [`y.lstm.${gate}.b`, [given.bias]],
    ]),
  );

  test("is written, kept, read and cleared", async () => {
    const x = [
      [3, 1, 0],
      [4, 1, 0],
      [2, 0, 0],
      [1, 0, 1],
      [3, -1, 0],
    ];
    for (const runner of await runners(made)) {
      const { outputs } = runner.predict({ data: { x: [x] }, parameters });
      // Gates of ±10 are open or shut to 5·10⁻⁵.
      expectClose(outputs.get("y")![0]!, [0, 0, 0, 7, 0], 1e-3);
    }
  });
});

describe("a linear unit over 1000 steps", () => {
  const source = `input x : f32[T, 1]
    cell memory() (x) {
      param w[1] = ones
      state h[1]
      h = w * h[t-1] + x
      return h
    }
    let y = x >> memory() >> last
    output y   minimize sum(y)`;
  const made = program(source);
  const steps = 1000;
  // 1, then nothing: y = w^999, so dy/dw = 999 w^998.
  const x = Array.from({ length: steps }, (_, t) => [t === 0 ? 1 : 0]);
  const name = "y.memory.w";

  test.each([
    [1, 1],
    [1.01, 20751.6],
    [0.99, 4.36e-5],
  ])("w = %d", async (w, expected) => {
    for (const runner of await runners(made)) {
      const call = { data: { x: [x] }, parameters: new Map([[name, [w]]]) };
      const { outputs } = runner.predict(call);
      const { loss, gradients } = runner.learn(call);
      // In single precision w itself is off by 10⁻⁸, a thousand times over.
      const exact = runner.name === "module" ? Math.fround(w) : w;
      const bound = runner.name === "module" ? 1e-4 : 1e-12;
      expect(Math.abs(outputs.get("y")![0]![0]! / exact ** (steps - 1) - 1)).toBeLessThan(bound);
      expect(Math.abs(outputs.get("y")![0]![0]! / expected - 1)).toBeLessThan(2e-3);
      expect(loss).toBe(outputs.get("y")![0]![0]);
      const slope = (steps - 1) * exact ** (steps - 2);
      expect(Math.abs(gradients.get(name)![0]! / slope - 1)).toBeLessThan(bound);
    }
  });

  test.each([
    { clip: "", rate: 2 ** -20, update: (slope: number) => slope },
    { clip: "clip norm 5", rate: 2 ** -4, update: () => 5 },
    { clip: "clip value 0.25", rate: 2 ** -4, update: () => 0.25 },
  ])("one step of training: $clip", async ({ clip, rate, update }) => {
    const { wasm, metadata } = await compile(
      `${source}\ntrain { optimizer sgd(${rate}) ${clip} }`,
      "memory.rnn",
    );
    const w = Math.fround(1.01);
    const weights = writeSafetensors({
      tensors: new Map([[name, { data: Float32Array.of(w), shape: [1] }]]),
      metadata: {},
    });
    const model = await load({ metadata: metadata!, wasm: new Uint8Array(wasm!), weights });
    const { norm, skipped } = model.trainer().step({ x: [x] });
    const slope = (steps - 1) * w ** (steps - 2);
    expect(Math.abs(norm / slope - 1)).toBeLessThan(1e-4);
    expect(skipped).toBe(false);
    const { tensors } = readSafetensors(model.weights());
    const moved = w - tensors.get(name)!.data[0]!;
    expect(Math.abs(moved / (rate * update(slope)) - 1)).toBeLessThan(1e-4);
  });
});
