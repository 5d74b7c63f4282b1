/** Sentences of a document each have their own length: what a document gives is what its sentences give alone. */
import { describe, expect, test } from "vitest";
import { load } from "../../src/runtime/index.ts";
import { compileModel, list, one } from "./models.ts";

const documents = [[[1, 2, 3], [4], [5, 6, 0, 1, 2]], [[3, 3]], [[2, 1], [6, 5, 4, 3], [1], [0, 2]]];

const weightsOf = async (source: string): Promise<Uint8Array> => {
  const model = await load(await compileModel(source));
  model.trainer({ seed: 3 });
  return model.weights();
};

describe("documents of sentences", () => {
  const whole = `input doc : token(7)[S, W]
    net sentence = embed(4) >> lstm(5) >> bidir >> last
    output code = doc >> each(sentence)
    let told = doc >> embed(3) >> each(gru(3))
    output told
    target y : token(2)
    code >> gru(3) >> last >> softmax(y)
    minimize sum(told)`;
  const alone = `input words : token(7)[W]
    net sentence = embed(4) >> lstm(5) >> bidir >> last
    output code = words >> sentence
    minimize sum(code)`;

  test("each sentence is as if it came alone", async () => {
    const weights = await weightsOf(whole);
    const model = await load({ ...(await compileModel(whole)), weights });
    const single = await load(await compileModel(alone));
    single.trainer({ seed: 3 });
    const codes = list(model.predict({ doc: documents })["code"]);
    // The sentence's parameters have the same names, so the same seed draws the same.
    documents.forEach((sentences, b) => {
      const nested = codes[b]!.nested() as number[][];
      expect(nested).toHaveLength(sentences.length);
      sentences.forEach((words, s) =>
        expect(nested[s]).toEqual(one(single.predict({ words })["code"]).nested()),
      );
    });
  });

  test("a result along the words has each sentence's own length", async () => {
    const model = await load({ ...(await compileModel(whole)), weights: await weightsOf(whole) });
    const told = list(model.predict({ doc: documents })["told"]);
    documents.forEach((sentences, b) =>
      expect((told[b]!.nested() as number[][][]).map((rows) => rows.length)).toEqual(
        sentences.map((words) => words.length),
      ),
    );
  });

  test("a batch gives what each document gives alone, to the bit", async () => {
    const model = await load({ ...(await compileModel(whole)), weights: await weightsOf(whole) });
    const together = list(model.predict({ doc: documents })["y"]);
    documents.forEach((doc, b) =>
      expect([...together[b]!.data]).toEqual([...one(model.predict({ doc })["y"]).data]),
    );
  });
});

test("where the program runs along the sentences word by word, they must be equally long", async () => {
  const source =
    "target z : f32[2]  input doc : token(7)[S, W]  output y = doc >> embed(2) >> gru(2, along = S) >> last >> last  y >> regress(z, project = none)";
  const model = await load(await compileModel(source));
  model.trainer({ seed: 1 });
  const even = [
    [1, 2],
    [3, 4],
  ];
  expect(one(model.predict({ doc: even })["y"]).shape).toEqual([2]);
  expect(() => model.predict({ doc: documents[0]! })).toThrow(/must be equally long within an example/u);
});

test("an error of the run that learns that sentences are equally long does not stand", async () => {
  const source = `input story : token(9)[S, W]  input question : token(story)[Q]  target answer : token(story)
    let words = story >> embed(4) >> mean(along = S)
    question >> embed(4) >> mean >> hops(2, over = words, time = 3) >> softmax(answer)`;
  const model = await load(await compileModel(source));
  model.trainer({ seed: 1 });
  expect(
    one(
      model.predict({
        story: [
          [1, 2],
          [3, 4],
        ],
        question: [5],
      })["answer"],
    ).shape,
  ).toEqual([9]);
});
