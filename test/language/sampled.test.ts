/** Scheduled sampling: in training the model reads some of its own choices in place of the true entries. */
import { describe, expect, test } from "vitest";
import { checkGradients, gradientLimits } from "../../src/compile/check-gradients.ts";
import { check } from "../../src/compile/check.ts";
import { evaluator } from "./evaluator.ts";
import { moduleOf } from "./module.ts";
import { drawParameters, program, type Call, type Program } from "./program.ts";

const source = (sampled: string): string => `target reply : token(5)[L]
  prev(reply${sampled}) >> embed(3) >> gru(4) >> softmax(reply)`;

/** A model that is sure of one entry, whatever it has read. */
const sureOf = (made: Program, entry: number): Map<string, number[]> => {
  const parameters = drawParameters(made, 3);
  parameters.set(
    "softmax.b",
    [0, 1, 2, 3, 4].map((k) => (k === entry ? 100 : 0)),
  );
  return parameters;
};

const reply = [[3, 3, 3, 3]];

describe("prev(reply, sampled = p)", () => {
  test("reads what the model chooses, in training only", async () => {
    const made = program(source(", sampled = 1"));
    const plain = program(source(""));
    const call = (entry: number): Call => ({ data: { reply }, parameters: sureOf(made, entry) });
    for (const runners of [
      [evaluator(made), evaluator(plain)] as const,
      [await moduleOf(made), await moduleOf(plain)] as const,
    ]) {
      const [own, given] = runners;
      // It chooses the truth: there is no difference to read.
      expect(own.learn(call(3)).loss).toBe(given.learn(call(3)).loss);
      // It chooses another: it reads that, and in evaluation the truth.
      expect(own.learn(call(2)).loss).not.toBe(given.learn(call(2)).loss);
      expect(own.evaluate(call(2))).toBe(given.evaluate(call(2)));
      // As if that had been given.
      const two = given.learn({ ...call(2), data: { reply: [[2, 2, 2, 3]] } });
      const table = (gradients: ReadonlyMap<string, readonly number[]>): readonly number[] =>
        gradients.get("embed.E")!;
      expect(table(own.learn(call(2)).gradients).slice(9, 12)).toEqual([0, 0, 0]);
      expect(table(two.gradients).slice(9, 12)).toEqual([0, 0, 0]);
    }
  });

  test("mixes them with the truth, and its gradients are right", async () => {
    const rows = await checkGradients(source(", sampled = 0.5"), "sampled.rnn");
    for (const { parameter, differences, module } of rows!) {
      expect(differences, parameter).toBeLessThan(gradientLimits.differences);
      expect(module, parameter).toBeLessThan(gradientLimits.module);
    }
  });

  test("asks for a probability", () => {
    const { diagnostics } = check(source(", sampled = 2"), "sampled.rnn", {});
    expect(diagnostics.map((d) => d.code)).toEqual(["setting-range"]);
  });
});
