/** Sequences of labels: the examples' losses and predictions are those of all paths spelled out (`labelled.ts`). */
import { describe, expect, test } from "vitest";
import { expectClose } from "../language/compare.ts";
import { evaluator } from "../language/evaluator.ts";
import { moduleOf } from "../language/module.ts";
import { drawData, drawParameters, type Program } from "../language/program.ts";
import { load, readSafetensors } from "../../src/runtime/index.ts";
import { compileModel, list } from "../runtime/models.ts";
import { example, sourceOf } from "./example.ts";
import { labelled } from "./labelled.ts";
import { softmax, weights, type Vector } from "./reference.ts";

const lengths = { T: [4, 1, 3], L: [2, 1, 2] };

describe.each(Object.entries(labelled))("%s", (name, reference) => {
  const made: Program = example(name);
  const data = drawData(made, lengths, 4);
  const parameters = drawParameters(made, 7, 0.3);
  const w = weights(parameters);
  const [input, target] = made.model.data;
  const wanted = lengths.T.map((_, b) =>
    reference(
      w,
      data[input!.name]![b] as readonly (number | Vector)[],
      data[target!.name]![b] as readonly number[],
    ),
  );
  const loss = wanted.reduce((sum, answer) => sum + answer.loss, 0) / wanted.length;

  test.each(["evaluator", "module"])("in the %s", async (kind) => {
    const runner = kind === "module" ? await moduleOf(made) : evaluator(made);
    const call = { data, parameters };
    expectClose([runner.evaluate(call)], [loss], kind === "module" ? 1e-5 : 1e-12);
    const found = runner.predict(call).outputs.get(target!.name)!;
    wanted.forEach(({ labels }, b) => expect(found[b]).toEqual(labels));
  });
});

/** A verb tells what the place after it is; nothing else does. */
const sentences = ["to", "from"].flatMap((verb) =>
  ["rome", "oslo", "lima"].flatMap((place) => [
    { words: ["fly", verb, place], tags: ["O", "O", verb] },
    { words: [verb, place, "today"], tags: ["O", verb, "O"] },
    { words: [verb, place, "at", "noon"], tags: ["O", verb, "O", "time"] },
  ]),
);
const words = sentences.map((sentence) => sentence.words);
const tags = sentences.map((sentence) => sentence.tags);
const vocabularies = { words: ["<unk>", "<eos>", ...new Set(words.flat())], tags: [...new Set(tags.flat())] };

describe.each([
  { name: "tagger-crf", epochs: 30, rate: 1e-2 },
  { name: "perceptron", epochs: 10, rate: 1 },
  { name: "svm", epochs: 10, rate: 0.1 },
])("$name", ({ name, epochs, rate }) => {
  test("learns what a place is from the word before it", async () => {
    const model = await load(await compileModel(sourceOf(name), { vocabularies }));
    const trainer = model.trainer({ seed: 1, settings: { rate } });
    for (let epoch = 0; epoch < epochs; epoch++)
      for (const [k, sentence] of sentences.entries())
        trainer.step(trainer.batch({ words: [sentence.words], tags: [sentence.tags] }, { ids: [k] }));
    model.loadWeights(trainer.weights());
    const found = list(model.predict({ words })["tags"]).map((result) => result.labels());
    expect(found).toEqual(tags);
  });
});

test("a hidden Markov model learns how often what followed what", async () => {
  const model = await load(await compileModel(sourceOf("hmm"), { vocabularies }));
  const trainer = model.trainer({ seed: 1 });
  const batch = trainer.batch({ words, tags });
  for (let step = 0; step < 600; step++) trainer.step(batch);
  const weight = (name: string) => readSafetensors(model.weights()).tensors.get(name)!.data;
  const shares = (values: ArrayLike<number>, from: number, size: number): number[] =>
    softmax(Array.from({ length: size }, (_, k) => values[from + k]!));
  const n = vocabularies.tags.length;
  const [outside, to] = [vocabularies.tags.indexOf("O"), vocabularies.tags.indexOf("to")];
  const after = tags.flatMap((list) => list.slice(1).filter((_, k) => list[k] === "O"));
  const wanted = vocabularies.tags.map((tag) => after.filter((x) => x === tag).length / after.length);
  expectClose(shares(weight("hmm.A"), outside * n, n), wanted, 2e-2);
  const V = vocabularies.words.length;
  const rome = shares(weight("hmm.B"), to * V, V)[vocabularies.words.indexOf("rome")];
  expect(rome).toBeCloseTo(1 / 3, 2);
});

describe("doubled sounds", () => {
  const sounds = ["a", "l", "o", "-"];
  /** Each sound for two frames, with a little silence around them. */
  const frame = (sound: string): number[] =>
    Array.from({ length: 39 }, (_, k) => (sounds[k] === sound ? 1 : 0));
  const said = ["al", "all", "allo", "lo", "ola", "oo", "aa", "la", "lolo", "oll"];
  const spoken = said.map((text) => [...text].flatMap((c) => [c, c, "-"]));
  const audio = spoken.map((list) => list.map(frame));

  test("are heard with blanks", async () => {
    const vocabularies = { text: ["a", "l", "o"] };
    const model = await load(await compileModel(sourceOf("speech"), { vocabularies }));
    const trainer = model.trainer({ seed: 2, settings: { rate: 1e-2 } });
    const batch = trainer.batch({ audio, text: said });
    for (let step = 0; step < 80; step++) trainer.step(batch);
    const found = list(model.predict({ audio })["text"]).map((result) =>
      (result.labels() as string[]).join(""),
    );
    expect(found).toEqual(said);
  });

  test("are trimmed away without them", async () => {
    const vocabularies = { sounds: ["a", "l", "o"] };
    const model = await load(await compileModel(sourceOf("speech-trimming"), { vocabularies }));
    const trainer = model.trainer({ seed: 2, settings: { rate: 1e-2 } });
    // Without silence: every frame is of a sound.
    const frames = said.map((text) => [...text].flatMap((c) => [c, c]));
    const heard = frames.map((list) => list.map(frame));
    const batch = trainer.batch({ audio: heard, sounds: frames });
    for (let step = 0; step < 40; step++) trainer.step(batch);
    const found = list(model.predict({ audio: heard })["sounds"]).map((result) =>
      (result.labels() as string[]).join(""),
    );
    const trimmed = said.map((text) => text.replace(/(.)\1+/gu, "$1"));
    expect(found).toEqual(trimmed);
    expect(trimmed).not.toEqual(said);
  });
});
