/**
 * Inverted dropout: an element is 0 with probability p, else divided by 1 - p; so the mean stays, and inference needs
 * nothing. A variational mask is the same at every step of a sequence, and another for each sequence.
 */
import { describe, expect, test } from "vitest";
import { evaluator } from "../language/evaluator.ts";
import { moduleOf } from "../language/module.ts";
import { type Call, drawData, drawParameters, program, type Runner } from "../language/program.ts";
import { example } from "./example.ts";

const [count, steps, units] = [6, 40, 50];
const size = count * steps;

/** Every step of every example has a row of E of its own, so the gradient of E is the mask. */
const words = Array.from({ length: count }, (_, b) => Array.from({ length: steps }, (_, t) => b * steps + t));

const within = `cell total(n) (x) {
  state h[n]
  h = h[t-1] + (x >> STAGE)
  return h
}`;
const made = (stage: string, inCell: boolean) =>
  program(`input words : token(${size})[T]
    param E[${size}, ${units}] = ones
    ${inCell ? within.replace("STAGE", stage) : ""}
    minimize sum(E[words] >> ${inCell ? `total(${units}) >> last` : stage})`);

/** By example, step and unit. */
function maskOf(runner: Runner, call: Partial<Call> = {}): number[][][] {
  const parameters = new Map([["E", new Array<number>(size * units).fill(1)]]);
  const gradient = runner.learn({ data: { words }, parameters, ...call }).gradients.get("E")!;
  // The loss is the mean over the examples.
  return words.map((row) =>
    row.map((id) => gradient.slice(id * units, (id + 1) * units).map((x) => x * count)),
  );
}

describe.each([
  { where: "between layers", inCell: false },
  { where: "in a cell", inCell: true },
])("$where", ({ inCell }) => {
  test.each(["evaluator", "module"])("inverted, in the %s", async (kind) => {
    const program = made("dropout(0.3)", inCell);
    const runner = kind === "module" ? await moduleOf(program) : evaluator(program);
    const mask = maskOf(runner);
    const all = mask.flat(2);
    const kept = all.filter((x) => x !== 0);
    for (const x of kept) expect(x).toBeCloseTo(1 / 0.7, 5);
    // 12,000 draws: the share's deviation is 0.0042.
    expect(Math.abs(kept.length / all.length - 0.7)).toBeLessThan(0.02);
    expect(Math.abs(all.reduce((a, b) => a + b) / all.length - 1)).toBeLessThan(0.03);
    // A fresh mask at each step, for each example and at each step of training.
    expect(new Set(mask.flat().map((row) => row.join())).size).toBe(size);
    expect(maskOf(runner)).toEqual(mask);
    expect(maskOf(runner, { step: 1 })).not.toEqual(mask);
    expect(maskOf(runner, { seed: 2 })).not.toEqual(mask);
  });

  test.each(["evaluator", "module"])("variational, in the %s", async (kind) => {
    const program = made("dropout(0.3, variational)", inCell);
    const runner = kind === "module" ? await moduleOf(program) : evaluator(program);
    const mask = maskOf(runner);
    for (const sequence of mask) for (const row of sequence) expect(row).toEqual(sequence[0]);
    expect(new Set(mask.map(([row]) => row!.join())).size).toBe(count);
    const rows = mask.map(([row]) => row!).flat();
    for (const x of rows) if (x !== 0) expect(x).toBeCloseTo(1 / 0.7, 5);
    // 300 draws.
    expect(Math.abs(rows.filter((x) => x !== 0).length / rows.length - 0.7)).toBeLessThan(0.13);
  });
});

test("the example draws in training alone", async () => {
  const program = example("dropout");
  const data = drawData(program, { T: [5, 2, 4] });
  const parameters = drawParameters(program, 1, 0.2);
  for (const runner of [evaluator(program), await moduleOf(program)]) {
    const of = (seed: number): Call => ({ data, parameters, seed });
    expect(runner.learn(of(1)).loss).not.toBe(runner.learn(of(2)).loss);
    expect(runner.evaluate(of(1))).toBe(runner.evaluate(of(2)));
    expect(runner.predict(of(1)).outputs).toEqual(runner.predict(of(2)).outputs);
  }
});
