/** What someone new to it trips over: each is said in words, with a way out. */
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { classifier, folderWith, isFault, reviews, rnnc, type RunOptions } from "./cli.ts";

const numbers = `input x : f32[T, 2]
target y : f32
x >> gru(4) >> last >> regress(y)
train { optimizer adam(1e-2)  batch 4  epochs 2 }
`;
const points = `${Array.from({ length: 8 }, (_, k) => JSON.stringify({ x: [[k, 1]], y: k / 8 })).join("\n")}\n`;

const cwd = folderWith({
  "c.rnn": classifier,
  "r.jsonl": reviews,
  "n.rnn": numbers,
  "n.jsonl": points,
  points: "a\nb\n",
});

async function said(args: readonly string[], code: number, options: RunOptions = { cwd }): Promise<string> {
  const ran = await rnnc(args, options);
  expect(ran.code, ran.err).toBe(code);
  expect(isFault(ran)).toBe(false);
  return ran.err;
}

beforeAll(async () => {
  await said(["train", "c.rnn", "--data", "r.jsonl"], 0);
  await said(["train", "n.rnn", "--data", "n.jsonl"], 0);
}, 120_000);

describe("run", () => {
  test("words that the model does not know are counted, once", async () => {
    const input = '{"words":"good film quux"}\n{"words":"quux quux bar 1"}\n';
    const err = await said(["run", "c"], 0, { cwd, input });
    expect(err).toBe(
      'note: 4 of 7 words are not in the model\'s vocabulary and read as <unk>: "quux", "bar"\n',
    );
    expect(await said(["run", "c"], 0, { cwd, input: '{"words":"good film"}\n' })).toBe("");
  });

  test("probabilities of what has no labels are refused", async () => {
    const err = await said(["run", "n", "--probabilities"], 2, { cwd, input: '{"x":[[1,2]]}\n' });
    expect(err).toContain(
      "`n` gives no labels, and so no probabilities of them: `y` is shown in full anyway.",
    );
  });

  test("null is null, not missing", async () => {
    const err = await said(["run", "n"], 1, { cwd, input: '{"x":null}\n' });
    expect(err).toContain("<stdin>:1: `x`, the model's input, is null.");
  });

  test("of a training that was interrupted", async () => {
    const folder = join(cwd, "half");
    mkdirSync(folder);
    cpSync(join(cwd, "c", "checkpoints"), join(folder, "checkpoints"), { recursive: true });
    for (const args of [["run"], ["eval", "--data", "r.jsonl"]]) {
      const err = await said([args[0]!, "half", ...args.slice(1)], 1, { cwd, input: "" });
      expect(err).toContain("holds a training that has not ended");
      expect(err).toContain("-o half --resume");
    }
  });
});

test("resuming with another program lists what differs, a line each", async () => {
  const other = folderWith({
    "n.rnn": numbers.replace("gru(4)", "gru(5, simple)"),
    "n.jsonl": points,
    points: "a\nb\n",
  });
  cpSync(join(cwd, "n"), join(other, "n"), { recursive: true });
  const err = await said(["train", "n.rnn", "--data", "n.jsonl", "--resume"], 1, { cwd: other });
  expect(err).toContain("\n  missing: `gru.g.b`\n");
  expect(err).toContain("\n  `gru.z.Wx` is [4, 2], the model's is [5, 2]\n");
  expect(err).not.toContain("optimizer:");
  expect(Math.max(...err.split("\n").map((line) => line.length))).toBeLessThan(160);
});

describe("a table with one step a row", () => {
  const tagger = `input x : token[T]
target y : token[T]
x >> embed(4) >> gru(4) >> softmax(y)
`;

  test("is told what its rows became, and how sequences are given", async () => {
    const folder = folderWith({ "t.rnn": tagger, "t.csv": "x,y\na,b\nb,a\nb,b\n" });
    const err = await said(["train", "t.rnn", "--data", "t.csv", "--epochs", "1"], 0, { cwd: folder });
    expect(err).toContain(
      "note: each of the 3 records has one step of `x` and `y`: a row of a table is one example",
    );
    expect(err).toContain("`.conll`");
  });

  test("but not one with sequences", async () => {
    const folder = folderWith({ "t.rnn": tagger, "t.csv": "x,y\na b,b a\nb,a\n" });
    const err = await said(["train", "t.rnn", "--data", "t.csv", "--epochs", "1"], 0, { cwd: folder });
    expect(err).not.toContain("note:");
  });
});

describe("a size that nothing leaves open", () => {
  test.each([
    [["check", "c.rnn", "--dim", "word=3"], "Is `words` meant?"],
    [["check", "n.rnn", "--dim", "d=3"], "Every size is written in the program."],
    [["build", "c.rnn", "--dim", "q=3", "-o", "b"], "is `words`, `label`."],
    [["build", "n.rnn", "--vocab", "label=points", "-o", "b"], "`--vocab label=…`"],
    [["graph", "c.rnn", "--dim", "labels=3", "-o", "-"], "Is `label` meant?"],
    [["train", "n.rnn", "--data", "n.jsonl", "--dim", "d=3", "--force"], "`--dim d=…`"],
  ])("%j", async (args, message) => {
    expect(await said(args, 2)).toContain(message);
  });

  test("of several programs one may have it", async () => {
    const folder = folderWith({ "a.rnn": "input x : f32[T, d]\nx >> gru(2)\n", "n.rnn": numbers });
    await said(["check", "a.rnn", "n.rnn", "--dim", "d=4"], 0, { cwd: folder });
  });
});

describe("parameters that no batch is small enough for", () => {
  const large = (units: string) => numbers.replace("gru(4)", `lstm(${units})`);

  test("are named, by check and by train", async () => {
    const folder = folderWith({ "n.rnn": large("1e9"), "n.jsonl": points });
    for (const args of [
      ["check", "n.rnn"],
      ["train", "n.rnn", "--data", "n.jsonl"],
    ]) {
      const err = await said(args, 1, { cwd: folder });
      expect(err).toContain("The parameters take 16,000,000,052 GB, and a module has 2.1 GB of memory.");
      expect(err).toContain("`lstm.i.Wh` alone is 1000000000 × 1000000000");
    }
    expect(existsSync(join(folder, "n"))).toBe(false);
  });

  test("or their gradients and moments, by train", async () => {
    const folder = folderWith({ "n.rnn": large("8000"), "n.jsonl": points });
    await said(["check", "n.rnn"], 0, { cwd: folder });
    const err = await said(["train", "n.rnn", "--data", "n.jsonl"], 1, { cwd: folder });
    expect(err).toMatch(
      /Training `n` takes 6\.1 GB even with a batch of 1 and sequences of one step, and a module has 2\.1 GB: its parameters are 1\.0 GB/u,
    );
    expect(err).not.toContain("smaller batch");
  });
});

test("a text that is no program: the first errors, and how many more", async () => {
  const text = "The lord is my shepherd; I shall not want. He maketh me!\n".repeat(40);
  const folder = folderWith({ "psalm.txt": text });
  const err = await said(["check", "psalm.txt"], 1, { cwd: folder });
  expect(err.match(/^error\[/gmu)).toHaveLength(20);
  expect(err).toMatch(/… and \d+ more\n/u);
});

test("nothing, and definitions alone", async () => {
  const folder = folderWith({ "empty.rnn": "", "cells.rnn": "fn twice(x) { return 2 * x }\n" });
  expect(await said(["check", "empty.rnn"], 1, { cwd: folder })).toContain("computes nothing");
  await said(["check", "cells.rnn"], 0, { cwd: folder });
  const err = await said(["build", "cells.rnn"], 1, { cwd: folder });
  expect(err).toContain("`cells.rnn` defines things and computes nothing");
});

test.runIf(existsSync("/proc/self"))(
  "a folder that the system denies ends the command, and does not hang it",
  async () => {
    expect(await said(["init", "/proc/x"], 1)).toContain("does not exist");
    expect(await said(["init", "c.rnn/x"], 1)).toContain("`c.rnn` exists already, and is not a folder");
  },
);

test("vectors in a table: how they are written", async () => {
  const folder = folderWith({ "n.rnn": numbers, "n.csv": "x,y\n1 2,2\n3,4\n" });
  const err = await said(["train", "n.rnn", "--data", "n.csv"], 1, { cwd: folder });
  expect(err).toContain("n.csv:2: The column `x` has 2 axes");
  expect(err).toContain("`[[1, 2], [3, 4]]`");
});
