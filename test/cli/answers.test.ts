/** Models that make answers, on the command line: trained, measured by BLEU, run with one strategy or another. */
import { beforeAll, describe, expect, test } from "vitest";
import { bleu } from "../../src/cli/metrics/bleu.ts";
import { folderWith, rnnc } from "./cli.ts";

const words = (text: string): string[] => text.split(" ").filter((word) => word !== "");
const pair = (found: string, wanted: string) => {
  const all = [...new Set([...words(found), ...words(wanted)])];
  const ids = (text: string): number[] => words(text).map((word) => all.indexOf(word));
  return { found: ids(found), wanted: ids(wanted) };
};

describe("BLEU", () => {
  test("a case by hand", () => {
    // 1-grams 4 of 6 (of the three `the` one counts), 2-grams 3 of 5, 3-grams 2 of 4, 4-grams 1 of 3; no penalty.
    const some = pair("the cat sat on the the", "a cat sat on the mat");
    const one = pair("the cat sat on mat the", "the cat sat on a mat");
    expect(bleu([some])).toBeCloseTo(((4 / 6) * (3 / 5) * (2 / 4) * (1 / 3)) ** (1 / 4), 12);
    // Counted together: 1-grams 4 + 5 of 12, 2-grams 3 + 3 of 10, 3-grams 2 + 2 of 8, 4-grams 1 + 1 of 6.
    expect(bleu([some, one])).toBeCloseTo(((9 / 12) * (6 / 10) * (4 / 8) * (2 / 6)) ** (1 / 4), 12);
  });

  test("a short answer is penalised by exp(1 - r / c)", () => {
    expect(bleu([pair("a b c d", "a b c d e f")])).toBeCloseTo(Math.exp(1 - 6 / 4), 12);
    expect(bleu([pair("a b c d e f", "a b c d e f")])).toBe(1);
  });

  test("one n-gram counts as often as in the reference, and none right is 0", () => {
    expect(bleu([pair("the the the", "the cat")])).toBe(0);
    expect(bleu([pair("x y", "a b")])).toBe(0);
    expect(bleu([pair("", "a b")])).toBe(0);
    expect(bleu([])).toBeNull();
    // No answer is long enough for three words in a row.
    expect(bleu([pair("a b", "a b")])).toBe(1);
  });
});

const numbers = ["one", "two", "three", "four"];
const zahlen = ["eins", "zwei", "drei", "vier"];

const program = `
input source : token[S]
target reply : token[L]
let memory = source >> embed(12) >> gru(24)
prev(reply) >> embed(12) >> gru(24, init = memory) >> softmax(reply)
train { optimizer adam(1e-2)  clip norm 5  batch 8  epochs 150  schedule cosine }
decode { beam(3, length_penalty = 0.6, max = 2 * |S| + 2) }
`;

/** Numbers in English, and in German the other way round. */
const records = Array.from({ length: 84 }, (_, k) => {
  const digits =
    k < 4 ? [k] : k < 20 ? [k >> 2, k & 3].map((d) => d & 3) : [(k - 20) >> 4, ((k - 20) >> 2) & 3, k & 3];
  return {
    source: digits.map((d) => numbers[d]).join(" "),
    reply: [...digits]
      .reverse()
      .map((d) => zahlen[d])
      .join(" "),
  };
});
const lines = (some: readonly object[]): string => some.map((record) => JSON.stringify(record)).join("\n");

const cwd = folderWith({ "t.rnn": program, "t.jsonl": lines(records) });

beforeAll(async () => {
  const { code, err } = await rnnc(["train", "t.rnn", "--data", "t.jsonl", "--validate", "0"], { cwd });
  expect(code === 0 ? "" : err).toBe("");
}, 120_000);

describe("a translator", () => {
  test("answers in words", async () => {
    const { code, out } = await rnnc(["run", "t"], {
      cwd,
      input: lines([{ source: "one two three" }, { source: "four" }]),
    });
    expect(code).toBe(0);
    expect(out).toBe('{"reply":"drei zwei eins"}\n{"reply":"vier"}\n');
  });

  test.each([
    ["--greedy"],
    ["--beam 5 --length-penalty 0"],
    ["--temperature 0.05 --seed 3"],
    ["--exhaustive --max 3"],
  ])("%s", async (options) => {
    const ran = await rnnc(["run", "t", ...options.split(" ")], { cwd, input: '{"source":"two one"}\n' });
    expect(ran.err).toBe("");
    expect(ran.out).toBe('{"reply":"eins zwei"}\n');
  });

  test("--best gives all answers with their scores", async () => {
    const { out } = await rnnc(["run", "t", "--best"], { cwd, input: '{"source":"two one"}\n' });
    const { reply } = JSON.parse(out) as { reply: { answer: string; score: number }[] };
    expect(reply).toHaveLength(3);
    expect(reply[0]!.answer).toBe("eins zwei");
    expect(reply[0]!.score).toBeGreaterThan(reply[1]!.score);
    expect(reply[1]!.score).toBeGreaterThanOrEqual(reply[2]!.score);
  });

  test("eval counts BLEU, words in their places and whole answers", async () => {
    const { code, out } = await rnnc(["eval", "t", "--data", "t.jsonl", "--json"], { cwd });
    expect(code).toBe(0);
    const result = JSON.parse(out) as Record<string, number>;
    expect(result["examples"]).toBe(84);
    expect(result["exact"]).toBeGreaterThan(0.95);
    expect(result["bleu"]).toBeGreaterThan(0.95);
    expect(result["accuracy"]).toBeGreaterThan(0.95);
    expect(result["loss"]).toBeLessThan(0.1);
  });

  test("what does not fit is told", async () => {
    const chain = await rnnc(["run", "t", "--viterbi"], { cwd, input: '{"source":"two"}\n' });
    expect(chain.code).toBe(1);
    expect(chain.err).toContain("this one has the states `gru.h`");
    const both = await rnnc(["run", "t", "--greedy", "--beam", "2"], { cwd, input: '{"source":"two"}\n' });
    expect(both.code).toBe(2);
    expect(both.err).toContain("One strategy is used, not `--greedy` and `--beam`.");
    const sample = await rnnc(["sample", "t"], { cwd });
    expect(sample.code).toBe(1);
    expect(sample.err).toContain("`reply` comes from `predict`");
  });
});

describe("words that a translator does not know", () => {
  const attentive = program.replace(
    "init = memory)",
    "init = memory) >> attention(luong, general, over = memory)",
  );
  // It has learned no word at all.
  const unsaid = records.slice(0, 20).map(({ source }) => ({ source, reply: "<unk>" }));
  const folder = folderWith({
    "a.rnn": attentive,
    "a.jsonl": lines(unsaid),
    "names.txt": "bob|||Bobby\nzoe ||| Zoë\n",
    "wrong.txt": "bob|||Bobby\nzoe Zoë\n",
  });
  const input = lines([{ source: "zoe" }, { source: "eve" }]);
  const run = (...options: readonly string[]) => rnnc(["run", "a", ...options], { cwd: folder, input });

  beforeAll(async () => {
    const options = ["--data", "a.jsonl", "--validate", "0", "--epochs", "20"];
    const { code, err } = await rnnc(["train", "a.rnn", ...options], { cwd: folder });
    expect(code === 0 ? "" : err).toBe("");
  }, 60_000);

  test("are those of the source, or of a table", async () => {
    expect((await run()).out).toBe('{"reply":"<unk>"}\n{"reply":"<unk>"}\n');
    expect((await run("--replace-unk")).out).toBe('{"reply":"zoe"}\n{"reply":"eve"}\n');
    expect((await run("--phrase-table", "names.txt")).out).toBe('{"reply":"Zoë"}\n{"reply":"eve"}\n');
  });

  test("need an attention, and a table that can be read", async () => {
    const without = await rnnc(["run", "t", "--replace-unk"], { cwd, input: lines([{ source: "one" }]) });
    expect([without.code, without.out]).toEqual([2, ""]);
    expect(without.err).toContain("has no attention over the words of an input");
    const wrong = await run("--phrase-table", "wrong.txt");
    expect([wrong.code, wrong.out]).toEqual([1, ""]);
    expect(wrong.err).toContain("wrong.txt:2: The line is not written word|||translation.");
  });
});
