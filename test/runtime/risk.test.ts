/** Minimum risk training: what is made small is the expected risk of the answers that the model draws itself. */
import { describe, expect, test } from "vitest";
import { load } from "../../src/runtime/index.ts";
import { sentenceBleu } from "../../src/runtime/risk.ts";
import { compileModel } from "./models.ts";

const source = (options: string): string => `input source : token(6)[S]
target reply : token[L]
let memory = source >> embed(8) >> gru(16)
prev(reply) >> embed(8) >> gru(16, init = memory) >> softmax(reply${options})
train { optimizer adam(5e-3)  clip norm 5 }
decode { beam(1, max = 8) }`;

const vocabularies = { reply: ["<unk>", "<eos>", "a", "b", "c", "d"] };
const data = {
  source: [
    [1, 2, 3],
    [2, 2],
    [3, 0, 1],
    [0, 1],
  ],
  reply: [
    ["b", "c", "d"],
    ["c", "c"],
    ["d", "a", "b"],
    ["a", "b"],
  ],
};

describe("the risk of one answer", () => {
  test("is none where it is the true one", () => {
    expect(sentenceBleu([1, 2, 3], [1, 2, 3])).toBeCloseTo(1, 12);
    expect(sentenceBleu([], [1])).toBe(0);
  });
  // Two words of three right, one pair of two: (2/3 · (1+1)/(2+1) · (0+1)/(1+1) · 1/1)^(1/4).
  test("counts n-grams, one added from pairs on", () => {
    expect(sentenceBleu([1, 2, 4], [1, 2, 3])).toBeCloseTo(((2 / 3) * (2 / 3) * (1 / 2)) ** 0.25, 12);
  });
  test("is larger for a short answer", () => {
    expect(sentenceBleu([1, 2], [1, 2, 3, 4])).toBeCloseTo(Math.exp(1 - 4 / 2), 12);
  });
});

describe("softmax(reply, risk = bleu, samples = n)", () => {
  test("goes on from a trained model, and the risk falls", async () => {
    const plain = await load(await compileModel(source(""), { vocabularies }));
    const first = plain.trainer({ seed: 1 });
    for (let step = 0; step < 30; step++) first.step(data);
    const weights = plain.weights();
    const risky = await load({
      ...(await compileModel(source(", risk = bleu, samples = 12"), { vocabularies })),
      weights,
    });
    const trainer = risky.trainer({ seed: 2 });
    const risks = Array.from({ length: 120 }, () => trainer.step(data).loss);
    const mean = (all: readonly number[]): number => all.reduce((a, b) => a + b) / all.length;
    const [before, after] = [mean(risks.slice(0, 20)), mean(risks.slice(-20))];
    expect(before).toBeGreaterThan(0.1);
    expect(after).toBeLessThan(0.8 * before);
  });

  test("is evaluated as any softmax", async () => {
    const models = await Promise.all(
      ["", ", risk = bleu"].map(async (options) => {
        const model = await load(await compileModel(source(options), { vocabularies }));
        return model.trainer({ seed: 3 }).evaluate(data).loss;
      }),
    );
    expect(models[1]).toBe(models[0]);
  });
});
