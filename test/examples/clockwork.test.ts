/** A module whose clock does not tick keeps its state to the bit, and its products are not done, forward or backward. */
import { expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { moduleOf } from "../language/module.ts";
import { drawParameters, normals, program } from "../language/program.ts";

const periods = [1, 2, 4, 8];

test("between its ticks a module keeps its state to the bit", async () => {
  const made = program(`input x : f32[T, 3]  output h = x >> cwrnn(5, [${periods}])`);
  const runner = await moduleOf(made);
  const x = Array.from({ length: 20 }, (_, t) => normals(3, t + 1));
  const h = runner.predict({ data: { x: [x] }, parameters: drawParameters(made, 4) }).outputs.get("h")![0]!;
  const module = (t: number, g: number): readonly number[] => h.slice((4 * t + g) * 5, (4 * t + g + 1) * 5);
  for (let t = 1; t < x.length; t++)
    for (const [g, period] of periods.entries()) {
      if (t % period === 0) expect(module(t, g)).not.toEqual(module(t - 1, g));
      else expect(module(t, g)).toEqual(module(t - 1, g));
    }
});

/** How often the products in the loops of an entry are done in so many steps, by the conditions that they stand under. */
function productsDone(kernels: string, entry: string, steps: number): readonly number[] {
  const text = kernels.split(/^entry /mu).find((part) => part.startsWith(entry))!;
  return text.split(/^ {2}(?=\S)/mu).flatMap((block) => {
    if (!block.startsWith("loop")) return [];
    let period = 1;
    let done = 0;
    for (const line of block.split("\n").slice(1)) {
      if (/^ {4}\S/u.test(line)) period = Number(/if \(\(\S+ % (\d+)\) == 0\)/u.exec(line)?.[1] ?? 1);
      if (/^ +product/u.test(line)) done += Math.ceil(steps / period);
    }
    return [done];
  });
}

test("its products are not done", async () => {
  const source = `input x : f32[T, 3]  target y : f32[T, 20]  x >> cwrnn(5, [${periods}]) >> regress(y, project = none)`;
  const { stages } = await compile(source, "clocks.rnn", { emit: ["kernels"] });
  const [forward, backward] = productsDone(stages.get("kernels")!, "gradients", 8);
  // Each module has a product with every slower one; the fastest's product with x is out of the loop.
  const slower = periods.map((_, g) => periods.length - g);
  const ticks = periods.map((period) => 8 / period);
  const recurrent = ticks.reduce((sum, n, g) => sum + n * slower[g]!, 0);
  const inputs = ticks.slice(1).reduce((sum, n) => sum + n, 0);
  expect(forward).toBe(recurrent + inputs);
  // The cotangents of the states, and the gradients of the weights but the fastest module's, which are summed up after it.
  const weights = ticks.slice(1).reduce((sum, n, g) => sum + n * (slower[g + 1]! + 1), 0);
  expect(backward).toBe(recurrent + weights);
});
