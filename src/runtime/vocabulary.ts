/**
 * Vocabularies: which id a word or character has. Read from the training data, saved with the model and the same
 * afterwards. `<unk>` stands for what is not in it, `<eos>` for the end of a text; both count among its entries.
 */
import { fail, shown } from "./errors.ts";

export const unknownEntry = "<unk>";
export const endEntry = "<eos>";

export interface VocabularyOptions {
  /** At most so many entries, the special ones included: the most frequent. Default: all. */
  readonly size?: number;
  /** Entries seen fewer times are left out. Default 1. */
  readonly minimum?: number;
  /** Whether `<unk>` and `<eos>` come first. Default true; labels want false. */
  readonly special?: boolean;
}

/** The words of a text, split at white space. */
export const splitWords = (text: string): string[] => text.split(/\s+/u).filter((word) => word !== "");

/** The characters of a text: code points, so an emoji is one where UTF-16 has two. */
export const splitCharacters = (text: string): string[] => Array.from(text);

/** Word hashing (Huang et al. 2013): the trigrams of a word's letters between two marks, `#go goo ood od#`. */
export function splitTrigrams(word: string): string[] {
  const letters = splitCharacters(`#${word}#`);
  return letters.slice(2).map((_, k) => letters.slice(k, k + 3).join(""));
}

/** Words in order of frequency, those equally frequent in order of their code points. */
export function wordVocabulary(
  texts: Iterable<string | readonly string[]>,
  options: VocabularyOptions = {},
): readonly string[] {
  return select(countEntries(texts, splitWords), options);
}

/** Characters in order of their code points. */
export function characterVocabulary(
  texts: Iterable<string | readonly string[]>,
  options: VocabularyOptions = {},
): readonly string[] {
  const special = specials(options);
  return [
    ...special,
    ...select(countEntries(texts, splitCharacters), options).slice(special.length).sort(byCodePoint),
  ];
}

const specials = ({ special = true }: VocabularyOptions): string[] =>
  special ? [unknownEntry, endEntry] : [];

function countEntries(
  texts: Iterable<string | readonly string[]>,
  split: (text: string) => readonly string[],
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts)
    for (const entry of typeof text === "string" ? split(text) : text)
      counts.set(entry, (counts.get(entry) ?? 0) + 1);
  return counts;
}

function select(counts: ReadonlyMap<string, number>, options: VocabularyOptions): string[] {
  const special = specials(options);
  const entries = [...counts]
    .filter(([entry, n]) => n >= (options.minimum ?? 1) && !special.includes(entry))
    .sort(([a, m], [b, n]) => n - m || byCodePoint(a, b))
    .map(([entry]) => entry);
  return [...special, ...entries].slice(0, options.size ?? Infinity);
}

function byCodePoint(a: string, b: string): number {
  const [x, y] = [Array.from(a), Array.from(b)];
  for (let k = 0; k < x.length && k < y.length; k++) {
    const difference = x[k]!.codePointAt(0)! - y[k]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return x.length - y.length;
}

export interface Vocabulary {
  readonly entries: readonly string[];
  /** Ids of the special entries; -1 where the vocabulary has none. */
  readonly unknown: number;
  readonly end: number;
  /** The id of an entry, of `<unk>` if it is not known; -1 where there is no `<unk>` either. */
  readonly id: (entry: string) => number;
  readonly has: (entry: string) => boolean;
}

export function vocabulary(entries: readonly string[]): Vocabulary {
  const ids = new Map(entries.map((entry, id) => [entry, id]));
  const unknown = ids.get(unknownEntry) ?? -1;
  return {
    entries,
    unknown,
    end: ids.get(endEntry) ?? -1,
    id: (entry) => ids.get(entry) ?? unknown,
    has: (entry) => ids.has(entry),
  };
}

/** The ids of words or characters; an error names what is neither known nor to be `<unk>`. */
export function encode(entries: readonly string[], of: Vocabulary): Int32Array {
  return Int32Array.from(entries, (entry) => {
    const id = of.id(entry);
    return id >= 0 ? id : fail(`${shown(entry)} is not in the vocabulary of ${of.entries.length} entries`);
  });
}

export function decode(ids: Iterable<number>, of: Vocabulary): string[] {
  return Array.from(
    ids,
    (id) => of.entries[id] ?? fail(`${id} is no id of the vocabulary of ${of.entries.length} entries`),
  );
}
