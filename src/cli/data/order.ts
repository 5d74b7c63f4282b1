/**
 * The order of examples, as a pure function of seed and epoch: a training that was stopped goes on in the order that
 * it would have had. Examples of like length come together, for a batch costs as much as its longest.
 */
import { threefry } from "../../ir/random.ts";

/** Apart from the module's own random numbers. */
const shufflePlace = 0x5bd1e995;

/** Fisher and Yates, with numbers from Threefry; the slight bias of the modulo is below 2⁻²⁰ for any data that fit. */
export function shuffle<T>(items: readonly T[], seed: number, round: number): T[] {
  const result = [...items];
  for (let k = result.length - 1; k > 0; k--) {
    const [word] = threefry(seed, shufflePlace, k, round);
    const other = word % (k + 1);
    [result[k], result[other]] = [result[other]!, result[k]!];
  }
  return result;
}

/** How many batches are sorted by length together. */
const pool = 32;

/** Indices of the examples of each batch of an epoch. */
export function batchesOf(
  lengths: readonly number[],
  batch: number,
  seed: number,
  epoch: number,
): readonly (readonly number[])[] {
  const order = shuffle([...lengths.keys()], seed, epoch + 1);
  const batches: (readonly number[])[] = [];
  for (let from = 0; from < order.length; from += batch * pool) {
    const part = order.slice(from, from + batch * pool).sort((a, b) => lengths[a]! - lengths[b]! || a - b);
    for (let k = 0; k < part.length; k += batch) batches.push(part.slice(k, k + batch));
  }
  return shuffle(batches, seed ^ 0x27d4eb2f, epoch + 1);
}

/** The last share of one long text, a share drawn by the seed of many records. */
export function splitRecords<T>(
  records: readonly T[],
  share: number,
  seed: number,
): { readonly train: readonly T[]; readonly validation: readonly T[] } {
  if (share <= 0) return { train: records, validation: [] };
  const count = Math.min(records.length - 1, Math.max(1, Math.round(records.length * share)));
  const order = shuffle([...records.keys()], seed, 0);
  const chosen = new Set(order.slice(0, count));
  return {
    train: records.filter((_, k) => !chosen.has(k)),
    validation: records.filter((_, k) => chosen.has(k)),
  };
}

/** Cut where a word begins, if there is one near, so that no word is in both parts. */
export function splitText(text: string, share: number): readonly [string, string] {
  if (share <= 0) return [text, ""];
  const wanted = Math.floor(text.length * (1 - share));
  // Near is within half of the rest: a line's end that is the only one would leave nothing.
  const near = Math.min(200, Math.floor((text.length - wanted) / 2));
  const space = text.slice(wanted, wanted + near).search(/\s/u);
  const cut = space < 0 ? wanted : wanted + space + 1;
  // Never between the two halves of a character.
  const whole = /[\udc00-\udfff]/u.test(text.charAt(cut)) ? cut + 1 : cut;
  return [text.slice(0, whole), text.slice(whole)];
}
