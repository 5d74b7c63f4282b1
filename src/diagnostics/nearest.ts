/**
 * "Did you mean …?": the known name nearest to a misspelt one, by the distance of Damerau and Levenshtein
 * (insertions, deletions, substitutions, and swaps of neighbours), or null where nothing is near enough.
 */

export function nearest(name: string, known: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Infinity;
  for (const candidate of known) {
    if (candidate === name) continue;
    const distance = isAbbreviation(name, candidate) ? 1 : distanceBetween(fold(name), fold(candidate));
    if (distance > allowance(name, candidate) || distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

/** `a`, `b` or `c`, each in backquotes. */
export function orList(names: readonly string[]): string {
  const quoted = names.map((name) => `\`${name}\``);
  return quoted.length < 2
    ? quoted.join("")
    : `${quoted.slice(0, -1).join(", ")} or ${quoted[quoted.length - 1]}`;
}

const fold = (name: string): readonly string[] => [...name.toLowerCase()];

/** A third of the longer name may differ; of one letter nothing is near but the other case of it. */
const allowance = (a: string, b: string): number => Math.floor((Math.max(a.length, b.length) + 1) / 3);

/** `opt` for `optimizer`, `batchsize` for `batch`. */
const isAbbreviation = (a: string, b: string): boolean =>
  Math.min(a.length, b.length) >= 3 && (a.startsWith(b) || b.startsWith(a));

function distanceBetween(a: readonly string[], b: readonly string[]): number {
  let beforeLast: number[] = [];
  let last = b.map((_, j) => j + 1);
  last.unshift(0);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, beforeLast[j - 2]! + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
