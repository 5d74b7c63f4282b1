/** What is random: the share that dropout keeps, where a mask is fresh and where it stays, and what a seed decides. */
import { describe, expect, test } from "vitest";
import { noisy } from "./cases.ts";
import { evaluator } from "./evaluator.ts";
import { moduleOf } from "./module.ts";
import { type Call, drawData, drawParameters, program, type Program, type Runner } from "./program.ts";

const steps = 6;
const features = 64;

/** Each element of `θ` has as gradient the sum of its mask over the steps. */
const masks = (stage: string): Program =>
  program(`input x : f32[T, ${features}]  param θ[${features}] = ones\nminimize sum((x >> ${stage}) * θ)`);

const call = (made: Program, seed: number): Call => ({
  data: { x: [Array.from({ length: steps }, () => new Array<number>(features).fill(1))] },
  parameters: new Map(made.model.parameters.map((p) => [p.name, new Array<number>(features).fill(1)])),
  seed,
});

const runners = async (made: Program): Promise<Runner[]> => [evaluator(made), await moduleOf(made)];

describe("dropout", () => {
  test("is fresh at each step, and keeps the expectation", async () => {
    const made = masks("dropout(0.25)");
    for (const runner of await runners(made)) {
      const sums = runner.learn(call(made, 5)).gradients.get("θ")!;
      const kept = sums.map((x) => x * 0.75);
      kept.forEach((x) => expect(x).toBeCloseTo(Math.round(x), 4));
      expect(new Set(kept.map(Math.round)).size).toBeGreaterThan(3);
      // 384 draws: the standard deviation of the share kept is 0.022.
      expect(kept.reduce((a, b) => a + b) / (steps * features)).toBeGreaterThan(0.66);
      expect(kept.reduce((a, b) => a + b) / (steps * features)).toBeLessThan(0.84);
    }
  });

  test("keeps one mask for a sequence if it is variational", async () => {
    const made = masks("dropout(0.25, variational)");
    for (const runner of await runners(made)) {
      const sums = runner.learn(call(made, 5)).gradients.get("θ")!;
      sums.forEach((x) => expect(x === 0 || Math.abs(x - steps / 0.75) < 1e-4, `${x}`).toBe(true));
      expect(new Set(sums.map(Math.round)).size).toBe(2);
    }
  });

  test("in a cell is fresh at each step, and one mask if it is variational", async () => {
    const cell = (options: string): Program =>
      program(`cell noisy() (x) { return x >> dropout(${options}) }
        input x : f32[T, ${features}]  param θ[${features}] = ones
        minimize sum((x >> noisy()) * θ)`);
    for (const made of [cell("0.5"), cell("0.5, variational")])
      for (const runner of await runners(made)) {
        const values = new Set(runner.learn(call(made, 9)).gradients.get("θ")!);
        if (made.source.includes("variational")) expect([...values].sort((a, b) => a - b)).toEqual([0, 12]);
        else expect(values.size).toBeGreaterThan(3);
      }
  });

  test("is off in evaluation and prediction", async () => {
    const made = program(
      `input x : f32[T, ${features}]  let z = x >> dropout(0.5)  output z  minimize sum(z)`,
    );
    for (const runner of await runners(made)) {
      expect(runner.evaluate(call(made, 1))).toBe(steps * features);
      expect(new Set(runner.predict(call(made, 1)).outputs.get("z")![0])).toEqual(new Set([1]));
    }
  });
});

describe.each(noisy)("$name", ({ source, lengths }) => {
  const made = program(source);
  const given: Call = { data: drawData(made, lengths), parameters: drawParameters(made) };

  test("gives the same for the same seed and step, another for others", async () => {
    const [wanted, found] = await runners(made);
    for (const runner of [wanted!, found!]) {
      const loss = (seed: number, step: number): number => runner.learn({ ...given, seed, step }).loss;
      const losses = [loss(1, 0), loss(2, 0), loss(1, 1), loss(3, 0), loss(1, 3), runner.evaluate(given)];
      expect(loss(1, 0)).toBe(losses[0]);
      expect(new Set(losses).size).toBe(losses.length);
    }
  });
});
