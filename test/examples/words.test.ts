/**
 * Models of words: those never seen are `<unk>`; a language model's loss is the mean of -log ŷ[y] over the steps, the
 * last of which is `<eos>`; what it samples stops there and never has an `<unk>`.
 */
import { describe, expect, test } from "vitest";
import { load, splitWords, wordVocabulary } from "../../src/runtime/index.ts";
import { compileModel, list, loadTrained, one } from "../runtime/models.ts";
import { sourceOf } from "./example.ts";

const texts = ["the cat sat on the mat", "the dog sat on the cat", "a dog and a cat sat"];
const vocabulary = wordVocabulary(texts);

describe.each(["sentiment", "slot-filling", "named-entities", "key-terms"])("%s", (name) => {
  test("takes a word never seen for <unk>", async () => {
    const vocabularies = {
      words: vocabulary,
      label: ["bad", "good"],
      slots: ["O", "B-animal"],
      tags: ["O", "B-PER"],
    };
    const declared = Object.entries(vocabularies).filter(([data]) =>
      sourceOf(name).includes(` ${data} : token`),
    );
    const options = { vocabularies: Object.fromEntries(declared) };
    const model = await loadTrained(await compileModel(sourceOf(name), options));
    const [output] = model.metadata.outputs;
    const words = ["the zebra sat", "the <unk> sat", "the cat sat"].map(splitWords);
    const [unseen, unknown, cat] = list(model.predict({ words })[output!.name]).map((result) => result.data);
    expect(unseen).toEqual(unknown);
    expect(unseen).not.toEqual(cat);
  });
});

describe("language-model-words", () => {
  const compiled = compileModel(sourceOf("language-model-words"), { vocabularies: { text: vocabulary } });

  test("its loss is the mean of -log ŷ[y], the end of the text included", async () => {
    const model = await loadTrained(await compiled);
    const words = texts[0]!.split(" ");
    const result = one(model.predict({ text: texts[0]! })["text"]);
    const size = vocabulary.length;
    expect(result.shape).toEqual([words.length, size]);
    const targets = [...words.slice(1), "<eos>"].map((word) => vocabulary.indexOf(word));
    const sum = targets.reduce((total, y, t) => total - Math.log(result.data[t * size + y]!), 0);
    const { loss } = model.trainer().evaluate({ text: texts[0]! });
    expect(Math.abs(loss - sum / words.length)).toBeLessThan(1e-5);
  });

  test("an unseen word is <unk> as input and as target", async () => {
    const trainer = (await loadTrained(await compiled)).trainer();
    const [unseen, unknown] = ["the zebra sat", "the <unk> sat"].map(
      (text) => trainer.evaluate({ text }).loss,
    );
    expect(unseen).toBe(unknown);
  });

  test("what it samples are its texts, which end", async () => {
    const model = await load(await compiled);
    const trainer = model.trainer({ seed: 1, settings: { rate: 1e-2 } });
    // A text begins after <eos>.
    const batch = trainer.batch({ text: texts.map((text) => ["<eos>", ...splitWords(text)]) });
    for (let step = 0; step < 150; step++) trainer.step(batch);
    const sampled = Array.from({ length: 20 }, (_, seed) => [...model.generate({ seed })].join(" "));
    expect(sampled.filter((text) => texts.includes(text)).length).toBeGreaterThanOrEqual(15);
    expect(new Set(sampled).size).toBeGreaterThan(1);
  });

  test("never samples <unk>, however probable; at <eos> it stops", async () => {
    const model = await load(await compiled);
    const trainer = model.trainer({ seed: 1, settings: { rate: 1e-2 } });
    const batch = trainer.batch({ text: [splitWords(`<eos> ${"zebra ".repeat(6)}the cat`)] });
    for (let step = 0; step < 100; step++) trainer.step(batch);
    const free = [...model.generate({ seed: 1, avoid: [], stop: null, length: 12 })];
    expect(free).toContain("<unk>");
    for (let seed = 0; seed < 10; seed++) {
      const words = [...model.generate({ seed, length: 50 })];
      expect(words).not.toContain("<unk>");
      expect(words).not.toContain("<eos>");
    }
  });
});
