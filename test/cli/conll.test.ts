import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { conllReader } from "../../src/cli/data/conll.ts";
import type { Field } from "../../src/cli/data/field.ts";
import { learnFrom } from "../../src/cli/data/vocabularies.ts";
import { Failure } from "../../src/cli/failure.ts";
import { folderWith, isFault, rnnc } from "./cli.ts";

const field = (name: string, role: Field["role"], more: Partial<Field> = {}): Field => ({
  name,
  role,
  base: "token",
  rank: 1,
  feature: false,
  freeSize: null,
  vocabulary: name,
  ragged: ["T"],
  ...more,
});
const words = field("words", "input");
const tags = field("tags", "target");

const read = (
  text: string,
  fields: readonly Field[] = [words, tags],
  columns: readonly string[] | null = null,
  file = "d.conll",
) => conllReader.read(text, file, { fields, chunked: false, columns });

const values = (...args: Parameters<typeof read>) => read(...args).map((record) => record.values);

function failure(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    if (error instanceof Failure) return `${error.message} ${error.hint ?? ""}`.trim();
    throw error;
  }
  return "";
}

describe("sentences and columns", () => {
  test("an empty line ends a sentence; the first column is the input, the last the target", () => {
    const text = "John N B-PER\nruns V O\n\n\n  \nMary N B-PER\n";
    expect(read(text)).toEqual([
      { values: { words: ["John", "runs"], tags: ["B-PER", "O"] }, file: "d.conll", line: 1 },
      { values: { words: ["Mary"], tags: ["B-PER"] }, file: "d.conll", line: 6 },
    ]);
  });

  test("tabs separate columns where there are some; line ends of Windows", () => {
    expect(values("a\tO\r\nb\tB-X\r\n\r\nc\tO")).toEqual([
      { words: ["a", "b"], tags: ["O", "B-X"] },
      { words: ["c"], tags: ["O"] },
    ]);
    expect(values("a   O\n b \t B-X \n")).toEqual([{ words: ["a", "b"], tags: ["O", "B-X"] }]);
  });

  test("comments and -DOCSTART- are left out, a word that is # is not", () => {
    const text = "-DOCSTART- -X- O\n\n# sent_id = 1\n# more\na x O\n# x B-N\n";
    expect(values(text)).toEqual([{ words: ["a", "#"], tags: ["O", "B-N"] }]);
    expect(values("#\tO\nno.\tB-X\n")).toEqual([{ words: ["#", "no."], tags: ["O", "B-X"] }]);
  });

  test("two inputs, two targets, and a number for each word", () => {
    const fields = [
      words,
      field("weight", "input", { base: "f32", vocabulary: null }),
      field("pos", "target"),
      tags,
    ];
    expect(values("a 0.5 x N O\nb -1 x V B-X\n", fields)).toEqual([
      { words: ["a", "b"], weight: [0.5, -1], pos: ["N", "V"], tags: ["O", "B-X"] },
    ]);
  });

  test("columns by name: given, in a comment, of CoNLL-U", () => {
    expect(values("O x a\nB-X y b\n", undefined, ["tags", "_", "words"])).toEqual([
      { words: ["a", "b"], tags: ["O", "B-X"] },
    ]);
    expect(values("# global.columns = TAGS WORDS\nO a\n")).toEqual([{ words: ["a"], tags: ["O"] }]);
    const rows = [
      "# text = du bist",
      "1-2\tdubist\t_\t_\t_\t_\t_\t_\t_\t_",
      "1\tdu\tdu\tPRON\t_\t_\t2\tnsubj\t_\t_",
      "2\tbist\tsein\tAUX\t_\t_\t0\troot\t_\t_",
      "2.1\tda\tda\tADV\t_\t_\t_\t_\t_\t_",
    ];
    const universal = [field("form", "input"), field("upos", "target")];
    expect(values(rows.join("\n"), universal, null, "d.conllu")).toEqual([
      { form: ["du", "bist"], upos: ["PRON", "AUX"] },
    ]);
  });

  test("what belongs to a whole sentence stands in its comments", () => {
    const intent = field("intent", "target", { rank: 0, ragged: [] });
    expect(values("# intent = flight\na O\nb O\n", [words, tags, intent])).toEqual([
      { words: ["a", "b"], tags: ["O", "O"], intent: "flight" },
    ]);
    expect(failure(() => read("a O\n", [words, tags, intent]))).toContain(
      "d.conll:1: The sentence has no `intent`",
    );
  });
});

test.each([
  ["a row cut short", "a O\n\nb O\nc\n", "d.conll:4: The row has 1 column, but line 1 has 2 columns."],
  ["a row too long", "a O\nb c O\n", "d.conll:2: The row has 3 columns"],
  ["an empty column", "a\tO\nb\t\n", "d.conll:2: The row has no `tags`"],
  ["no word", "a\tO\n\tO\n", "d.conll:2: The row has no `words`"],
  ["one column for two", "a\nb\n", "d.conll:1: The row has one column, but the model wants `words`, `tags`."],
  ["a sentence a line", "BOS a b EOS\tO O O O\n", "more than one word"],
])("%s is told with its line", (_, text, message) => {
  expect(failure(() => read(text))).toContain(message);
});

test("what is wrong with the names of columns", () => {
  expect(failure(() => read("a O\n", undefined, ["words"]))).toContain("but 1 are named: `words`");
  expect(failure(() => read("a O\n", undefined, ["words", "tag"]))).toContain("Is `tag` meant?");
  const row = `1\ta${"\t_".repeat(8)}\n`;
  expect(failure(() => read(row, undefined, null, "d.conllu"))).toContain("`--columns`");
});

test("rare words are left out of the vocabulary, labels never", () => {
  const records = read("a O\nb O\na B-X\n\na O\nc O\n");
  const learn = (minimum: number) =>
    learnFrom({ train: records, all: records }, [words, tags], { dims: {}, minimum }).vocabularies;
  expect(learn(1)).toEqual({ words: ["<unk>", "<eos>", "a", "b", "c"], tags: ["B-X", "O"] });
  expect(learn(2)).toEqual({ words: ["<unk>", "<eos>", "a"], tags: ["B-X", "O"] });
});

const tagger = `input words : token[T]
target tags : token[T]
words >> embed(8) >> elman(12) >> softmax(tags)
train { optimizer adam(2e-2)  batch 4  epochs 12 }
`;
const sentences = ["Kim B-PER\nsleeps O\n", "Bo B-PER\nLi I-PER\nruns O\n", "it O\nruns O\n"];
const repeated = (count: number): string =>
  Array.from({ length: count }, (_, k) => sentences[k % 3]!).join("\n");

describe("as a command", () => {
  const cwd = folderWith({
    "t.rnn": tagger,
    "train.iob": repeated(30),
    "dev.iob.gz": gzipSync(repeated(6)),
    "bare.tsv": "x\tKim runs\tB-PER O\nx\tit sleeps\tO O\n",
  });

  test("train with other data for validation, and eval", async () => {
    const ran = await rnnc(["train", "t.rnn", "--data", "train.iob", "--validate", "dev.iob.gz", "-o", "t"], {
      cwd,
    });
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.err).toContain("30 examples");
    expect(ran.err).toMatch(/validation [\d.]+ {2}F1 1 \(best\)/u);
    expect(ran.err).toMatch(/kept step \d+ with validation F1 1 /u);
    const eval1 = await rnnc(["eval", "t", "--data", "dev.iob.gz", "--json"], { cwd });
    expect(JSON.parse(eval1.out)).toMatchObject({ f1: 1, types: { PER: { wanted: 4, found: 4, f1: 1 } } });
    const shown = await rnnc(["eval", "t", "--data", "train.iob"], { cwd });
    expect(shown.out).toMatch(/F1 of spans +1\n/u);
    expect(shown.out).toMatch(/PER +1\.0000 +1\.0000 +1\.0000 +20 +20/u);
    const bare = await rnnc(["eval", "t", "--data", "bare.tsv", "--columns", "_,words,tags", "--json"], {
      cwd,
    });
    expect(JSON.parse(bare.out)).toMatchObject({ examples: 2, unknown: 0 });
  });

  test("labels that the model does not know are errors, and are named", async () => {
    await rnnc(["train", "t.rnn", "--data", "train.iob", "-o", "u"], { cwd });
    const folder = folderWith({ "u.iob": `${repeated(3)}\nParis B-LOC\nruns O\n` });
    const ran = await rnnc(["eval", "u", "--data", join(folder, "u.iob"), "--json"], { cwd });
    expect(ran.code).toBe(0);
    expect(ran.err).toMatch(/1 label of these data is none of the model's: `B-LOC` \(.*u\.iob:11\)/u);
    const known = await rnnc(["eval", "u", "--data", "train.iob", "--json"], { cwd });
    const [with1, without] = [ran, known].map(({ out }) => JSON.parse(out) as Record<string, number>);
    expect(with1).toMatchObject({ examples: 4, types: { LOC: { wanted: 1, right: 0 } } });
    expect(with1!["recall"]).toBeLessThanOrEqual(2 / 3);
    expect(with1!["loss"]).toBeCloseTo(without!["loss"]!, 4);
  });

  test.each([
    ["latin-1", Uint8Array.of(0x61, 0xff, 0x20, 0x4f, 0x0a), "not UTF-8: byte 1"],
    ["comments alone", "# nothing\n\n", "holds no data"],
    ["a ragged row", "a O\nb\n", "d.iob:2: The row has 1 column"],
  ])("%s", async (_, content, message) => {
    const folder = folderWith({ "t.rnn": tagger, "d.iob": content });
    const ran = await rnnc(["train", "t.rnn", "--data", "d.iob"], { cwd: folder });
    expect(ran.code).toBe(1);
    expect(ran.err).toContain(message);
    expect(isFault(ran)).toBe(false);
  });

  test("--columns of what has none, and names given twice", async () => {
    const folder = folderWith({ "t.rnn": tagger, "d.jsonl": '{"words":"a","tags":"O"}\n' });
    for (const names of ["words,tags", "words,words", "words,,tags"]) {
      const ran = await rnnc(["train", "t.rnn", "--data", "d.jsonl", "--columns", names], { cwd: folder });
      expect(ran.code).toBe(2);
      expect(isFault(ran)).toBe(false);
    }
  });

  test("a row of a table without words", async () => {
    const folder = folderWith({ "t.rnn": tagger, "d.tsv": "words\ttags\na\tO\n\tO\n" });
    const ran = await rnnc(["train", "t.rnn", "--data", "d.tsv"], { cwd: folder });
    expect(ran.code).toBe(1);
    expect(ran.err).toContain("d.tsv:3: The column `words` is empty");
  });
});

const shared = fileURLToPath(new URL("../../../shared/data", import.meta.url));
const atis = join(shared, "atis/slotgated.test.tsv.gz");
const treebank = join(shared, "ud-ewt");

describe.skipIf(!existsSync(atis))("ATIS", () => {
  test("columns made of its sentences are read as its sentences", () => {
    const lines = gunzipSync(readFileSync(atis)).toString().trimEnd().split("\n");
    const wanted = lines.map((line) => {
      const [, sentence, slots] = line.split("\t") as [string, string, string];
      return { words: sentence.trim().split(/ +/u), tags: slots.trim().split(/ +/u) };
    });
    const text = wanted
      .map(({ words, tags }) => words.map((word, k) => `${word} ${tags[k]}\n`).join(""))
      .join("\n");
    expect(values(text)).toEqual(wanted);
    expect(wanted).toHaveLength(893);
  });
});

const universal = join(treebank, "en_ewt-ud-dev.conllu.gz");
test.skipIf(!existsSync(universal))("a treebank in CoNLL-U", () => {
  const text = gunzipSync(readFileSync(universal)).toString();
  const records = read(text, [field("form", "input"), field("upos", "target")], null, universal);
  expect(records).toHaveLength(2001);
});
