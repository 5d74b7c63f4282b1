/**
 * The adding problem (Hochreiter & Schmidhuber 1997): 150 numbers, one marked in each half, and the sum of the two
 * wanted at the end. Who always says 1 is off by 1/6 in the mean square.
 */
import { expect, test } from "vitest";
import { random } from "../../src/ir/random.ts";
import { load } from "../../src/runtime/index.ts";
import { compileModel } from "../runtime/models.ts";
import { sourceOf } from "./example.ts";

const length = 150;
const constantGuess = 1 / 6;

function problems(count: number, seed: number): { x: number[][][]; y: number[][] } {
  const x = Array.from({ length: count }, (_, b) => {
    const number = (place: number, k: number): number => random("uniform", seed, place, b, k);
    const marks = [0, 1].map((half) => Math.floor((half + number(1, half)) * (length / 2)));
    return Array.from({ length }, (_, t) => [number(2, t), marks.includes(t) ? 1 : 0]);
  });
  return { x, y: x.map((steps) => [steps.reduce((sum, [value, mark]) => sum + value! * mark!, 0)]) };
}

/** The best loss on problems never seen; training ends when it is below `wanted`. */
async function learn(name: string, steps: number, wanted: number): Promise<number> {
  const model = await load(await compileModel(sourceOf(name)));
  const trainer = model.trainer({ seed: 1 });
  const unseen = trainer.batch(problems(200, 0));
  let best = Infinity;
  for (let step = 1; step <= steps && best >= wanted; step++) {
    trainer.step(problems(32, step));
    if (step % 250 === 0) best = Math.min(best, trainer.evaluate(unseen).loss);
  }
  return best;
}

test("irnn beats the constant guess tenfold", { timeout: 120_000 }, async () => {
  expect(await learn("irnn", 4000, constantGuess / 10)).toBeLessThan(constantGuess / 10);
});

test(
  "sigmoid does not beat it at all in 500 steps, where irnn is far below",
  { timeout: 120_000 },
  async () => {
    expect(await learn("sigmoid", 500, 0)).toBeGreaterThan(0.9 * constantGuess);
    expect(await learn("irnn", 500, 0)).toBeLessThan(0.5 * constantGuess);
  },
);
