/** Predictions, streams and what is said about wrong data, with compiled models. */
import { describe, expect, test } from "vitest";
import { load } from "../../src/runtime/index.ts";
import {
  characterModel,
  compileModel,
  frames,
  list,
  loadTrained,
  one,
  tags,
  taggingModel,
} from "./models.ts";

describe("predict", () => {
  test("a ragged batch gives the same bits as each example alone", async () => {
    const model = await loadTrained(await taggingModel());
    const lengths = [3, 1, 7, 4, 0];
    const batch = list(model.predict({ audio: lengths.map((n) => frames(n, n)) })["tags"]);
    lengths.forEach((n, k) => {
      const alone = one(model.predict({ audio: frames(n, n) })["tags"]);
      expect(alone.shape).toEqual([n, 3]);
      expect(batch[k]!.shape).toEqual([n, 3]);
      expect(batch[k]!.data).toEqual(alone.data);
    });
  });

  test("what earlier calls left in memory is never read", async () => {
    const model = await loadTrained(await taggingModel());
    const before = one(model.predict({ audio: frames(4) })["tags"]).data;
    model.predict({ audio: Array.from({ length: 9 }, () => frames(30).map((row) => row.map(() => NaN))) });
    expect(one(model.predict({ audio: frames(4) })["tags"]).data).toEqual(before);
    expect(list(model.predict({ audio: [frames(2, 1), frames(4)] })["tags"])[1]!.data).toEqual(before);
  });

  test("typed arrays, tensors and nested arrays are the same", async () => {
    const model = await loadTrained(await taggingModel());
    const nested = frames(3);
    const expected = one(model.predict({ audio: nested })["tags"]).data;
    const flat = Float32Array.from(nested.flat());
    expect(one(model.predict({ audio: nested.map((row) => Float32Array.from(row)) })["tags"]).data).toEqual(
      expected,
    );
    expect(one(model.predict({ audio: { data: flat, shape: [3, 5] } })["tags"]).data).toEqual(expected);
    const both = list(
      model.predict({ audio: { data: Float32Array.from([...flat, ...flat]), shape: [2, 3, 5] } })["tags"],
    );
    expect(both.map((x) => x.data)).toEqual([expected, expected]);
  });

  test("results are nested arrays and labels too", async () => {
    const model = await loadTrained(await characterModel());
    const result = one(model.predict({ text: "abz" })["text"]);
    expect(result.shape).toEqual([3, 6]);
    const rows = result.nested() as number[][];
    expect(rows.map((row) => row.length)).toEqual([6, 6, 6]);
    rows.forEach((row) => expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 5));
    expect(result.labels()).toEqual(
      rows.map((row) => ["<unk>", "<eos>", " ", "a", "b", "c"][row.indexOf(Math.max(...row))]),
    );
  });

  test("strings are examples of characters, arrays of them batches", async () => {
    const model = await loadTrained(await characterModel());
    const [first, second] = list(model.predict({ text: ["ab", "cab"] })["text"]);
    expect([first!.shape, second!.shape]).toEqual([
      [2, 6],
      [3, 6],
    ]);
    expect(first!.data).toEqual(one(model.predict({ text: [3, 4] })["text"]).data);
  });

  test("wrong data is refused with its place", async () => {
    const model = await loadTrained(await taggingModel());
    const message = (inputs: Parameters<typeof model.predict>[0]): string => {
      try {
        model.predict(inputs);
      } catch (error) {
        expect((error as Error).name).toBe("RnncError");
        return (error as Error).message;
      }
      throw new Error("it was accepted");
    };
    expect({
      missing: message({}),
      unknown: message({ audoi: frames(2) }),
      flat: message({ audio: [1, 2, 3] }),
      short: message({
        audio: [
          [1, 2, 3, 4, 5],
          [1, 2],
        ],
      }),
      word: message({ audio: [[1, 2, 3, 4, "five"]] }),
      lengths: message({ audio: frames(3), tags: tags(2) }),
      batch: message({ audio: [frames(3), frames(2)], tags: [tags(3), tags(3)] }),
      count: message({ audio: [frames(3)], tags: [tags(3), tags(3)] }),
      mixed: message({ audio: [frames(3)], tags: tags(3) }),
      id: message({ audio: frames(2), tags: [0, 3] }),
      nan: message({ audio: frames(2), tags: [0, NaN] }),
      name: message({ audio: frames(2), tags: ["noun", "verb"] }),
      none: message({ audio: { data: [], shape: [0, 2, 5] } }),
    }).toMatchInlineSnapshot(`
      {
        "batch": "\`tags\` is 3 long along T, but \`audio\` is 2 (in example 1)",
        "count": "\`audio\` has 1 example, but \`tags\` has 2",
        "flat": "\`audio\` is f32[T, 5]: wanted one example (2 levels of arrays) or a batch of them (3), found 1 level",
        "id": "\`tags[1]\` is 3, wanted a whole number from 0 to 2",
        "lengths": "\`tags\` is 2 long along T, but \`audio\` is 3",
        "missing": "\`audio\` is missing: it is the input f32[T, 5]",
        "mixed": "\`audio\` is a batch, but \`tags\` is one example: give all alike",
        "name": "\`tags[0]\` is "noun", and \`tags\` has no vocabulary: wanted an id",
        "nan": "\`tags[1]\` is NaN, wanted a whole number from 0 to 2",
        "none": "there are no examples in this batch",
        "short": "\`audio[1]\` has 2 elements, wanted 5: \`audio\` is f32[T, 5]",
        "unknown": "there is no data \`audoi\`; the model has \`audio\`, \`tags\`",
        "word": "\`audio[0][4]\` is "five", wanted a number",
      }
    `);
  });

  test("characters out of the vocabulary are `<unk>`, and refused where there is none", async () => {
    const model = await loadTrained(await characterModel());
    const data = (text: string) => one(model.predict({ text })["text"]).data;
    expect(data("aéb")).toEqual(data("axb"));
    const strict = await loadTrained(
      await compileModel("input text : char[T]\ntext >> embed(3) >> elman(3) >> softmax(next(text))", {
        dims: { text: 2 },
        vocabularies: { text: ["a", "b"] },
      }),
    );
    expect(() => strict.predict({ text: "abc" })).toThrow(
      '`text[2]` is "c", which is not in the vocabulary, and that has no `<unk>`',
    );
  });

  test("words are split at spaces", async () => {
    const options = await compileModel(
      "input words : token[T]  target tags : token(3)[T]\nwords >> embed(3) >> elman(4) >> softmax(tags)",
      { dims: { words: 4 }, vocabularies: { words: ["<unk>", "<eos>", "the", "cat"] } },
    );
    const model = await loadTrained(options);
    const data = (words: string | (string | number)[]) => one(model.predict({ words })["tags"]).data;
    expect(data("the  dog ")).toEqual(data(["the", "dog"]));
    expect(data("the dog")).toEqual(data([2, 0]));
    expect(() => model.predict({ words: ["the cat", "the dog"] })).toThrow("each string is one word");
    const batch = list(model.predict({ words: [["the", "cat"], ["cat"]] })["tags"]);
    expect(batch.map((x) => x.shape[0])).toEqual([2, 1]);
  });

  test("a model without weights says so", async () => {
    const model = await load(await taggingModel());
    expect(() => model.predict({ audio: frames(1) })).toThrow("no weights yet");
  });
});

describe("stream", () => {
  test("gives the bits of predict, step by step", async () => {
    const model = await loadTrained(await taggingModel());
    const whole = one(model.predict({ audio: frames(6) })["tags"]).nested() as number[][];
    const stream = model.stream();
    const steps = frames(6).map((frame) => Array.from(stream.step(frame)["tags"]!));
    expect(steps).toEqual(whole);
    stream.reset();
    expect(Array.from(stream.step(Float32Array.from(frames(1)[0]!))["tags"]!)).toEqual(whole[0]);
  });

  test("streams, predictions and training do not disturb each other", async () => {
    const model = await loadTrained(await taggingModel());
    const expected = one(model.predict({ audio: frames(6) })["tags"]).nested();
    const [a, b] = [model.stream(), model.stream({ examples: 2 })];
    const found = frames(6).map((frame) => {
      const result = Array.from(a.step(frame)["tags"]!);
      const other = b.step([frames(1, 4)[0]!, frame])["tags"]!;
      expect(Array.from(other.subarray(3))).toEqual(result);
      model.predict({ audio: [frames(9), frames(2)] });
      model.trainer().evaluate({ audio: frames(3), tags: tags(3) });
      return result;
    });
    expect(found).toEqual(expected);
  });

  test("saves and restores its states", async () => {
    const model = await loadTrained(await characterModel());
    const stream = model.stream();
    stream.step("a");
    const saved = stream.save();
    const next = Array.from(stream.step("b")["text"]!);
    stream.step(2);
    stream.restore(saved);
    expect(Array.from(stream.step("b")["text"]!)).toEqual(next);
    stream.restore(null);
    stream.step("a");
    expect(Array.from(stream.step(4)["text"]!)).toEqual(next);
    expect(() => stream.restore(model.stream({ examples: 2 }).save())).not.toThrow();
    const two = model.stream({ examples: 2 });
    two.step(["a", "b"]);
    expect(() => stream.restore(two.save())).toThrow("of 2 sequences, the stream has 1");
  });

  test("is refused where the model looks ahead", async () => {
    const model = await loadTrained(
      await compileModel(
        "input audio : f32[T, 5]  target tags : token(3)[T]\naudio >> lstm(4) >> bidir >> softmax(tags)",
      ),
    );
    expect(() => model.stream()).toThrow("`bidir` reads the whole sequence");
  });
});
