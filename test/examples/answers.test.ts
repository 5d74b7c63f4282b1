/** The examples that make answers compute what their equations say, go on with what they chose, and learn to answer. */
import { describe, expect, test } from "vitest";
import { type Decoded, load, writeSafetensors } from "../../src/runtime/index.ts";
import { expectClose } from "../language/compare.ts";
import { evaluator } from "../language/evaluator.ts";
import { moduleOf } from "../language/module.ts";
import { drawData, drawParameters, shapeOf } from "../language/program.ts";
import { compileModel } from "../runtime/models.ts";
import { answering } from "./answering.ts";
import { example, sourceOf } from "./example.ts";
import { weights, type Weights } from "./reference.ts";

const lengths = { S: [4, 1, 3], L: [5, 2, 1], T: [4, 1, 3] };

/** Those whose answers are as long as what is given. */
const aligned = ["autoencoder-text", "tagger-feedback"];

describe.each(Object.entries(answering))("%s", (name, { given, chosen, open, ...own }) => {
  const made = example(name);
  const data = drawData(made, own.lengths ?? lengths, 5);
  const parameters = drawParameters(made, 7, 0.15);
  const inputs = data[given] as readonly Parameters<typeof open>[1][];
  const replies = data[chosen] as readonly (readonly number[])[];
  const start = made.model.data.find((info) => info.name === chosen)!.vocabulary!.size;
  const byName = weights(parameters);
  const shapes = new Map(made.model.parameters.map((p) => [p.name, shapeOf(p)]));
  const w: Weights = (key) =>
    key.endsWith(".size") ? [shapes.get(key.slice(0, -".size".length))!.at(-1)!] : byName(key);

  test.each(["evaluator", "module"])("after true entries, in the %s", async (kind) => {
    const runner = kind === "module" ? await moduleOf(made) : evaluator(made);
    const found = runner.predict({ data, parameters }).outputs.get(chosen)!;
    replies.forEach((reply, b) => {
      const next = open(w, inputs[b]!);
      const expected = [start, ...reply.slice(0, -1)].flatMap((id) => [...next(id)]);
      expectClose(found[b]!, expected, kind === "module" ? 1e-5 : 1e-12, 0.1);
    });
  });

  test("after its own choices", async () => {
    const tensors = new Map(
      [...parameters].map(([key, values]) => [
        key,
        { data: Float32Array.from(values), shape: shapes.get(key)! },
      ]),
    );
    const compiled = await compileModel(sourceOf(name), made.options);
    const model = await load({ ...compiled, weights: writeSafetensors({ tensors, metadata: {} }) });
    const answers = model.predict({ [given]: inputs }, { greedy: true, max: 4, avoid: [] })[chosen];
    (answers as readonly Decoded[]).forEach((answer, b) => {
      const next = open(w, inputs[b]!);
      let id = start;
      for (const found of answer.data) {
        const p = next(id);
        id = p.indexOf(Math.max(...p));
        expect(found).toBe(id);
      }
      expect(answer.data.length).toBe(aligned.includes(name) ? inputs[b]!.length : 4);
    });
  });
});

// ---- learning -----------------------------------------------------------------------------------------------------

const special = ["<unk>", "<eos>"];

const text = (value: unknown): string => (value as Decoded).text();

test("translate learns dates", async () => {
  const days = ["first", "second", "third", "fourth"];
  const months = ["january", "march", "may", "july", "august"];
  const pairs = days.flatMap((day, d) =>
    months.flatMap((month, m) => [
      { source: `the ${day} of ${month}`, reply: `2026 ${m + 10} ${d + 30}` },
      { source: `${month} ${day}`, reply: `2026 ${m + 10} ${d + 30}` },
    ]),
  );
  const words = (key: "source" | "reply"): string[] => [
    ...special,
    ...new Set(pairs.flatMap((pair) => pair[key].split(" "))),
  ];
  const vocabularies = { source: words("source"), reply: words("reply") };
  const model = await load(await compileModel(sourceOf("translate"), { vocabularies }));
  // One in five is never seen.
  const seen = pairs.filter((_, k) => k % 5 !== 0);
  const trainer = model.trainer({ seed: 1, settings: { rate: 3e-3 } });
  const batch = trainer.batch({
    source: seen.map(({ source }) => source.split(" ")),
    reply: seen.map(({ reply }) => reply.split(" ")),
  });
  for (let step = 0; step < 60; step++) trainer.step(batch);
  const right = pairs.filter(({ source, reply }) => text(model.predict({ source })["reply"]) === reply);
  expect(right.length).toBeGreaterThanOrEqual(38);
});

test("chatbot answers as it was taught, and never with <unk>", async () => {
  const talk = [
    ["hello", "hello to you"],
    ["how are you", "well and you"],
    ["who are you", "a small network"],
    ["what is this", "a test"],
    ["good bye", "see you"],
  ] as const;
  const words = [...special, ...new Set(talk.flat().flatMap((line) => line.split(" ")))];
  const model = await load(await compileModel(sourceOf("chatbot"), { vocabularies: { said: words } }));
  const trainer = model.trainer({ seed: 1, settings: { rate: 3e-3 } });
  const batch = trainer.batch({
    said: talk.map(([said]) => said.split(" ")),
    reply: talk.map(([, reply]) => reply.split(" ")),
  });
  for (let step = 0; step < 60; step++) trainer.step(batch);
  for (const [said, reply] of talk)
    for (const seed of [1, 2, 3]) expect(text(model.predict({ said }, { seed })["reply"])).toBe(reply);
  const drawn = model.predict({ said: "hello you" }, { samples: 30, temperature: 5 })["reply"] as Decoded;
  expect(drawn.best.map((answer) => answer.text()).join(" ")).not.toContain("<unk>");
});

test("autoencoder-text writes again what it read, and gives its code", async () => {
  const texts = ["the cat sat", "the dog sat on the cat", "a dog", "on the mat sat a cat", "the mat"];
  const words = [...special, ...new Set(texts.flatMap((line) => line.split(" ")))];
  const model = await load(
    await compileModel(sourceOf("autoencoder-text"), { vocabularies: { text: words } }),
  );
  const trainer = model.trainer({ seed: 1, settings: { rate: 1e-2 } });
  const batch = trainer.batch({ text: texts.map((line) => line.split(" ")) });
  for (let step = 0; step < 80; step++) trainer.step(batch);
  for (const line of texts) {
    const results = model.predict({ text: line });
    expect(text(results["text"])).toBe(line);
    expect((results["code"] as Decoded).shape).toEqual([128]);
  }
});

test("tagger-feedback learns tags that follow from the last one", async () => {
  // A bracket is numbered by how many came before it, modulo three; words have none.
  const numbered = (words: readonly string[]): string[] => {
    let count = 0;
    return words.map((word) => (word === "(" ? String(count++ % 3) : "O"));
  };
  const sentences = Array.from({ length: 40 }, (_, k) =>
    Array.from({ length: 3 + (k % 6) }, (_, t) => ((k * 7 + t * t * 3) % 5 < 2 ? "(" : "word")),
  );
  const vocabularies = { words: [...special, "(", "word"], tags: ["O", "0", "1", "2"] };
  const model = await load(await compileModel(sourceOf("tagger-feedback"), { vocabularies }));
  const trainer = model.trainer({ seed: 1, settings: { rate: 1e-2 } });
  const batch = trainer.batch({ words: sentences, tags: sentences.map(numbered) });
  for (let step = 0; step < 40; step++) trainer.step(batch);
  const found = model.predict({ words: sentences })["tags"] as readonly Decoded[];
  found.forEach((answer, k) => expect(answer.labels()).toEqual(numbered(sentences[k]!)));
});
