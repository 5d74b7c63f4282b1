import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { labelMeasures, labelScore, scoreLabels } from "../../src/cli/metrics/labels.ts";
import { editDistance } from "../../src/cli/metrics/edits.ts";
import { languageMeasures, stepLoss, unknownMeasure } from "../../src/cli/metrics/language.ts";
import { areSpanTags, scoreSpans, spansOf } from "../../src/cli/metrics/spans.ts";
import { vocabulary } from "../../src/runtime/vocabulary.ts";
import { folderWith, rnnc } from "./cli.ts";

const tags = (text: string): string[] => text.split(" ").filter((tag) => tag !== "");
const spans = (text: string): string[] =>
  spansOf(tags(text)).map(({ type, from, to }) => `${type} ${from}-${to}`);

describe("spans by the rules of conlleval", () => {
  test.each([
    ["O O", []],
    ["B-A I-A O B-B", ["A 0-2", "B 3-4"]],
    ["B-A B-A", ["A 0-1", "A 1-2"]],
    // Ill-formed starts: a span begins with I after O, at the start, and where the type changes.
    ["I-A I-A O I-B", ["A 0-2", "B 3-4"]],
    ["B-A I-B I-B", ["A 0-1", "B 1-3"]],
    ["I-A I-B", ["A 0-1", "B 1-2"]],
    ["O I-A B-A I-A", ["A 1-2", "A 2-4"]],
    // Without types.
    ["B I I O I", [" 0-3", " 4-5"]],
    // A type may hold hyphens: the first one ends the letter.
    ["B-a-b I-a-b I-a", ["a-b 0-2", "a 2-3"]],
    // IOBES.
    ["S-A B-A I-A E-A E-A", ["A 0-1", "A 1-4", "A 4-5"]],
    ["", []],
  ])("%s", (text, wanted) => {
    expect(spans(text)).toEqual(wanted);
  });

  test("a case by hand: one of three found, one too many, one of the wrong length", () => {
    const scores = scoreSpans([
      //       right  too short       not in the data
      [tags("B-A O B-B O O B-A"), tags("B-A O B-B I-B O O")],
      // Missed; the end of a sentence ends its spans.
      [tags("O"), tags("I-B")],
    ]);
    expect(scores).toMatchObject({ wanted: 3, found: 3, right: 1, precision: 1 / 3, recall: 1 / 3 });
    expect(scores.f1).toBeCloseTo(1 / 3, 12);
    expect(Object.fromEntries(scores.types)).toMatchObject({
      A: { wanted: 1, found: 2, right: 1, precision: 0.5, recall: 1, f1: 2 / 3 },
      B: { wanted: 2, found: 1, right: 0, precision: 0, recall: 0, f1: 0 },
    });
  });

  test("a right span of the wrong type is an error of both types", () => {
    const { types } = scoreSpans([[tags("B-A I-A"), tags("B-B I-B")]]);
    expect(types.get("A")).toMatchObject({ wanted: 0, found: 1, right: 0 });
    expect(types.get("B")).toMatchObject({ wanted: 1, found: 0, right: 0 });
  });

  test("nothing there and nothing found is 0, not NaN", () => {
    expect(scoreSpans([[tags("O"), tags("O")]])).toMatchObject({ precision: 0, recall: 0, f1: 0 });
  });

  test("the counts are those of the script, which reads both columns row by row", () => {
    const tag = fc.constantFrom("O", "B-x", "I-x", "B-y", "I-y", "E-x", "S-y", "B", "I");
    const rows = fc.array(fc.tuple(tag, tag), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(rows, { maxLength: 4 }), (sentences) => {
        const scores = scoreSpans(
          sentences.map((some) => [some.map(([found]) => found), some.map(([, wanted]) => wanted)] as const),
        );
        expect([scores.wanted, scores.found, scores.right]).toEqual(scriptCounts(sentences));
      }),
    );
  });

  test("which labels are tags of spans", () => {
    expect(areSpanTags(["O", "B-PER", "I-PER", "B-fromloc.city_name"])).toBe(true);
    expect(areSpanTags(["B", "I", "O"])).toBe(true);
    expect(areSpanTags(["S-A", "O"])).toBe(true);
    expect(areSpanTags(["N", "V"])).toBe(false);
    expect(areSpanTags(["O"])).toBe(false);
    expect(areSpanTags(["B-NP", "pos"])).toBe(false);
    expect(areSpanTags([])).toBe(false);
  });
});

/** The loop of conlleval, with E and S as in its later versions: the counts of spans wanted, found and right. */
function scriptCounts(sentences: readonly (readonly (readonly [string, string])[])[]): number[] {
  let [wantedCount, foundCount, rightCount, within] = [0, 0, 0, false];
  const parts = (tag: string): readonly [string, string] => [tag.charAt(0), tag.slice(2)];
  let [before, beforeWanted] = [parts("O"), parts("O")];
  for (const sentence of sentences)
    for (const [found, wanted] of [...sentence, ["O", "O"] as const]) {
      const [f, w] = [parts(found), parts(wanted)];
      const [endF, endW] = [scriptEnd(before, f), scriptEnd(beforeWanted, w)];
      const [startF, startW] = [scriptStart(before, f), scriptStart(beforeWanted, w)];
      if (within) {
        if (endF && endW && before[1] === beforeWanted[1]) {
          within = false;
          rightCount++;
        } else if (endF !== endW || f[1] !== w[1]) within = false;
      }
      if (startF && startW && f[1] === w[1]) within = true;
      if (startW) wantedCount++;
      if (startF) foundCount++;
      [before, beforeWanted] = [f, w];
    }
  return [wantedCount, foundCount, rightCount];
}

type Parts = readonly [letter: string, type: string];

const scriptEnd = ([p, was]: Parts, [l, is]: Parts): boolean =>
  p === "E" || p === "S" || ["BB", "BS", "BO", "IB", "IS", "IO"].includes(p + l) || (p !== "O" && was !== is);

const scriptStart = ([p, was]: Parts, [l, is]: Parts): boolean =>
  l === "B" || l === "S" || ["EE", "EI", "SE", "SI", "OE", "OI"].includes(p + l) || (l !== "O" && was !== is);

describe("labels", () => {
  const tagged = { entries: null, sequences: true, aligned: true, characters: false };

  test("accuracy over labels, whole sequences, and the F1 of tags", () => {
    const entries = ["B-A", "I-A", "O"];
    const pairs = [
      { found: [0, 1, 2], wanted: [0, 1, 2] },
      { found: [0, 2], wanted: [2, 2] },
    ];
    const scores = scoreLabels(pairs, { ...tagged, entries });
    expect(scores).toMatchObject({ accuracy: 4 / 5, exact: 1 / 2 });
    expect(scores.spans).toMatchObject({ wanted: 1, found: 2, right: 1, f1: 2 / 3 });
    expect(labelMeasures(scores, null).map(({ key }) => key)).toEqual([
      "f1",
      "precision",
      "recall",
      "accuracy",
      "exact",
    ]);
    expect(labelScore(scores)).toMatchObject({ key: "f1", value: 2 / 3, loss: 1 - 2 / 3 });
  });

  test("classes of examples have accuracy alone", () => {
    const pairs = [1, 0, 1, 1].map((found) => ({ found: [found], wanted: [1] }));
    const scores = scoreLabels(pairs, { ...tagged, entries: ["B", "O"], sequences: false });
    expect(labelMeasures(scores, null)).toMatchObject([{ key: "accuracy", value: 0.75 }]);
    expect(labelMeasures(scores, "y")).toMatchObject([{ key: "accuracy_y", name: "accuracy of y" }]);
  });

  test("sequences of other lengths have an error rate: edits over all that was wanted", () => {
    const pairs = [
      { found: [1], wanted: [1, 2] },
      { found: [1, 2], wanted: [1, 2] },
    ];
    const scores = scoreLabels(pairs, tagged);
    expect(scores).toMatchObject({ accuracy: null, exact: 0.5, errors: { labels: 1 / 4, words: null } });
    expect(labelMeasures(scores, null).map(({ key }) => key)).toEqual(["ler", "exact"]);
    expect(labelScore(scores)).toMatchObject({ key: "ler", value: 1 / 4, loss: 1 / 4 });
  });

  test("so have those that are no labels of steps, whatever their lengths", () => {
    const scores = scoreLabels([{ found: [1, 2], wanted: [2, 1] }], { ...tagged, aligned: false });
    expect(scores).toMatchObject({ accuracy: null, errors: { labels: 1 } });
  });

  test("characters have a rate of their own, and one of the words that they make", () => {
    const entries = [..."abc "];
    const ids = (text: string): number[] => [...text].map((c) => entries.indexOf(c));
    const pairs = [
      { found: ids("ab  ca"), wanted: ids("ab ca") },
      { found: ids("cab"), wanted: ids("ca b") },
    ];
    const scores = scoreLabels(pairs, { entries, sequences: true, aligned: false, characters: true });
    // A space too many, and one too few: no word of "ca b" is right, and its second is not there.
    expect(scores.errors).toEqual({ unit: "character", labels: 2 / 9, words: 2 / 4 });
    expect(labelMeasures(scores, null).map(({ key }) => key)).toEqual(["cer", "wer", "exact"]);
  });
});

describe("edits", () => {
  test.each([
    ["kitten", "sitting", 3],
    ["", "abc", 3],
    ["abc", "", 3],
    ["abc", "abc", 0],
    ["flaw", "lawn", 2],
  ])("from %s to %s: %i", (found, wanted, edits) => {
    expect(editDistance([...found], [...wanted])).toBe(edits);
  });

  test("are a distance", () => {
    const list = fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 6 });
    fc.assert(
      fc.property(list, list, list, (a, b, c) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c));
        expect(editDistance(a, b)).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      }),
    );
  });
});

describe("language models", () => {
  test("eight equally probable characters: perplexity 8, 3 bits", () => {
    const [perplexity, bits] = languageMeasures(Math.log(8), "character");
    expect(perplexity).toMatchObject({ key: "perplexity" });
    expect(perplexity!.value).toBeCloseTo(8, 12);
    expect(bits).toMatchObject({ key: "bits_per_character" });
    expect(bits!.value).toBeCloseTo(3, 12);
  });

  test("every step counts alike, whatever the length of its example", () => {
    const example = (length: number) => ({ columns: new Map(), length, lengths: new Map() });
    // Mean losses a step: 1 for the long one, 3 for the two short ones.
    const { loss, steps } = stepLoss([example(1), example(4), example(1)], ([first]) =>
      first!.length === 4 ? 1 : 3,
    );
    expect(steps).toBe(6);
    expect(loss).toBeCloseTo((4 * 1 + 2 * 3) / 6, 12);
  });

  test("how many words are unknown", () => {
    const field = {
      name: "w",
      role: "input",
      base: "token",
      rank: 1,
      feature: false,
      freeSize: null,
      vocabulary: "w",
      ragged: ["T"],
    } as const;
    const records = [{ values: { w: "a b <eos> c" }, file: "", line: 1 }];
    const known = new Map([["w", vocabulary(["<unk>", "<eos>", "a"])]]);
    expect(unknownMeasure(known, records, [field])).toMatchObject({ name: "unknown words", value: 0.5 });
    expect(unknownMeasure(new Map(), records, [field])).toBeNull();
  });

  test("a model that knows nothing guesses evenly: its perplexity is the size of its vocabulary", async () => {
    const text = "abcd".repeat(40);
    const cwd = folderWith({
      "lm.rnn":
        "input text : char[T]\ntext >> embed(2) >> elman(2) >> softmax(next(text))\ntrain { optimizer sgd(0.5)  batch 2  tbptt 8  regularize l2 1  epochs 60  validate 0.2 }\n",
      "t.txt": text,
    });
    const ran = await rnnc(["train", "lm.rnn", "--data", "t.txt"], { cwd });
    expect(ran.err).toMatch(/validation [\d.]+ {2}perplexity [\d.]+/u);
    const { out } = await rnnc(["eval", "lm", "--data", "t.txt", "--json"], { cwd });
    const result = JSON.parse(out) as Record<string, number>;
    expect(result["perplexity"]).toBeCloseTo(2 ** result["bits_per_character"]!, 9);
    expect(result["perplexity"]).toBeLessThan(6.5);
  });
});

test("what a training measures is what eval gives, and measuring changes nothing of the training", async () => {
  const data = Array.from(
    { length: 40 },
    (_, k) => `{"words":"${k % 3 ? "good" : "bad"} ${k % 7} film","label":"${k % 3 ? "pos" : "neg"}"}\n`,
  );
  const cwd = folderWith({
    "c.rnn":
      "input words : token[T]\ntarget label : token\nwords >> embed(4) >> dropout(0.5) >> gru(4) >> last >> softmax(label)\ntrain { batch 4  epochs 4 }\n",
    "train.jsonl": data.slice(0, 30).join(""),
    "dev.jsonl": data.slice(30).join(""),
  });
  const [checked, plain] = await Promise.all([
    rnnc(["train", "c.rnn", "--data", "train.jsonl", "--validate", "dev.jsonl", "-o", "a"], { cwd }),
    rnnc(["train", "c.rnn", "--data", "train.jsonl", "-o", "b"], { cwd }),
  ]);
  const losses = (text: string) => [...text.matchAll(/epoch \d {2}loss ([\d.]+)/gu)].map(([, loss]) => loss);
  expect(losses(checked.err)).toHaveLength(4);
  expect(losses(checked.err)).toEqual(losses(plain.err));
  const kept = /kept step \d+ with validation accuracy ([\d.]+) and loss ([\d.]+)/u.exec(checked.err)!;
  const { out } = await rnnc(["eval", "a", "--data", "dev.jsonl", "--json"], { cwd });
  const result = JSON.parse(out) as Record<string, number>;
  expect(result["accuracy"]!).toBeCloseTo(Number(kept[1]), 4);
  expect(result["loss"]!).toBeCloseTo(Number(kept[2]), 4);
});
