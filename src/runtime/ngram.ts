/**
 * An n-gram model of labels, as a scorer of searches: the probability of each label after the last n - 1, learned by counting,
 * smoothed by what fewer labels before it say (Witten & Bell 1991).
 */
import type { Scorer } from "./prefix-beam.ts";

export interface NgramOptions {
  /** Labels that count together: 2 looks at one label before. Default 3. */
  readonly order?: number;
  /** How much its logarithm counts beside the emissions. Default 1. */
  readonly weight?: number;
  /** Added for each label, for a model of what follows makes long sequences improbable. Default 0. */
  readonly bonus?: number;
}

/** How often what followed; `null` is the end. */
type Counts = Map<number | null, number>;

/** `labels`: how many there are. Sequences are of ids. */
export function ngram(
  sequences: Iterable<readonly number[]>,
  labels: number,
  { order = 3, weight = 1, bonus = 0 }: NgramOptions = {},
): Scorer {
  const followers = new Map<string, Counts>();
  const count = (context: string, next: number | null): void => {
    let counts = followers.get(context);
    if (!counts) followers.set(context, (counts = new Map()));
    counts.set(next, (counts.get(next) ?? 0) + 1);
  };
  for (const sequence of sequences)
    [...sequence, null].forEach((next, place) => {
      for (const context of contexts(sequence.slice(0, place), order)) count(context, next);
    });

  /** From no context, in which every label and the end are equally likely, to the longest. */
  const probability = (before: readonly number[], next: number | null): number => {
    let p = 1 / (labels + 1);
    for (const context of contexts(before, order)) {
      const counts = followers.get(context);
      if (!counts) break;
      const total = [...counts.values()].reduce((a, b) => a + b, 0);
      p = ((counts.get(next) ?? 0) + counts.size * p) / (total + counts.size);
    }
    return p;
  };
  return (before, next) => weight * Math.log(probability(before, next)) + (next === null ? 0 : bonus);
}

/** The last 0, 1, … labels, as keys; the longest ones tell the start of a sequence. */
function* contexts(before: readonly number[], order: number): Generator<string> {
  for (let n = 0; n < order; n++) {
    yield n > before.length ? `^ ${before.join(" ")}` : before.slice(before.length - n).join(" ");
    if (n > before.length) return;
  }
}
