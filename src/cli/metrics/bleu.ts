/**
 * BLEU of a whole corpus with one reference each (Papineni et al. 2002): the geometric mean of the shares of n-grams, n up to
 * four, that the reference has too, each counted at most as often as there; times the brevity penalty exp(1 - r/c) where
 * the answers together (c) are shorter than the references (r). Not smoothed: 0 where no n-gram of some order is right.
 * Orders that no answer is long enough for are left out.
 */
import type { LabelPair } from "./labels.ts";

const orders = [1, 2, 3, 4];

/** Of ids or words alike; null where there is nothing to compare. */
export function bleu(pairs: readonly LabelPair[]): number | null {
  const length = (which: "found" | "wanted"): number =>
    pairs.reduce((sum, pair) => sum + pair[which].length, 0);
  const [answered, wanted] = [length("found"), length("wanted")];
  if (wanted === 0) return null;
  if (answered === 0) return 0;
  const logs = orders.flatMap((n) => {
    let [right, all] = [0, 0];
    for (const pair of pairs) {
      const references = gramsOf(pair.wanted, n);
      for (const [gram, count] of gramsOf(pair.found, n)) {
        right += Math.min(count, references.get(gram) ?? 0);
        all += count;
      }
    }
    return all === 0 ? [] : [Math.log(right / all)];
  });
  const precision = Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length);
  return precision * Math.min(1, Math.exp(1 - wanted / answered));
}

/** How often each n-gram occurs. */
function gramsOf(entries: LabelPair["found"], n: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (let from = 0; from + n <= entries.length; from++) {
    const gram = Array.from({ length: n }, (_, k) => entries[from + k]!).join(" ");
    counts.set(gram, (counts.get(gram) ?? 0) + 1);
  }
  return counts;
}
