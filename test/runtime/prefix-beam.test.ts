/** Prefix beam search against all label sequences, each with the sum over all of its paths. */
import { describe, expect, test } from "vitest";
import { random } from "../../src/ir/random.ts";
import { ngram } from "../../src/runtime/ngram.ts";
import { prefixBeam, type Scorer } from "../../src/runtime/prefix-beam.ts";

const classes = 4;
const blank = classes - 1;
const wide = 1000;

const drawn = (steps: number, seed: number): number[] =>
  Array.from({ length: steps * classes }, (_, k) => 2 * random("normal", seed, 5, 0, k));

interface Spelled {
  total: number;
  best: number;
  times: readonly number[];
}

/** By going through every path. */
function enumerate(emissions: readonly number[]): ReadonlyMap<string, Spelled> {
  const steps = emissions.length / classes;
  const rows = Array.from({ length: steps }, (_, t) => {
    const powers = emissions.slice(t * classes, (t + 1) * classes).map(Math.exp);
    const total = powers.reduce((a, b) => a + b);
    return powers.map((x) => x / total);
  });
  const found = new Map<string, Spelled>();
  const walk = (path: readonly number[], p: number): void => {
    if (path.length < steps) {
      for (let k = 0; k < classes; k++) walk([...path, k], p * rows[path.length]![k]!);
      return;
    }
    const times = path.flatMap((k, t) => (k !== blank && k !== path[t - 1] ? [t] : []));
    const key = times.map((t) => path[t]).join(" ");
    const before = found.get(key) ?? { total: 0, best: 0, times: [] };
    found.set(key, {
      total: before.total + p,
      best: Math.max(p, before.best),
      times: p > before.best ? times : before.times,
    });
  };
  walk([], 1);
  return found;
}

describe.each([1, 2, 3, 4, 5, 6])("%i steps", (steps) => {
  const emissions = drawn(steps, 70 + steps);
  const all = enumerate(emissions);

  test("with room for every prefix it finds every sequence, its probability and its times", () => {
    const found = prefixBeam(emissions, classes, blank, { width: wide });
    expect(found.length).toBe(all.size);
    for (const { ids, score, times } of found) {
      const wanted = all.get(ids.join(" "))!;
      expect(score).toBeCloseTo(Math.log(wanted.total), 9);
      expect(times).toEqual(wanted.times);
    }
    expect(found.map(({ score }) => score)).toEqual(found.map(({ score }) => score).sort((a, b) => b - a));
  });

  test("a scorer counts once for each label and the end", () => {
    const scorer: Scorer = (before, next) => -0.3 * (next ?? 2) - 0.1 * before.length;
    const scored = (ids: readonly number[]): number =>
      [...ids, null].reduce<number>((sum, next, k) => sum + scorer(ids.slice(0, k), next), 0);
    for (const { ids, score } of prefixBeam(emissions, classes, blank, { width: wide, scorer }))
      expect(score).toBeCloseTo(Math.log(all.get(ids.join(" "))!.total) + scored(ids), 9);
  });
});

test("the best path is not the best sequence", () => {
  // Two paths spell 0, one spells nothing and is likelier than each of them (Graves 2012, figure 7.4).
  const emissions = [0.4, 0, 0, 0.6, 0.4, 0, 0, 0.6].map(Math.log);
  const [first, second] = prefixBeam(emissions, classes, blank, { width: 4 });
  expect(first!.ids).toEqual([0]);
  expect(first!.score).toBeCloseTo(Math.log(0.64), 9);
  expect(second!.ids).toEqual([]);
  expect(second!.score).toBeCloseTo(Math.log(0.36), 9);
});

test("no steps spell nothing", () => {
  expect(prefixBeam([], classes, blank, { width: 3 })).toEqual([{ ids: [], score: 0, times: [] }]);
});

test("`best` limits what is given, not what is kept", () => {
  const emissions = drawn(6, 3);
  const many = prefixBeam(emissions, classes, blank, { width: 50 });
  expect(prefixBeam(emissions, classes, blank, { width: 50, best: 2 })).toEqual(many.slice(0, 2));
});

describe("an n-gram scorer", () => {
  const scorer = ngram(
    [
      [0, 1, 2],
      [0, 1],
      [0, 1, 2],
    ],
    3,
    { order: 2 },
  );
  const probability = (before: readonly number[], next: number | null): number =>
    Math.exp(scorer(before, next));

  test.each([[[]], [[0]], [[0, 1]], [[2, 2]], [[1, 0, 2]]])("what follows %j adds up to one", (before) => {
    const total = [0, 1, 2, null].reduce<number>((sum, next) => sum + probability(before, next), 0);
    expect(total).toBeCloseTo(1, 12);
  });

  test("knows what follows what, where a sequence starts and ends", () => {
    expect(probability([0], 1)).toBeGreaterThan(0.7);
    expect(probability([], 0)).toBeGreaterThan(0.7);
    expect(probability([0, 1, 2], null)).toBeGreaterThan(0.6);
    expect(probability([1], 0)).toBeLessThan(0.2);
  });

  test("worked by hand: Witten and Bell's mean of two and one", () => {
    // Of 11 that follow anything: 0 three times, 1 three, 2 two, the end three; 4 kinds. After 1: 2 twice, the end once.
    const one = (2 + 4 / 4) / (11 + 4);
    expect(probability([1], 2)).toBeCloseTo((2 + 2 * one) / (3 + 2), 12);
  });

  test("decides between sequences that sound alike", () => {
    // The second label sounds a little more like 0 than like 1.
    const emissions = [0.9, 0, 0, 0.1, 0, 0, 0, 1, 0.5, 0.45, 0, 0.05].map(Math.log);
    expect(prefixBeam(emissions, classes, blank, { width: 8 })[0]!.ids).toEqual([0, 0]);
    expect(prefixBeam(emissions, classes, blank, { width: 8, scorer })[0]!.ids).toEqual([0, 1]);
  });
});
