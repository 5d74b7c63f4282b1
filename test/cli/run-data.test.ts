/** `rnnc run` reads every kind of data that `train` and `eval` read, without targets. */
import { gzipSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { classifier, folderWith, isFault, reviews, rnnc } from "./cli.ts";

const lines = '{"words":"good film 1"}\n{"words":"a bad film 2"}\n{"words":"good film 3"}\n';
const bent = "good film 1\na bad film 2\ngood film 3\n";
const conll = bent.replaceAll("\n", "\n\n").replaceAll(" ", "\n");

const cwd = folderWith({
  "c.rnn": classifier,
  "r.jsonl": reviews,
  "plain.jsonl": lines,
  "packed.jsonl.gz": gzipSync(lines),
  "table.csv": `id,words\n${bent.replace(/^/gmu, "7,").replace(/7,$/u, "")}`,
  "packed.csv.gz": gzipSync(`words\n${bent}`),
  "table.tsv": `words\n${bent}`,
  "columns.csv": bent.replace(/^(?=.)/gmu, "7,"),
  "words.conll": conll,
  "text.txt": bent,
  "folder/a.txt": "good film 1\na bad film 2\n",
  "folder/b.jsonl": '{"words":"good film 3"}\n',
  notold: lines,
  "film.docx": "?",
});

beforeAll(async () => {
  expect(await rnnc(["train", "c.rnn", "--data", "r.jsonl"], { cwd })).toMatchObject({ code: 0 });
}, 120_000);

test.each([
  [["plain.jsonl"]],
  [["packed.jsonl.gz"]],
  [["table.csv"]],
  [["packed.csv.gz"]],
  [["table.tsv"]],
  [["columns.csv", "--columns", "_,words"]],
  [["words.conll"]],
  [["text.txt"]],
  [["folder"]],
  [["notold"]],
  [["notold", "--format", "jsonl"]],
])("%j", async (args) => {
  const ran = await rnnc(["run", "c", "--data", ...args], { cwd });
  expect(ran).toEqual({ code: 0, err: "", out: '{"label":"pos"}\n{"label":"neg"}\n{"label":"pos"}\n' });
});

test("standard input of another kind", async () => {
  const ran = await rnnc(["run", "c", "--format", "text"], { cwd, input: gzipSync(bent) });
  expect(ran).toMatchObject({ code: 0, out: '{"label":"pos"}\n{"label":"neg"}\n{"label":"pos"}\n' });
});

test("standard input that is no JSON: how to say what it is", async () => {
  const ran = await rnnc(["run", "c"], { cwd, input: bent });
  expect([ran.code, ran.out]).toEqual([1, ""]);
  expect(ran.err).toContain("<stdin>:1: The line is no JSON record");
  expect(ran.err).toContain("`--format` says what else it is: text, csv, tsv, conll, idx.");
});

test.each([
  [["film.docx"], 2, "What `film.docx` holds is not told by its name."],
  [["plain.jsonl", "--columns", "words"], 2, "`--columns` names columns, and `plain.jsonl` has none."],
  [["nothere.csv"], 1, "`nothere.csv` does not exist."],
  [["text.txt", "--format", "csv"], 1, "has no column `words`, the model's input"],
  [["-"], 1, "`<stdin>` is compressed."],
])("%j is refused", async (args, code, message) => {
  const ran = await rnnc(["run", "c", "--data", ...args], { cwd, input: gzipSync(lines) });
  expect(ran.code).toBe(code);
  expect(ran.err).toContain(message);
  expect(ran.out).toBe("");
  expect(isFault(ran)).toBe(false);
});
