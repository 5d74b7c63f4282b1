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

/** The id chosen at a position. `probabilities` need not sum to 1. */
export function choose(probabilities: ArrayLike<number>, options: SampleOptions, position: number): number {
  const { temperature = 1, topK = Infinity, topP = 1, avoid = [], seed = 0 } = options;
  if (!(temperature >= 0)) fail(`a temperature is 0 or more, not ${temperature}`);
  if (!(topK >= 1)) fail(`top_k is 1 or more, not ${topK}`);
  if (!(topP > 0)) fail(`top_p is more than 0, not ${topP}`);
  const weights = Float64Array.from(probabilities);
  if (weights.some(Number.isNaN)) fail("the probabilities are not numbers (NaN): the training has diverged");
  for (const id of avoid) weights[id] = 0;
  const best = highest(weights, 0, weights.length);
  if (options.greedy || temperature === 0) return best;
  // Relative to the largest, so that a low temperature leaves at least that one.
  const largest = weights[best]!;
  const powered = weights.map((p) => (p > 0 ? (p / largest) ** (1 / temperature) : 0));
  const all = Array.from(powered, (_, id) => id);
  const cut = topK < all.length || topP < 1;
  if (cut) all.sort((a, b) => powered[b]! - powered[a]! || a - b);
  const kept = nucleus(all.slice(0, topK), powered, topP);
  const total = kept.reduce((sum, id) => sum + powered[id]!, 0);
  let rest = draw(seed, position) * total;
  for (const id of kept) {
    rest -= powered[id]!;
    if (rest < 0 && powered[id]! > 0) return id;
  }
  return best;
}

/** The first of the ids, most probable first, that together hold the share; at least one. */
function nucleus(ids: readonly number[], weights: ArrayLike<number>, share: number): readonly number[] {
  if (share >= 1) return ids;
  const wanted = share * ids.reduce((sum, id) => sum + weights[id]!, 0);
  let sum = 0;
  const end = ids.findIndex((id) => (sum += weights[id]!) >= wanted);
  return end < 0 ? ids : ids.slice(0, end + 1);
}
