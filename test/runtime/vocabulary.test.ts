/** Vocabularies read from texts, and the way from entries to ids and back. */
import { describe, expect, test } from "vitest";
import {
  characterVocabulary,
  decode,
  encode,
  vocabulary,
  wordVocabulary,
} from "../../src/runtime/vocabulary.ts";

describe("wordVocabulary", () => {
  test("special entries, then the most frequent; ties in order of code points", () => {
    expect(wordVocabulary(["b a c\n", ["a", "b", "a"]])).toEqual(["<unk>", "<eos>", "a", "b", "c"]);
    expect(wordVocabulary(["z y x"])).toEqual(["<unk>", "<eos>", "x", "y", "z"]);
  });

  test("is cut by size, which counts the special entries, and by frequency", () => {
    expect(wordVocabulary(["b a c a b a"], { size: 3 })).toEqual(["<unk>", "<eos>", "a"]);
    expect(wordVocabulary(["b a c a b a"], { minimum: 2 })).toEqual(["<unk>", "<eos>", "a", "b"]);
  });

  test("labels have no special entries", () => {
    expect(wordVocabulary([["B-PER", "O"], ["O"]], { special: false })).toEqual(["O", "B-PER"]);
  });

  test("special entries of the text are counted once", () => {
    expect(wordVocabulary(["a <unk> <eos>"])).toEqual(["<unk>", "<eos>", "a"]);
  });
});

describe("characterVocabulary", () => {
  test("characters are code points, in their order", () => {
    expect(characterVocabulary(["b😀a", "￿a\n"])).toEqual(["<unk>", "<eos>", "\n", "a", "b", "￿", "😀"]);
  });

  test("its size keeps the most frequent", () => {
    expect(characterVocabulary(["zzyyyx"], { size: 4 })).toEqual(["<unk>", "<eos>", "y", "z"]);
  });
});

describe("vocabulary", () => {
  test("there and back", () => {
    const words = vocabulary(wordVocabulary(["to be or not to be"]));
    const ids = encode(["to", "be", "gone"], words);
    expect(Array.from(ids)).toEqual([3, 2, 0]);
    expect(decode(ids, words)).toEqual(["to", "be", "<unk>"]);
    expect(() => decode([99], words)).toThrow("99 is no id of the vocabulary of 6 entries");
  });

  test("without `<unk>` an unknown entry is an error", () => {
    const labels = vocabulary(["yes", "no"]);
    expect(labels.unknown).toBe(-1);
    expect(() => encode(["perhaps"], labels)).toThrow('"perhaps" is not in the vocabulary of 2 entries');
  });
});
