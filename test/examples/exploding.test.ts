/**
 * The network of one unit over a thousand steps: y = w^999, so a weight hardly above 1 explodes and one hardly below 1
 * vanishes, and so do their gradients, 2 (y - target) 999 w^998.
 */
import { describe, expect, test } from "vitest";
import { gradientFlow } from "../../src/compile/gradient-flow.ts";
import { load } from "../../src/runtime/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/runtime/safetensors.ts";
import { evaluator } from "../language/evaluator.ts";
import { moduleOf } from "../language/module.ts";
import { compileModel } from "../runtime/models.ts";
import { example, sourceOf } from "./example.ts";

const name = "last_value.unit.w";
const inputWeight = "last_value.unit.u";
const steps = 1000;
const x = [Array.from({ length: steps }, (_, t) => [t === 0 ? 1 : 0])];

describe.each([
  { w: 1, published: 1 },
  { w: 1.01, published: 20751.6 },
  { w: 0.99, published: 4.36e-5 },
])("w = $w", ({ w, published }) => {
  const made = example("exploding");
  const target = 0.5;

  test.each(["evaluator", "module"])("in the %s", async (kind) => {
    const runner = kind === "module" ? await moduleOf(made) : evaluator(made);
    // In single precision w itself is off by 10⁻⁸, a thousand times over.
    const [exact, bound] = kind === "module" ? [Math.fround(w), 1e-4] : [w, 1e-12];
    const call = {
      data: { x, y: [[target]] },
      parameters: new Map([
        [name, [w]],
        [inputWeight, [1]],
      ]),
    };
    const y = runner.predict(call).outputs.get("last_value")![0]![0]!;
    expect(Math.abs(y / published - 1)).toBeLessThan(2e-3);
    expect(Math.abs(y / exact ** (steps - 1) - 1)).toBeLessThan(bound);
    const { loss, gradients } = runner.learn(call);
    expect(Math.abs(loss / (exact ** (steps - 1) - target) ** 2 - 1)).toBeLessThan(bound);
    const slope = 2 * (exact ** (steps - 1) - target) * (steps - 1) * exact ** (steps - 2);
    expect(Math.abs(gradients.get(name)![0]! / slope - 1)).toBeLessThan(bound);
  });
});

test("the clip of the example turns the cliff into a small step", async () => {
  const options = await compileModel(sourceOf("exploding"));
  const start = Math.fround(1.01);
  const tensors = new Map([
    [name, { data: Float32Array.of(start), shape: [1] }],
    [inputWeight, { data: Float32Array.of(1), shape: [1] }],
  ]);
  const model = await load({ ...options, weights: writeSafetensors({ tensors, metadata: {} }) });
  const { norm, rate } = model.trainer().step({ x, y: [[0]] });
  expect(norm).toBeGreaterThan(1e10);
  const after = readSafetensors(model.weights()).tensors.get(name)!.data[0]!;
  // `clip norm 1`: whatever the gradient, plain descent moves by no more than the rate.
  expect(Math.abs(start - after - rate)).toBeLessThan(2 ** -22);
});

test("over a hundred steps the gradient of a simple network vanishes, that of a cell that keeps does not", async () => {
  const flow = async (name: string) => {
    const states = await gradientFlow(sourceOf(name), `${name}.rnn`);
    const norms = states!.map((s) => s.norms);
    // What reaches the first step, of the most that reaches any.
    return Math.max(...norms.map((n) => n[0]!)) / Math.max(...norms.flat());
  };
  expect(await flow("adding-elman")).toBeLessThan(1e-5);
  expect(await flow("adding-lstm")).toBeGreaterThan(0.1);
});
