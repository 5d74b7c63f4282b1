/** Searches over a chain whose probabilities are written down, against all its sequences. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { searchBeams } from "../../src/runtime/beam.ts";
import type { Decoder } from "../../src/runtime/decoder.ts";
import { chooseAll, type Hypothesis, type Search } from "../../src/runtime/search.ts";
import { searchChains } from "../../src/runtime/viterbi.ts";
import { highest } from "../../src/runtime/results.ts";

/** Row k holds the probabilities after entry k, the last row those of the first choice. */
type Chain = readonly (readonly number[])[];

interface Counted extends Decoder {
  readonly calls: readonly number[];
}

function decoderOf(chain: Chain, examples = 1): Counted {
  const classes = chain[0]!.length;
  const calls: number[] = [];
  const rowsOf = (before: readonly number[]): Float32Array => {
    calls.push(before.length);
    return Float32Array.from(before.flatMap((id) => chain[id]!));
  };
  return {
    classes,
    calls,
    first: () => rowsOf(new Array<number>(examples).fill(classes)),
    next: (parents, choices) => {
      const rows = calls.at(-1)!;
      expect(parents.every((row) => row < rows)).toBe(true);
      return rowsOf(choices);
    },
    close: () => undefined,
  };
}

const stop = 2;
const searchFor = (most: readonly number[], more: Partial<Search> = {}): Search => ({
  stop,
  avoid: new Set(),
  most,
  whole: false,
  ...more,
});

/** Entry 0 is the likelier at first, yet all that begins with 1 and ends is likelier than all that begins with 0. */
const misleading: Chain = [
  [0.3, 0.4, 0.3],
  [0.05, 0.05, 0.9],
  [0, 0, 1],
  [0.6, 0.4, 0],
];

const greedy = (row: Float32Array): number => highest(row, 0, row.length);
const exact = { width: Infinity, keep: 1, penalty: 0 };

/** Every sequence that ends within the limit, the most probable first. */
function everySequence(chain: Chain, { most, stop, whole, avoid }: Search): readonly Hypothesis[] {
  const found: Hypothesis[] = [];
  const walk = (ids: readonly number[], logProbability: number): void => {
    if (whole && ids.length === most[0]) {
      found.push({ ids, logProbability, score: logProbability, ended: true });
      return;
    }
    if (ids.length === most[0]) return;
    const row = chain[ids.at(-1) ?? chain.length - 1]!;
    row.forEach((p, id) => {
      const sum = logProbability + Math.log(Math.fround(p));
      if (sum === -Infinity || avoid.has(id)) return;
      if (id === stop) found.push({ ids, logProbability: sum, score: sum, ended: true });
      else walk([...ids, id], sum);
    });
  };
  walk([], 0);
  return found.sort((a, b) => b.score - a.score);
}

describe("where the likeliest first choice misleads", () => {
  const [wanted] = everySequence(misleading, searchFor([6]));

  test("greedy is wrong", () => {
    const [[found]] = chooseAll(decoderOf(misleading), searchFor([6]), greedy) as [[Hypothesis]];
    expect(found.ids).toEqual([0, 1]);
    expect(found.ended).toBe(true);
    expect(found.logProbability).toBeCloseTo(Math.log(0.6 * 0.4 * 0.9), 6);
  });

  test("a beam of two is right", () => {
    const [found] = searchBeams(decoderOf(misleading), searchFor([6]), { width: 2, keep: 2, penalty: 0 });
    expect(found![0]!.ids).toEqual([1]);
    expect(found![0]!.logProbability).toBeCloseTo(Math.log(0.4 * 0.9), 6);
    expect(found!.map(({ score }) => score)).toEqual(
      [...found!.map(({ score }) => score)].sort((a, b) => b - a),
    );
  });

  test("so are the exact search, and Viterbi's", () => {
    expect(searchBeams(decoderOf(misleading), searchFor([6]), exact)).toEqual([[wanted]]);
    expect(searchChains(decoderOf(misleading), searchFor([6]))).toEqual([[wanted]]);
  });
});

// ---- random chains ------------------------------------------------------------------------------------------------

const classes = 3;
const chains = fc
  .array(fc.array(fc.integer({ min: 0, max: 9 }), { minLength: classes, maxLength: classes }), {
    minLength: classes + 1,
    maxLength: classes + 1,
  })
  .map((rows): Chain =>
    rows.map((row) => {
      const total = row.reduce((a, b) => a + b, 0);
      return row.map((x) => (total === 0 ? 1 / classes : x / total));
    }),
  );
const limits = fc.integer({ min: 0, max: 5 });

const scoresOf = (list: readonly Hypothesis[]): readonly number[] => list.map(({ score }) => score);

test("an unlimited beam gives the best sequences of all, in order", () => {
  fc.assert(
    fc.property(chains, limits, fc.integer({ min: 1, max: 4 }), (chain, most, keep) => {
      const search = searchFor([most]);
      const all = most === 0 ? [] : everySequence(chain, search);
      const [found] = searchBeams(decoderOf(chain), search, { width: Infinity, keep, penalty: 0 });
      const ended = found!.filter((hypothesis) => hypothesis.ended);
      expect(scoresOf(ended)).toEqual(scoresOf(all.slice(0, keep)));
    }),
    { seed: 7 },
  );
});

test("Viterbi's search is exact, with an end and where the length is given", () => {
  fc.assert(
    fc.property(chains, limits, fc.boolean(), (chain, most, whole) => {
      const search = searchFor([most], whole ? { whole, stop: -1 } : {});
      const [best] = everySequence(chain, search);
      const [[found]] = searchChains(decoderOf(chain), search) as [[Hypothesis]];
      expect(found.ended).toBe(best !== undefined);
      if (best) expect(found.score).toBeCloseTo(best.score, 9);
    }),
    { seed: 7 },
  );
});

test("a beam of one without a length penalty is greedy", () => {
  fc.assert(
    fc.property(chains, limits, (chain, most) => {
      const [greedily] = chooseAll(decoderOf(chain), searchFor([most]), greedy);
      const [found] = searchBeams(decoderOf(chain), searchFor([most]), { width: 1, keep: 1, penalty: 0 });
      expect(found).toEqual(greedily);
    }),
    { seed: 7 },
  );
});

test("an example in a batch gets what it gets alone", () => {
  fc.assert(
    fc.property(chains, fc.array(limits, { minLength: 1, maxLength: 4 }), (chain, most) => {
      const run = (some: readonly number[]) => [
        searchBeams(decoderOf(chain, some.length), searchFor(some), { width: 2, keep: 2, penalty: 0.6 }),
        searchChains(decoderOf(chain, some.length), searchFor(some)),
        chooseAll(decoderOf(chain, some.length), searchFor(some), greedy),
      ];
      const together = run(most);
      most.forEach((limit, k) => {
        expect(run([limit])).toEqual(together.map((found) => [found[k]]));
      });
    }),
    { seed: 7 },
  );
});

// ---- details ------------------------------------------------------------------------------------------------------

test("the length penalty is that of Wu et al.: a longer answer of less probability can win", () => {
  // Ends at once with 0.4, or after two certain steps with 0.3.
  const chain: Chain = [
    [0, 1, 0],
    [0, 0, 1],
    [0, 0, 1],
    [0.3, 0.3, 0.4],
  ];
  const best = (penalty: number): Hypothesis =>
    searchBeams(decoderOf(chain), searchFor([5]), { width: 3, keep: 3, penalty })[0]![0]!;
  expect(best(0).ids).toEqual([]);
  expect(best(2).ids).toEqual([0, 1]);
  // Three choices, the end among them: lp = ((5 + 3) / 6)².
  expect(best(2).score).toBeCloseTo(Math.log(0.3) / (8 / 6) ** 2, 6);
  expect(best(2).logProbability).toBeCloseTo(Math.log(0.3), 6);
});

test("what is never to be chosen never is", () => {
  const search = searchFor([6], { avoid: new Set([1]) });
  const [best] = everySequence(misleading, search);
  expect(searchBeams(decoderOf(misleading), search, exact)[0]).toEqual([best]);
  expect(searchChains(decoderOf(misleading), search)[0]).toEqual([best]);
  expect(best!.ids).not.toContain(1);
});

test("what is cut off says so, and comes after what ended", () => {
  const [found] = searchBeams(decoderOf(misleading), searchFor([1]), { width: 2, keep: 2, penalty: 0 });
  expect(found!.map(({ ids, ended }) => [ids, ended])).toEqual([
    [[0], false],
    [[1], false],
  ]);
  const [later] = searchBeams(decoderOf(misleading), searchFor([2]), { width: 4, keep: 3, penalty: 0 });
  expect(later!.map(({ ids, ended }) => [ids, ended])).toEqual([
    [[1], true],
    [[0], true],
    [[0, 1], false],
  ]);
});

test("one call a step serves all beams of all examples", () => {
  const decoder = decoderOf(misleading, 3);
  searchBeams(decoder, searchFor([4, 4, 4]), { width: 2, keep: 2, penalty: 0 });
  expect(decoder.calls[0]).toBe(3);
  expect(decoder.calls[1]).toBe(6);
  expect(decoder.calls.length).toBeLessThanOrEqual(4);
});
