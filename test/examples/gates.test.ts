/** What gates do at their limits: shut for good, they keep a memory to the bit. */
import { describe, expect, test } from "vitest";
import { evaluator } from "../language/evaluator.ts";
import { moduleOf } from "../language/module.ts";
import { drawParameters, normals, program, type Program, type Runner } from "../language/program.ts";
import { example } from "./example.ts";

const steps = 1000;
const runners = async (made: Program): Promise<Runner[]> => [evaluator(made), await moduleOf(made)];

/** The first step's input opens what is shut afterwards: ±200 is 1 and 0 in any arithmetic. */
const opening = (parameters: Map<string, number[]>, gate: string, open: number): void => {
  const bias = parameters.get(`${gate}.b`)!;
  const columns = parameters.get(`${gate}.Wx`)!.length / bias.length;
  parameters.set(
    `${gate}.b`,
    bias.map(() => -200 * open),
  );
  parameters.set(
    `${gate}.Wh`,
    parameters.get(`${gate}.Wh`)!.map(() => 0),
  );
  parameters.set(
    `${gate}.Wx`,
    parameters.get(`${gate}.Wx`)!.map((_, k) => (k % columns === 0 ? 400 * open : 0)),
  );
};

describe("Γu = 0 after the first step", () => {
  // The first feature opens the gate, the others are noise.
  const x = Array.from({ length: steps }, (_, t) => [t === 0 ? 1 : 0, ...normals(2, t)]);

  // The library's z keeps: Γu = 1 - z.
  test.each(["simple", "before", "after"])("gru(%s) carries its state to the bit", async (kind) => {
    const option = kind === "simple" ? "simple" : `reset = ${kind}`;
    const made = program(`input x : f32[T, 3]  output h = x >> gru(5, ${option})`);
    const parameters = drawParameters(made, 3);
    opening(parameters, "h.gru.z", -1);
    for (const runner of await runners(made)) {
      const h = runner.predict({ data: { x: [x] }, parameters }).outputs.get("h")![0]!;
      const first = h.slice(0, 5);
      expect(first.every((value) => value !== 0)).toBe(true);
      for (let t = 1; t < steps; t++) expect(h.slice(5 * t, 5 * t + 5)).toEqual(first);
    }
  });

  test("the memory of an lstm with i = 0, f = 1 too", async () => {
    const made = program("input x : f32[T, 3]  output h = x >> lstm(5)");
    const parameters = drawParameters(made, 3);
    opening(parameters, "h.lstm.i", 1);
    opening(parameters, "h.lstm.f", -1);
    opening(parameters, "h.lstm.o", 0);
    for (const runner of await runners(made)) {
      const h = runner.predict({ data: { x: [x] }, parameters }).outputs.get("h")![0]!;
      for (let t = 1; t < steps; t++) expect(h.slice(5 * t, 5 * t + 5)).toEqual(h.slice(0, 5));
    }
  });
});

describe("the example gru-simple", () => {
  test("says the same for 1000 words after the one that it was told", async () => {
    const made = example("gru-simple");
    const words = [0, ...Array.from({ length: steps - 1 }, (_, t) => 1 + (t % 10))];
    const parameters = drawParameters(made, 3, 0.1);
    const table = parameters.get("embed.E")!;
    parameters.set(
      "embed.E",
      table.map((value, k) => (k % 100 === 0 ? (k === 0 ? 1 : 0) : value)),
    );
    opening(parameters, "gru.z", -1);
    for (const runner of await runners(made)) {
      const tags = runner.predict({ data: { words: [words] }, parameters }).outputs.get("tags")![0]!;
      const size = tags.length / steps;
      for (let t = 1; t < steps; t++)
        expect(tags.slice(size * t, size * (t + 1))).toEqual(tags.slice(0, size));
    }
  });
});
