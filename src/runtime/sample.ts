/**
 * One choice: the most probable, or drawn at a temperature, from the `topK` most probable or the
 * smallest set that holds `topP` of the probability (nucleus sampling, Holtzman et al. 2020).
 *
 * Draws are a function of seed and position, so the same seed gives the same text on every machine.
 */
import { fail } from "./errors.ts";
import { highest } from "./results.ts";

export interface SampleOptions {
  /** Take the most probable entry, the lowest id among equals, instead of drawing. */
  readonly greedy?: boolean;
  /** Below 1 sharpens the distribution, above 1 flattens it. 0 is greedy. Default 1. */
  readonly temperature?: number;
  /** Only the so many most probable entries. */
  readonly topK?: number;
  /** Only the most probable entries that together have this probability. */
  readonly topP?: number;
  /** Ids that are never chosen. */
  readonly avoid?: readonly number[];
  /** Default 0. */
  readonly seed?: number;
}

/** A number in [0, 1) from a seed and a position: two rounds of the finaliser of MurmurHash3. */
export function draw(seed: number, position: number): number {
  const mix = (x: number): number => {
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return x ^ (x >>> 16);
  };
  return (mix(mix(seed + 0x9e3779b9) + Math.imul(position + 1, 0x9e3779b9)) >>> 0) / 2 ** 32;
}

export const nothingLeft =
  "there is nothing left to choose: every entry is to be avoided, or has probability 0";

/** The id chosen at a position. `probabilities` need not sum to 1. */
export function choose(probabilities: ArrayLike<number>, options: SampleOptions, position: number): number {
  const { temperature = 1, topK = Infinity, topP = 1, avoid = [], seed = 0 } = options;
  if (!(temperature >= 0)) fail(`a temperature is 0 or more, not ${temperature}`);
  if (!(topK >= 1)) fail(`top_k is 1 or more, not ${topK}`);
  if (!(topP > 0)) fail(`top_p is more than 0, not ${topP}`);
  const weights = new Float64Array(probabilities);
  if (Number.isNaN(sumOf(weights)))
    fail("the probabilities are not numbers (NaN): the training has diverged");
  for (const id of avoid) weights[id] = 0;
  const best = highest(weights, 0, weights.length);
  if (weights[best] === 0) fail(nothingLeft);
  if (options.greedy || temperature === 0) return best;
  // Relative to the largest, so that a low temperature leaves at least that one.
  const largest = weights[best]!;
  for (let id = 0; id < weights.length; id++) {
    const p = weights[id]! / largest;
    weights[id] = temperature === 1 || p === 0 ? p : p ** (1 / temperature);
  }
  const kept = nucleus(topK < weights.length ? highestOf(weights, topK) : null, weights, topP);
  const at = (k: number): number => kept?.[k] ?? k;
  const count = kept?.length ?? weights.length;
  let rest = 0;
  for (let k = 0; k < count; k++) rest += weights[at(k)]!;
  rest *= draw(seed, position);
  for (let k = 0; k < count; k++) {
    const id = at(k);
    rest -= weights[id]!;
    if (rest < 0 && weights[id]! > 0) return id;
  }
  return best;
}

/** The first of the ids, the heaviest first, that together hold the share; at least one. Null stands for all ids. */
function nucleus(
  ids: readonly number[] | null,
  weights: Float64Array,
  share: number,
): readonly number[] | null {
  if (share >= 1) return ids;
  const total = ids ? ids.reduce((sum, id) => sum + weights[id]!, 0) : sumOf(weights);
  // Together the ids below this hold less than what may be left out, so that none of them is needed.
  const least = ((1 - share) * total) / weights.length;
  const sorted =
    ids ??
    Array.from(weights.keys())
      .filter((id) => weights[id]! >= least)
      .sort((a, b) => weights[b]! - weights[a]! || a - b);
  let sum = 0;
  const end = sorted.findIndex((id) => (sum += weights[id]!) >= share * total);
  return end < 0 ? sorted : sorted.slice(0, end + 1);
}

function sumOf(weights: Float64Array): number {
  let sum = 0;
  for (let id = 0; id < weights.length; id++) sum += weights[id]!;
  return sum;
}

/** The ids of the largest elements, the largest first, of equals the lower id; as many as `count`, those of 0 left out. */
export function highestOf(row: Float32Array | Float64Array, count: number): readonly number[] {
  const ids: number[] = [];
  for (let id = 0; id < row.length; id++) {
    const value = row[id]!;
    if (value === 0 || (ids.length === count && !(value > row[ids.at(-1)!]!))) continue;
    let place = ids.length;
    while (place > 0 && row[ids[place - 1]!]! < value) place--;
    ids.splice(place, 0, id);
    if (ids.length > count) ids.pop();
  }
  return ids;
}
