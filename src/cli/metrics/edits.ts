/**
 * Error rates of sequences that need not be as long as those wanted: insertions, deletions and substitutions
 * (Levenshtein 1966), over all that was wanted.
 */

/** How many edits make `found` of `wanted`. */
export function editDistance<T>(found: ArrayLike<T>, wanted: ArrayLike<T>): number {
  let row = Array.from({ length: wanted.length + 1 }, (_, k) => k);
  for (let i = 1; i <= found.length; i++) {
    const next = [i];
    for (let j = 1; j <= wanted.length; j++) {
      const substituted = row[j - 1]! + (found[i - 1] === wanted[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, substituted));
    }
    row = next;
  }
  return row[wanted.length]!;
}

/** May exceed 1, since anything can be inserted; null where nothing was wanted. */
export function errorRate<T>(
  pairs: readonly { readonly found: ArrayLike<T>; readonly wanted: ArrayLike<T> }[],
): number | null {
  let [edits, all] = [0, 0];
  for (const { found, wanted } of pairs) {
    edits += editDistance(found, wanted);
    all += wanted.length;
  }
  return all === 0 ? null : edits / all;
}

/** The words of characters, parted at spaces. */
export const wordsOf = (characters: readonly string[]): readonly string[] =>
  characters
    .join("")
    .split(" ")
    .filter((word) => word !== "");
