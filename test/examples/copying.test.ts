/**
 * The copy task (Graves et al. 2014): random bits for a few steps, a sign, and then the same bits wanted again. Who
 * remembers none of them pays ln 2 for each.
 */
import { expect, test } from "vitest";
import { random } from "../../src/ir/random.ts";
import { load, type Trainer } from "../../src/runtime/index.ts";
import { compileModel } from "../runtime/models.ts";
import { sourceOf } from "./example.ts";

const width = 4;
const trainingSteps = 1000;

type Rows = number[][];

/** Each with so many steps to remember. */
function sequences(count: number, seed: number, steps: number): { bits: Rows[]; copy: Rows[] } {
  const silence = Array<number>(width).fill(0);
  const shown = Array.from({ length: count }, (_, b) =>
    Array.from({ length: steps }, (_, t) =>
      silence.map((_, k) => Math.round(random("uniform", seed, b, t, k))),
    ),
  );
  const before = [...Array<number[]>(steps).fill(silence), silence];
  return {
    bits: shown.map((rows) => [
      ...rows.map((row) => [...row, 0]),
      [...silence, 1],
      ...rows.map(() => [...silence, 0]),
    ]),
    copy: shown.map((rows) => [...before, ...rows]),
  };
}

/** The example with another controller, for fewer bits, trained on up to four steps. */
async function trained(controller: string): Promise<Trainer> {
  const source = sourceOf("ntm")
    .replace("f32[T, 9]", `f32[T, ${width + 1}]`)
    .replace("f32[T, 8]", `f32[T, ${width}]`)
    .replace(/ntm\(.*\) >>/u, `ntm(40, m = 16, d = 10, controller = ${controller}) >>`)
    .replace(/epochs \d+/u, `steps ${trainingSteps}`);
  const model = await load(await compileModel(source));
  const trainer = model.trainer({ seed: 1 });
  for (let step = 1; step <= trainingSteps; step++) trainer.step(sequences(16, step, 1 + (step % 4)));
  return trainer;
}

/** Relative to remembering nothing. */
function lossOf(trainer: Trainer, steps: number): number {
  const { loss } = trainer.evaluate(trainer.batch(sequences(200, 0, steps)));
  return (loss * (2 * steps + 1)) / (steps * width * Math.LN2);
}

test("a machine controlled by a long short-term memory learns to copy", { timeout: 60_000 }, async () => {
  const trainer = await trained("lstm(40)");
  expect(lossOf(trainer, 1)).toBeLessThan(0.1);
  expect(lossOf(trainer, 4)).toBeLessThan(0.7);
});

// What this one remembers stands in the memory, for it has no other.
test("so does one controlled by a feed-forward network", { timeout: 60_000 }, async () => {
  const trainer = await trained("dense(40, tanh)");
  expect(lossOf(trainer, 1)).toBeLessThan(0.25);
  expect(lossOf(trainer, 4)).toBeLessThan(0.85);
});
