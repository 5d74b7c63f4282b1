import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { splitRecords, splitText, batchesOf } from "../../src/cli/data/order.ts";
import { badByte } from "../../src/cli/text.ts";
import { classifier, folderWith, isFault, language, reviews, rnnc, verse } from "./cli.ts";

const train = (cwd: string, program: string, ...args: readonly string[]) =>
  rnnc(["train", program, ...args, "--epochs", "1", "-o", "out"], { cwd });

const regressor = `input x : f32[T, d]
target y : f32[2]
x >> gru(4) >> last >> regress(y)
train { batch 2 }
`;

test("JSON Lines, CSV and TSV with the same content give the same weights", async () => {
  const rows = reviews
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { words: string; label: string });
  const columns = (delimiter: string) =>
    `label${delimiter}words\n${rows.map(({ words, label }) => `${label}${delimiter}${words}`).join("\n")}\n`;
  const cwd = folderWith({
    "c.rnn": classifier,
    "r.jsonl": reviews,
    "r.csv": columns(","),
    "r.tsv": columns("\t"),
  });
  const outputs = await Promise.all(
    ["r.jsonl", "r.csv", "r.tsv"].map((file) =>
      rnnc(["train", "c.rnn", "--data", file, "--epochs", "2", "-o", `out-${file}`], { cwd }),
    ),
  );
  expect(outputs.map(({ code }) => code)).toEqual([0, 0, 0]);
  const losses = outputs.map(({ err }) => /epoch 2 {2}loss ([\d.]+)/u.exec(err)![1]);
  expect(new Set(losses).size).toBe(1);
});

test("compressed files, folders and standard input", async () => {
  const cwd = folderWith({
    "lm.rnn": language,
    "texts/a.txt": verse,
    "texts/b.txt.gz": gzipSync(verse),
    "texts/notes.pdf": "no",
  });
  expect((await train(cwd, "lm.rnn", "--data", "texts")).code).toBe(0);
  const piped = await rnnc(
    ["train", "lm.rnn", "--data", "-", "--format", "text", "--epochs", "1", "-o", "piped"],
    { cwd, input: verse },
  );
  expect(piped.code).toBe(0);
  const untold = await rnnc(["train", "lm.rnn", "--data", "-"], { cwd, input: verse });
  expect(untold.code).toBe(2);
  expect(untold.err).toContain("--format");
});

test("words of a plain text, line by line", async () => {
  const cwd = folderWith({
    "lm.rnn": "input text : token[T]\ntext >> embed(4) >> gru(6) >> softmax(next(text))\ntrain { batch 4 }\n",
    "v.txt": verse,
  });
  expect((await train(cwd, "lm.rnn", "--data", "v.txt")).code).toBe(0);
});

test("vectors: the data tell their width", async () => {
  const lines = [
    {
      x: [
        [1, 2, 3],
        [4, 5, 6],
      ],
      y: [0, 1],
    },
    { x: [[1, 2, 3]], y: [1, 0] },
  ];
  const cwd = folderWith({
    "a.rnn": regressor,
    "d.jsonl": `${lines.map((line) => JSON.stringify(line)).join("\n")}\n`,
  });
  expect((await train(cwd, "a.rnn", "--data", "d.jsonl")).code).toBe(0);
});

test("a file without declarations: `x`, `y`, and sizes from the data", async () => {
  const lines = Array.from({ length: 6 }, (_, k) =>
    JSON.stringify({
      x: [
        [k, 1],
        [k, 2],
      ],
      y: k % 3,
    }),
  );
  const cwd = folderWith({ "a.rnn": "lstm(4) >> last >> softmax\n", "d.jsonl": `${lines.join("\n")}\n` });
  expect((await train(cwd, "a.rnn", "--data", "d.jsonl")).code).toBe(0);
});

const utf8 = (text: string) => new TextEncoder().encode(text);

test.each([
  ["an empty file", "d.jsonl", "", "is empty"],
  ["a file of blank lines", "d.jsonl", "\n\n", "holds no data"],
  ["no file", null, "", "does not exist"],
  ["latin-1", "d.jsonl", Uint8Array.of(...utf8('{"words":"'), 0xe4, 0x22), "not UTF-8: byte 10 is 0xe4"],
  [
    "a cut character",
    "d.jsonl",
    Uint8Array.of(...utf8('{"words":"'), 0xc3),
    "ends within a character, at byte 11",
  ],
  ["no JSON", "d.jsonl", "words\n", "d.jsonl:1: This is not JSON"],
  [
    "a cut record",
    "d.jsonl",
    '{"words":"a","label":"b"}\n{"words":"a"',
    "d.jsonl:2: The last line is no complete JSON",
  ],
  ["a list", "d.jsonl", "[1]\n", "A record is an object"],
  ["a missing key", "d.jsonl", '{"word":"a","label":"b"}\n', "no `words`, the model's input"],
  ["a missing column", "d.csv", "word,label\na,b\n", "no column `words`"],
  ["rows of different lengths", "d.csv", "words,label\na,b\na\n", "d.csv"],
  ["an open quote", "d.csv", 'words,label\n"a,b\n', "d.csv"],
  ["a wrong shape", "d.jsonl", '{"words":[["a"]],"label":"b"}\n', "d.jsonl:1: `words`"],
  ["half an archive", "d.jsonl.gz", gzipSync(reviews).subarray(0, 60), "not complete or not intact"],
  ["plain text", "d.txt", "words\n", "not one sequence"],
  ["an unknown ending", "d.doc", "words\n", "--format"],
])("%s", async (_, name, content, message) => {
  const cwd = folderWith({ "c.rnn": classifier, ...(name === null ? {} : { [name]: content }) });
  const ran = await train(cwd, "c.rnn", "--data", name ?? "none.jsonl");
  expect(ran.err).toContain(message);
  expect(ran.code).toBe(name === "d.doc" ? 2 : 1);
  expect(isFault(ran)).toBe(false);
});

test.each([
  ["a vector of another width", '{"x":[[1,2],[3]],"y":[1,2]}', "d.jsonl:1"],
  ["a text for numbers", '{"x":"abc","y":[1,2]}', "d.jsonl:1"],
  ["a target too short", '{"x":[[1,2]],"y":[1]}', "d.jsonl:1: `y`"],
])("%s is told with its line", async (_, line, message) => {
  const cwd = folderWith({ "a.rnn": regressor, "d.jsonl": `${line}\n` });
  const ran = await rnnc(["train", "a.rnn", "--data", "d.jsonl", "--dim", "d=2"], { cwd });
  expect(ran.code).toBe(1);
  expect(ran.err).toContain(message);
  expect(isFault(ran)).toBe(false);
});

test("a text too short for the streams side by side", async () => {
  const cwd = folderWith({ "lm.rnn": language, "t.txt": "ab" });
  const ran = await rnnc(["train", "lm.rnn", "--data", "t.txt", "--validate", "0"], { cwd });
  expect(ran.code).toBe(1);
  expect(ran.err).toContain("too few");
  expect(isFault(ran)).toBe(false);
});

test("the first bad byte", () => {
  expect(badByte(utf8("aé€😀"))).toBe(10);
  expect(badByte(Uint8Array.of(0x61, 0xc0, 0x80))).toBe(1);
  expect(badByte(Uint8Array.of(0x61, 0xed, 0xa0, 0x80))).toBe(1);
  expect(badByte(Uint8Array.of(0xf0, 0x9f, 0x98))).toBe(3);
});

test("splits and orders depend on the seed alone, and hold everything once", () => {
  const records = Array.from({ length: 50 }, (_, k) => k);
  const { train, validation } = splitRecords(records, 0.2, 3);
  expect(validation).toHaveLength(10);
  expect([...train, ...validation].sort((a, b) => a - b)).toEqual(records);
  expect(splitRecords(records, 0.2, 3)).toEqual({ train, validation });
  expect(splitRecords(records, 0.2, 4).validation).not.toEqual(validation);
  const lengths = records.map((k) => (k * 7) % 11);
  const batches = batchesOf(lengths, 8, 1, 0);
  expect(batches).toHaveLength(7);
  expect(batches.flat().sort((a, b) => a - b)).toEqual(records);
  expect(batchesOf(lengths, 8, 1, 1)).not.toEqual(batches);
});

test("a text is cut at a word, never within a character", () => {
  const [a, b] = splitText("one two three four five", 0.5);
  expect([a, b]).toEqual(["one two three ", "four five"]);
  expect(splitText("abcdefgh\n", 0.5)).toEqual(["abcd", "efgh\n"]);
  const faces = "😀".repeat(5);
  expect(splitText(faces, 0.5).join("")).toBe(faces);
  expect(splitText(faces, 0.5)[0]).toBe("😀😀😀");
});
