/** Choosing from probabilities, and texts that a model makes up. */
import { describe, expect, test } from "vitest";
import { load } from "../../src/runtime/index.ts";
import { choose, draw, type SampleOptions } from "../../src/runtime/sample.ts";
import { characterModel, compileModel, loadTrained } from "./models.ts";

const p = [0.1, 0.4, 0.3, 0.2];

/** The share of each entry in many draws. */
function shares(options: SampleOptions): number[] {
  const n = 20_000;
  const counts = p.map(() => 0);
  for (let k = 0; k < n; k++) counts[choose(p, options, k)]!++;
  return counts.map((c) => c / n);
}

const near = (found: number[], wanted: number[]): void =>
  wanted.forEach((share, k) => expect(Math.abs(found[k]! - share)).toBeLessThan(0.012));

describe("choose", () => {
  test("draws by the probabilities", () => near(shares({}), p));

  test("a temperature sharpens or flattens", () => {
    const powered = p.map((x) => x ** 2);
    near(
      shares({ temperature: 0.5 }),
      powered.map((x) => x / powered.reduce((a, b) => a + b)),
    );
    near(shares({ temperature: 1e6 }), [0.25, 0.25, 0.25, 0.25]);
    expect(shares({ temperature: 1e-3 })).toEqual([0, 1, 0, 0]);
  });

  test("greedy takes the most probable, the lowest id among equals", () => {
    expect(choose(p, { greedy: true }, 0)).toBe(1);
    expect(choose([0.3, 0.3], { temperature: 0 }, 5)).toBe(0);
  });

  test("top_k, top_p and avoid cut", () => {
    near(shares({ topK: 2 }), [0, 4 / 7, 3 / 7, 0]);
    near(shares({ topP: 0.6 }), [0, 4 / 7, 3 / 7, 0]);
    expect(shares({ topP: 0.01 })).toEqual([0, 1, 0, 0]);
    near(shares({ avoid: [1] }), [1 / 6, 0, 3 / 6, 2 / 6]);
    expect(choose(p, { greedy: true, avoid: [1] }, 0)).toBe(2);
  });

  test("the same seed draws the same, another one others", () => {
    const drawn = (seed: number) => Array.from({ length: 50 }, (_, k) => choose(p, { seed }, k));
    expect(drawn(1)).toEqual(drawn(1));
    expect(drawn(1)).not.toEqual(drawn(2));
  });

  test("wrong options and diverged models are told", () => {
    expect(() => choose(p, { temperature: -1 }, 0)).toThrow("a temperature is 0 or more, not -1");
    expect(() => choose(p, { topK: 0 }, 0)).toThrow("top_k is 1 or more");
    expect(() => choose(p, { topP: 0 }, 0)).toThrow("top_p is more than 0");
    expect(() => choose([NaN, 1], {}, 0)).toThrow("the training has diverged");
  });
});

test("draws are uniform and seeds independent", () => {
  const n = 50_000;
  const numbers = Array.from({ length: n }, (_, k) => draw(3, k));
  expect(numbers.every((x) => x >= 0 && x < 1)).toBe(true);
  expect(numbers.reduce((a, b) => a + b) / n).toBeCloseTo(0.5, 2);
  const tenths = Array.from(
    { length: 10 },
    (_, k) => numbers.filter((x) => Math.floor(x * 10) === k).length / n,
  );
  tenths.forEach((share) => expect(share).toBeCloseTo(0.1, 2));
  const products = numbers.map((x, k) => (x - 0.5) * (draw(4, k) - 0.5));
  expect(products.reduce((a, b) => a + b) / n).toBeCloseTo(0, 2);
});

describe("generate", () => {
  test("a trained model goes on with the text", async () => {
    const model = await load(await characterModel());
    const trainer = model.trainer({ seed: 2, settings: { schedules: [] } });
    for (let epoch = 0; epoch < 20; epoch++)
      for (const chunk of trainer.chunks("abc ".repeat(60))) trainer.step(chunk);
    expect([...model.generate({ prompt: "ab", length: 9, greedy: true })].join("")).toBe("c abc abc");
    expect([...model.generate({ prompt: "abc", length: 30, stop: " " })].join("")).toBe("");
    expect([...model.generate({ prompt: "ab", length: 30, stop: " ", temperature: 0.2 })].join("")).toBe("c");
    const drawn = (seed: number) =>
      [...model.generate({ prompt: "a", length: 60, temperature: 3, seed })].join("");
    expect(drawn(1)).toBe(drawn(1));
    expect(drawn(1)).not.toBe(drawn(2));
    expect(drawn(1)).not.toContain("<unk>");
    expect([...model.generate({ length: 5 })]).toHaveLength(5);
    expect(() => [...model.generate({ prompt: "a", avoid: ["x"] })]).toThrow("`x` is not in the vocabulary");
  });

  test("ids where there is no vocabulary", async () => {
    const model = await load(
      await compileModel("input text : token(9)[T]\ntext >> embed(3) >> elman(3) >> softmax(next(text))"),
    );
    model.trainer();
    const ids = [...model.generate({ prompt: [1, 2], length: 4 })];
    expect(ids).toHaveLength(4);
    expect(ids.every((id) => typeof id === "number" && id < 9)).toBe(true);
    expect(() => [...model.generate()]).toThrow("a prompt is wanted");
  });

  test("beams and exact searches find the texts of highest probability", async () => {
    const model = await loadTrained(
      await compileModel("input text : token(3)[T]\ntext >> embed(3) >> gru(4) >> softmax(next(text))"),
      5,
    );
    const prompt = [2, 0];
    const stream = model.stream();
    const logProbability = (ids: readonly number[]): number => {
      stream.reset();
      let next: ArrayLike<number> = [];
      for (const id of prompt) next = stream.step(id)["text"]!;
      return ids.reduce((sum, id) => {
        const p = next[id]!;
        next = stream.step(id)["text"]!;
        return sum + Math.log(p);
      }, 0);
    };
    const all = Array.from({ length: 81 }, (_, n) => [27, 9, 3, 1].map((d) => Math.floor(n / d) % 3));
    const best = Math.max(...all.map(logProbability));
    for (const options of [{ exhaustive: true }, { beam: 81 }]) {
      const found = [...model.generate({ prompt, length: 4, ...options })] as number[];
      expect(found).toHaveLength(4);
      expect(logProbability(found)).toBe(best);
    }
    const greedy = [...model.generate({ prompt, length: 4, greedy: true })];
    expect([...model.generate({ prompt, length: 4, beam: 1 })]).toEqual(greedy);
    expect(() => [...model.generate({ prompt, viterbi: true })]).toThrow("remember their last choice alone");
  });

  test("a chain of words, by Viterbi's search", async () => {
    const model = await loadTrained(
      await compileModel("input text : token(4)[T]\ntext >> embed(4) >> dense(4) >> softmax(next(text))"),
      3,
    );
    const exact = { prompt: 1, length: 5 };
    expect([...model.generate({ ...exact, viterbi: true })]).toEqual([
      ...model.generate({ ...exact, exhaustive: true }),
    ]);
  });

  test("other calls in between change nothing", async () => {
    const model = await loadTrained(
      await compileModel("input text : token(9)[T]\ntext >> embed(3) >> gru(5) >> softmax(next(text))"),
    );
    const alone = [...model.generate({ prompt: [1, 2], length: 8, seed: 4 })];
    const text = model.generate({ prompt: [1, 2], length: 8, seed: 4 });
    const between = Array.from({ length: 8 }, (_, k) => {
      const { value } = text.next();
      model.predict({ text: [[3, k], [1]] });
      return value;
    });
    expect(between).toEqual(alone);
  });

  test("a tagger cannot", async () => {
    const model = await load(
      await compileModel(
        "input audio : f32[T, 5]  target tags : token(3)[T]\naudio >> lstm(4) >> softmax(tags)",
      ),
    );
    model.trainer();
    expect(() => [...model.generate()]).toThrow("only a model of one sequence");
  });
});
