/** Models that read their own choices: encoder–decoders, taggers, autoencoders, chains; against teacher forcing. */
import { describe, expect, test } from "vitest";
import {
  type Decoded,
  draw,
  load,
  type Model,
  type Result,
  writeSafetensors,
} from "../../src/runtime/index.ts";
import type { LoadOptions } from "../../src/runtime/load.ts";
import { compileModel, loadTrained } from "./models.ts";

const entries = ["<unk>", "<eos>", ..."abcdef"];
const classes = entries.length;
const end = 1;

const spelling = (source: string): Promise<LoadOptions> =>
  compileModel(source, { dims: { source: classes }, vocabularies: { source: entries } });

const data = "input source : char[S]  target reply : char(source)[L]";

const decoded = (value: unknown): Decoded => value as Decoded;
const decodedList = (value: unknown): readonly Decoded[] => value as readonly Decoded[];
const text = (answer: Result): string => (answer.labels() as string[]).join("");
const reversed = (word: string): string => [...word].reverse().join("");

/** Words of two to five letters, the same in each run. */
function words(count: number, seed: number): string[] {
  const letters = entries.slice(2);
  return Array.from({ length: count }, (_, k) => {
    const of = (position: number, n: number): number => Math.floor(draw(seed, 6 * k + position) * n);
    return Array.from({ length: 2 + of(0, 4) }, (_, t) => letters[of(1 + t, letters.length)]).join("");
  });
}

/** log P of the ids after the inputs, by teacher forcing; the end follows where the answer has one. */
function forcedScore(
  model: Model,
  inputs: Readonly<Record<string, string>>,
  answer: Decoded["best"][number],
): number {
  const ids = answer.ended ? [...answer.data, end] : [...answer.data];
  const { reply } = model.predict({ ...inputs, reply: ids }, { forced: true });
  const { data, shape } = reply as Result;
  // What does not end is given an end all the same.
  expect(shape[0]).toBe(answer.data.length + 1);
  return ids.reduce((sum, id, t) => sum + Math.log(data[t * classes + id]!), 0);
}

describe("an encoder–decoder learns to reverse words", async () => {
  const model = await load(
    await spelling(`${data}
      let memory = source >> embed(16) >> gru(32)
      prev(reply) >> embed(16) >> gru(32, init = memory) >> softmax(reply)
      train { optimizer adam(1e-2)  clip norm 5  schedule cosine  steps 2000 }
      decode { beam(4, max = 2 * |S| + 2) }`),
  );
  const trainer = model.trainer({ seed: 1 });
  for (let step = 0; step < 2000; step++) {
    const source = words(32, step);
    trainer.step({ source, reply: source.map(reversed) });
  }
  const unseen = words(100, 10_000);
  const right = (found: unknown): number =>
    decodedList(found).filter((answer, k) => text(answer) === reversed(unseen[k]!)).length;

  test.each([
    ["the program's beam", {}],
    ["greedy", { greedy: true }],
    ["a beam of 1", { beam: 1 }],
    ["a beam with a length penalty", { beam: 8, lengthPenalty: 0.6 }],
  ])("with %s", (_, options) => {
    expect(right(model.predict({ source: unseen }, options)["reply"])).toBeGreaterThanOrEqual(95);
  });

  test("it stops at the end, which is no part of the answer", () => {
    const { reply } = model.predict({ source: "abc" });
    expect(decoded(reply).ended).toBe(true);
    expect(decoded(reply).labels()).toEqual(["c", "b", "a"]);
    expect(decoded(reply).shape).toEqual([3]);
    expect(decoded(reply).nested()).toEqual([4, 3, 2]);
    const free = decoded(model.predict({ source: "abc" }, { greedy: true, stop: null, max: 9 })["reply"]);
    expect(free.data.length).toBe(9);
    expect(free.ended).toBe(false);
    expect([...free.data.slice(0, 4)]).toEqual([4, 3, 2, end]);
  });

  test("a beam gives its answers best first, each with the probability that teacher forcing gives", () => {
    for (const source of unseen.slice(0, 10)) {
      const { best } = decoded(model.predict({ source })["reply"]);
      expect(best.length).toBe(4);
      const scores = best.map(({ score }) => score);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
      for (const answer of best)
        expect(Math.abs(forcedScore(model, { source }, answer) - answer.logProbability)).toBeLessThan(1e-6);
    }
  });

  test("an example in a ragged batch gets its bits", () => {
    for (const options of [{}, { greedy: true }, { samples: 3, temperature: 2, seed: 5 }]) {
      const together = decodedList(model.predict({ source: unseen.slice(0, 12) }, options)["reply"]);
      together.forEach((answer, k) => {
        const alone = decoded(model.predict({ source: unseen[k]! }, options)["reply"]);
        expect(alone.best.map(({ data }) => [...data])).toEqual(answer.best.map(({ data }) => [...data]));
        expect(alone.best.map(({ score }) => score)).toEqual(answer.best.map(({ score }) => score));
      });
    }
  });

  test("samples differ, repeat by seed, and never have what is to be avoided", () => {
    const drawn = (seed: number, avoid: string[] = []): string[] =>
      decoded(
        model.predict({ source: "abcd" }, { samples: 20, temperature: 4, seed, avoid })["reply"],
      ).best.map((answer) => text(answer));
    expect(drawn(1)).toEqual(drawn(1));
    expect(drawn(1)).not.toEqual(drawn(2));
    expect(new Set(drawn(1)).size).toBeGreaterThan(5);
    expect(drawn(1).join("")).toContain("<unk>");
    expect(drawn(1, ["unk"]).join("")).not.toContain("<unk>");
  });

  test("the longest answer is a formula of the input's length", () => {
    const longest = (source: string): number =>
      Math.max(
        ...decoded(model.predict({ source }, { greedy: true, stop: null })["reply"]).best.map(
          (x) => x.data.length,
        ),
      );
    expect([longest("ab"), longest("abcde")]).toEqual([6, 12]);
  });

  test("given the reply it gives probabilities, those of its end too", () => {
    const { reply } = model.predict({ source: "abc", reply: "cba" });
    expect((reply as Result).shape).toEqual([4, classes]);
    expect((reply as Result).labels()).toEqual(["c", "b", "a", "<eos>"]);
  });

  test("where nothing is left to choose, that is told", () => {
    const avoid = [0, 1, 2, 3, 4, 5, 6, 7];
    for (const options of [{ greedy: true }, { beam: 2 }, { temperature: 1 }, { exhaustive: true }])
      expect(() => model.predict({ source: "ab" }, { ...options, avoid })).toThrow("nothing left to choose");
  });

  test("a strategy that does not fit is told", () => {
    expect(() => model.predict({ source: "ab" }, { viterbi: true })).toThrow(
      "`viterbi` is for models that remember their last choice alone; this one has the states `gru.h`",
    );
    expect(() => model.predict({ source: "ab" }, { beam: 0 })).toThrow("a beam is 1 wide or more, not 0");
    expect(() => model.predict({ source: "ab" }, { beam: 2, greedy: true })).toThrow("one strategy is used");
    expect(() => model.predict({ source: "ab" }, { forced: true })).toThrow("`reply` is missing");
    expect(() => [...model.generate()]).toThrow("this model answers its inputs");
  });
});

// ---- what a decoder can be made of --------------------------------------------------------------------------------

const attention = `fn look(memory[s, d]) (h) {
    a = softmax(s: dot(h, memory[s]))
    return tanh(affine(sum(s: a[s] * memory[s]), h, size = |d|))
  }`;

const decoders: Readonly<Record<string, string>> = {
  "a function over the encoder": `${attention} ${data}
    let memory = source >> reverse >> embed(5) >> gru(6)
    prev(reply) >> embed(4) >> gru(6, init = memory) >> look(memory) >> softmax(reply)`,
  "input feeding": `${attention} ${data}
    let memory = source >> embed(5) >> gru(3) >> bidir
    prev(reply) >> embed(4) >> lstm(6, init = memory, feed = look(memory)) >> softmax(reply)`,
  "the library's attention": `${data}
    let memory = source >> embed(5) >> gru(3) >> bidir
    prev(reply) >> embed(4) >> lstm(6) >> attention(luong, general, over = memory) >> softmax(reply)`,
  "the library's attention, fed": `${data}
    let memory = source >> embed(5) >> gru(6)
    prev(reply) >> embed(4) >> lstm(6, feed = attention(bahdanau, over = memory)) >> softmax(reply)`,
  "states handed over": `${data}
    let memory = source >> embed(5) >> lstm(6)
    prev(reply) >> embed(4) >> lstm(6, init = final(memory)) >> softmax(reply)`,
  "layers, means and what came two steps before": `${data}
    let memory = source >> embed(5) >> mean
    cell mix(n) (x) {
      h = tanh(affine(x, h[t-1], h[t-2], memory, size = n)) * (1 + 0.1 * t)
      return h
    }
    let deep = prev(reply) >> embed(4) >> mix(5) >> gru(5) >> stack(2) >> residual
    concat(deep, prev(prev(reply)) >> embed(3)) >> softmax(reply)`,
  "a window that goes along with the steps": `${data}
    let memory = source >> embed(5) >> gru(6)
    prev(reply) >> embed(4) >> lstm(6) >> attention(luong, general, over = memory, window = monotonic(1)) >> softmax(reply)`,
  "a memory of its own": `${data}
    let memory = source >> embed(5) >> gru(6)
    prev(reply) >> embed(4) >> ntm(6, m = 5, d = 3) >> dense(6) >> attention(luong, over = memory) >> softmax(reply)`,
  "clocks, and dropout that is off": `${data}
    let memory = source >> embed(5) >> gru(6) >> last
    concat(prev(reply) >> embed(4), memory) >> dropout(0.5) >> cwrnn(3, periods = [1, 2, 4]) >> softmax(reply)`,
  "a recurrence over the source at each step": `${data}
    let memory = source >> embed(5) >> gru(4)
    let states = prev(reply) >> embed(4) >> gru(4)
    let read = (states + memory) >> gru(5, along = S)
    read >> last(along = S) >> softmax(reply)`,
};

describe.each(Object.keys(decoders))("%s", (name) => {
  test("chooses with the probabilities of teacher forcing, in a batch and alone", async () => {
    const model = await loadTrained(await spelling(decoders[name]!), 3);
    const sources = ["abcdef", "b", "fed", "ca"];
    const options = { beam: 3, max: 5 };
    const together = decodedList(model.predict({ source: sources }, options)["reply"]);
    sources.forEach((source, k) => {
      for (const answer of together[k]!.best)
        expect(Math.abs(forcedScore(model, { source }, answer) - answer.logProbability)).toBeLessThan(1e-5);
      const alone = decoded(model.predict({ source }, options)["reply"]);
      expect(alone.best.map(({ score }) => score)).toEqual(together[k]!.best.map(({ score }) => score));
    });
  });
});

test("a tagger that reads its own tags gives one for each word, and may see all words", async () => {
  const model = await loadTrained(
    await compileModel(`input words : token(20)[T]  target tags : token(4)[T]
      let seen = words >> embed(5) >> gru(3) >> bidir
      concat(seen, prev(tags) >> embed(4)) >> gru(6) >> softmax(tags)`),
    2,
  );
  const sentences = [[3, 1, 19, 7], [5], [], [9, 9]];
  const together = decodedList(model.predict({ words: sentences })["tags"]);
  expect(together.map(({ shape }) => shape)).toEqual([[4], [1], [0], [2]]);
  expect(together.every(({ ended }) => ended)).toBe(true);
  for (const options of [{}, { beam: 3 }, { beam: 300 }, { exhaustive: true }])
    sentences.forEach((words, k) => {
      const answer = decoded(model.predict({ words }, options)["tags"]);
      const forced = model.predict({ words, tags: [...answer.data] })["tags"] as Result;
      const sum = [...answer.data].reduce((total, id, t) => total + Math.log(forced.data[t * 4 + id]!), 0);
      expect(Math.abs(sum - answer.logProbability)).toBeLessThan(1e-6);
      if (!("beam" in options) && !("exhaustive" in options))
        expect([...answer.data]).toEqual([...together[k]!.data]);
    });
  // All 256 ways to tag four words.
  const [words] = sentences;
  const best = Math.max(
    ...Array.from({ length: 256 }, (_, n) => {
      const tags = [n >> 6, (n >> 4) & 3, (n >> 2) & 3, n & 3];
      const forced = model.predict({ words: words!, tags })["tags"] as Result;
      return tags.reduce((total, id, t) => total + Math.log(forced.data[t * 4 + id]!), 0);
    }),
  );
  for (const options of [{ exhaustive: true }, { beam: 300 }])
    expect(decoded(model.predict({ words: words! }, options)["tags"]).score).toBeCloseTo(best, 6);
});

test("an autoencoder reads the text, and then its own choices", async () => {
  const model = await load(
    await compileModel(
      `input doc : char[T]
       let code = doc >> embed(12) >> gru(24) >> last
       prev(doc) >> embed(12) >> gru(24, init = code) >> softmax(doc)
       train { optimizer adam(1e-2)  clip norm 5 }`,
      { dims: { doc: classes }, vocabularies: { doc: entries } },
    ),
  );
  const texts = ["abc", "fade", "bed", "cab", "deaf"];
  const trainer = model.trainer({ seed: 1 });
  for (let step = 0; step < 150; step++) trainer.step({ doc: texts });
  expect(decodedList(model.predict({ doc: texts })["doc"]).map(text)).toEqual(texts);
  const forced = model.predict({ doc: "abc" }, { forced: true })["doc"] as Result;
  expect(forced.shape).toEqual([4, classes]);
});

describe("a document, sentence by sentence", async () => {
  const source = `input doc : char[S, W]
    net sentence = embed(12) >> gru(20) >> last
    let code = doc >> each(sentence) >> gru(24) >> last
    let plan = code >> repeat(S) >> gru(24)
    output code
    prev(doc) >> embed(12) >> each(gru(24, init = plan)) >> softmax(doc)
    train { optimizer adam(1e-2)  clip norm 5 }`;
  const compiled = await compileModel(source, { dims: { doc: classes }, vocabularies: { doc: entries } });
  const docs = [["ab", "c"], ["dd", "abc", "b"], ["a"], ["cab", "d"]];

  test.each([
    { beam: 3, max: 5 },
    { samples: 1, temperature: 3, max: 4 },
  ])("each by its own choices, with the probabilities of teacher forcing: %o", async (options) => {
    const model = await loadTrained(compiled, 3);
    const together = decodedList(model.predict({ doc: docs }, options)["doc"]);
    together.forEach((answer, k) => {
      const alone = decoded(model.predict({ doc: docs[k]! }, options)["doc"]);
      expect([alone.nested(), alone.score]).toEqual([answer.nested(), answer.score]);
      expect(alone.shape[0]).toBe(docs[k]!.length);
    });
    // The encoder would read other sentences: what is forced here is one that reads nothing.
    const free = await loadTrained(
      await compileModel(
        `input n : f32[S, 2]  target doc : char[S, W]
           prev(doc) >> embed(4) >> each(gru(5, init = n)) >> softmax(doc)`,
        { dims: { doc: classes }, vocabularies: { doc: entries } },
      ),
      4,
    );
    const n = [
      [1, 2],
      [-3, 1],
      [0.5, 0],
    ];
    const answer = decoded(free.predict({ n }, options)["doc"]);
    const rows = (answer.nested() as number[][]).map((ids) =>
      ids.length < options.max ? [...ids, end] : ids,
    );
    const forced = free.predict({ n, doc: rows })["doc"] as Result;
    const width = forced.shape[1]!;
    const sum = rows.flatMap((ids, s) =>
      ids.map((id, t) => Math.log(forced.data[(s * width + t) * classes + id]!)),
    );
    expect(Math.abs(sum.reduce((a, b) => a + b) - answer.logProbability)).toBeLessThan(1e-5);
  });

  test("is written again, with its ends, and read as given for all else", async () => {
    const model = await load(compiled);
    const trainer = model.trainer({ seed: 1 });
    for (let step = 0; step < 200; step++) trainer.step({ doc: docs });
    const { doc, code } = model.predict({ doc: docs });
    expect(decodedList(doc).map((answer) => answer.text())).toEqual(docs.map((lines) => lines.join("\n")));
    expect(decodedList(doc)[1]!.labels()).toEqual([["d", "d"], ["a", "b", "c"], ["b"]]);
    const forced = model.predict({ doc: docs }, { forced: true });
    expect((code as readonly Result[]).map(({ data }) => [...data])).toEqual(
      (forced["code"] as readonly Result[]).map(({ data }) => [...data]),
    );
  });
});

test("what else a model gives is computed with its answer as given", async () => {
  const model = await loadTrained(
    await spelling(`${data}
      let memory = source >> embed(5) >> gru(6)
      let h = prev(reply) >> embed(4) >> gru(6, init = memory)
      output states = h
      h >> softmax(reply)`),
    4,
  );
  const results = model.predict({ source: ["abc", "de"] }, { max: 4 });
  decodedList(results["reply"]).forEach((answer, k) => {
    const { states } = model.predict(
      { source: ["abc", "de"][k]!, reply: [...answer.data] },
      { forced: true },
    );
    const own = (results["states"] as readonly Result[])[k]!;
    expect([...own.data]).toEqual([...(states as Result).data.slice(0, own.data.length)]);
  });
});

test.each([
  [
    "input x : f32[T, 2]  target y : f32[T, 3]\nlet p = prev(y)\nconcat(x, p[3]) >> gru(5) >> regress(y)",
    { x: [[1, 2]] },
    "`y` can't be generated: a computed index reads other steps.",
  ],
  [
    `input s : token(5)[S]  target a : token(4)[L]  target b : token(3)[M]
     let c = s >> embed(4) >> gru(4)
     prev(a) >> embed(4) >> gru(4, init = c) >> softmax(a)
     prev(b) >> embed(4) >> gru(4, init = c) >> softmax(b)`,
    { s: [1, 2] },
    "`a` can't be generated: the model reads its choices of `b` too, and one can be made at a time.",
  ],
])("what can't be left to its choices says why", async (source, inputs, message) => {
  const model = await loadTrained(await compileModel(source));
  expect(() => model.predict(inputs)).toThrow(message);
  const [data] = /(?<=`)\w+(?=`)/u.exec(message)!;
  expect(model.metadata.cannotGenerate).toEqual({ data, why: message });
});

// ---- a chain by hand ----------------------------------------------------------------------------------------------

describe("a chain whose probabilities are set by hand", async () => {
  // Rows: after entry 0, after 1, after the end (never read), and at the beginning.
  const rows = [
    [0.3, 0.4, 0.3],
    [0.05, 0.05, 0.9],
    [0.1, 0.1, 0.8],
    [0.6, 0.4, 1e-9],
  ];
  const options = await compileModel(
    `target y : token[L]
     param A[4, 3] = zeros
     A[prev(y)] >> softmax(y, project = none)`,
    { dims: { y: 3 }, vocabularies: { y: ["a", "b", "<eos>"] } },
  );
  const logits = Float32Array.from(rows.flat(), Math.log);
  const weights = writeSafetensors({
    tensors: new Map([["A", { data: logits, shape: [4, 3] }]]),
    metadata: {},
  });
  const model = await load({ ...options, weights });
  const answer = (given: object): string => {
    const { y } = model.predict({}, { max: 6, ...given });
    return `${text(decoded(y))} ${Math.exp(decoded(y).logProbability).toFixed(4)}`;
  };

  test("greedy is wrong, a beam of two is right, and exact searches agree", () => {
    expect(answer({ greedy: true })).toBe("ab 0.2160");
    expect(answer({ beam: 2 })).toBe("b 0.3600");
    expect(answer({ beam: 1000 })).toBe("b 0.3600");
    expect(answer({ exhaustive: true })).toBe("b 0.3600");
    expect(answer({ viterbi: true })).toBe("b 0.3600");
  });

  test("has no memory but its last choice", () => {
    expect(model.metadata.generation!.states).toEqual([]);
  });
});
