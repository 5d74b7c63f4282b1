/** A misspelt word lies near its correct form, in training as before it. */
import { expect, test } from "vitest";
import { load } from "../../src/runtime/index.ts";
import { splitTrigrams, wordVocabulary } from "../../src/runtime/vocabulary.ts";
import { one } from "../runtime/models.ts";
import { compileModel } from "../runtime/models.ts";
import { sourceOf } from "./example.ts";

const sentences = [
  ["arrive", "in", "Taipei", "on", "November"],
  ["leave", "Taipei", "tomorrow", "morning"],
  ["the", "earliest", "departure", "from", "Washington"],
  ["which", "restaurants", "are", "recommended"],
];
const slots = sentences.map((words) => words.map((word) => (/^[A-Z]/u.test(word) ? "name" : "other")));
const misspelt = {
  arive: "arrive",
  Tapei: "Taipei",
  Novembre: "November",
  departrue: "departure",
  Washingtin: "Washington",
};

const cosine = (a: readonly number[], b: readonly number[]): number => {
  const dot = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((sum, v, k) => sum + v * y[k]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

test("the trigrams of a word, with its beginning and end", () => {
  expect(splitTrigrams("good")).toEqual(["#go", "goo", "ood", "od#"]);
  expect(splitTrigrams("a")).toEqual(["#a#"]);
});

test("a misspelt word lies nearest its correct form", async () => {
  const vocabularies = {
    words: wordVocabulary(sentences.flat().map(splitTrigrams), { special: false }),
    slots: ["name", "other"],
  };
  const model = await load(await compileModel(sourceOf("word-hashing"), { vocabularies }));
  const trainer = model.trainer({ seed: 2 });
  const words = [...new Set(sentences.flat())];
  const nearest = (word: string): string => {
    const vectors = one(model.predict({ words: [word, ...words] })["x"]).nested() as number[][];
    const [own, ...others] = vectors as [number[], ...number[][]];
    const scores = others.map((other) => cosine(own, other));
    return words[scores.indexOf(Math.max(...scores))]!;
  };
  const check = (): void => {
    for (const [wrong, right] of Object.entries(misspelt)) expect(nearest(wrong), wrong).toBe(right);
  };
  check();
  for (let step = 0; step < 30; step++) trainer.step({ words: sentences, slots });
  check();
  const labels = one(model.predict({ words: ["from", "Washingtin"] })["slots"]).labels();
  expect(labels).toEqual(["other", "name"]);
});

test("a word without a known trigram is zero", async () => {
  const source = "input word : trigrams  output v = word >> embed(3)  minimize sum(v)";
  const model = await load(await compileModel(source, { vocabularies: { word: ["#ab", "ab#"] } }));
  model.trainer({ seed: 1 });
  expect(one(model.predict({ word: "ab" })["v"]).data.every((x) => x !== 0)).toBe(true);
  expect([...one(model.predict({ word: "xyz" })["v"]).data]).toEqual([0, 0, 0]);
});
