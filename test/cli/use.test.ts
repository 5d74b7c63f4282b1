import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { shortFloat } from "../../src/cli/json-result.ts";
import { classifier, folderWith, isFault, language, reviews, rnnc, verse } from "./cli.ts";

const cwd = folderWith({ "lm.rnn": language, "verse.txt": verse, "c.rnn": classifier, "r.jsonl": reviews });

beforeAll(async () => {
  const runs = await Promise.all([
    rnnc(["train", "lm.rnn", "--data", "verse.txt", "--epochs", "20"], { cwd }),
    rnnc(["train", "c.rnn", "--data", "r.jsonl"], { cwd }),
  ]);
  expect(runs.map(({ err, code }) => (code === 0 ? "" : err))).toEqual(["", ""]);
}, 120_000);

describe("eval", () => {
  test("perplexity and bits of a language model", async () => {
    const { code, out } = await rnnc(["eval", "lm", "--data", "verse.txt", "--json"], { cwd });
    expect(code).toBe(0);
    const result = JSON.parse(out) as Record<string, number>;
    expect(result["perplexity"]).toBeCloseTo(Math.exp(result["loss"]!), 9);
    expect(result["bits_per_character"]).toBeCloseTo(result["loss"]! / Math.LN2, 9);
    expect(result["steps"]).toBe(verse.length - 1);
    expect(result["loss"]).toBeLessThan(3);
  });

  test("accuracy of a classifier", async () => {
    const { out } = await rnnc(["eval", "c", "--data", "r.jsonl"], { cwd });
    expect(out).toMatch(/examples\s+24/u);
    expect(out).toMatch(/accuracy\s+1/u);
  });

  test("what is no package, and unknown labels", async () => {
    const folder = folderWith({ "a.txt": "x", "u.jsonl": '{"words":"good","label":"meh"}\n' });
    const none = await rnnc(["eval", folder, "--data", "verse.txt"], { cwd });
    expect(none.code).toBe(1);
    expect(none.err).toContain("holds no package");
    const label = await rnnc(["eval", "c", "--data", join(folder, "u.jsonl")], { cwd });
    expect(label.code).toBe(1);
    expect(label.err).toContain('u.jsonl:1: `label` is "meh"');
    expect(isFault(label)).toBe(false);
  });

  test("the weights of a checkpoint can be measured, those of another model not", async () => {
    const last = await rnnc(
      ["eval", "lm", "--data", "verse.txt", "--weights", "lm/checkpoints/last.safetensors"],
      { cwd },
    );
    expect(last.code).toBe(0);
    const other = await rnnc(["eval", "lm", "--data", "verse.txt", "--weights", "c/c.safetensors"], { cwd });
    expect(other.code).toBe(1);
    expect(isFault(other)).toBe(false);
  });
});

describe("run", () => {
  test("a record in, a record out", async () => {
    const { code, out } = await rnnc(["run", "c"], {
      cwd,
      input: '{"words":"good film 1"}\n\n{"words":"a bad film 2"}\n',
    });
    expect(code).toBe(0);
    expect(out).toBe('{"label":"pos"}\n{"label":"neg"}\n');
  });

  test("--probabilities", async () => {
    const { out } = await rnnc(["run", "c", "--probabilities"], { cwd, input: '{"words":"good film 1"}\n' });
    const { label } = JSON.parse(out) as { label: number[] };
    expect(label).toHaveLength(2);
    expect(label[0]! + label[1]!).toBeCloseTo(1, 5);
  });

  test("the first wrong line ends it, with its number", async () => {
    const ran = await rnnc(["run", "c"], { cwd, input: '{"words":"good"}\n{"word":"good"}\n' });
    expect(ran.code).toBe(1);
    expect(ran.out.split("\n")).toHaveLength(2);
    expect(ran.err).toContain("<stdin>:2: The record has no `words`");
  });

  test("floats are as short as they can be", () => {
    expect(shortFloat(Math.fround(0.1))).toBe(0.1);
    expect(Math.fround(shortFloat(Math.fround(1 / 3)))).toBe(Math.fround(1 / 3));
  });
});

describe("sample", () => {
  test("goes on from a prompt, the same for a seed", async () => {
    const args = ["sample", "lm", "--prompt", "the ", "--length", "30", "--seed", "3"];
    const first = await rnnc(args, { cwd });
    expect(first.code).toBe(0);
    expect(first.out.startsWith("the ")).toBe(true);
    expect([...first.out.trimEnd()].length).toBeLessThanOrEqual(34);
    expect((await rnnc(args, { cwd })).out).toBe(first.out);
    const greedy = await rnnc([...args, "--temperature", "0"], { cwd });
    expect(greedy.code).toBe(0);
    expect((await rnnc([...args, "--top-k", "1"], { cwd })).out).toBe(greedy.out);
  });

  test("unknown characters, and models that cannot generate", async () => {
    const prompt = await rnnc(["sample", "lm", "--prompt", "€"], { cwd });
    expect(prompt.code).toBe(1);
    expect(prompt.err).toContain('"€"');
    const model = await rnnc(["sample", "c"], { cwd });
    expect(model.code).toBe(1);
    expect(isFault(model)).toBe(false);
  });
});

test("build puts trained weights into another package", async () => {
  const vocabulary = JSON.stringify(
    (JSON.parse(readFileSync(join(cwd, "lm/lm.json"), "utf8")) as { vocabularies: { text: string[] } })
      .vocabularies.text,
  );
  const other = folderWith({ "lm.rnn": language, "v.json": vocabulary });
  const ran = await rnnc(
    [
      "build",
      "lm.rnn",
      "-o",
      "out",
      "--vocab",
      "text=v.json",
      "--weights",
      join(cwd, "lm/checkpoints/best.safetensors"),
    ],
    { cwd: other },
  );
  expect(ran).toMatchObject({ code: 0 });
  expect(
    readFileSync(join(other, "out/lm.safetensors")).equals(readFileSync(join(cwd, "lm/lm.safetensors"))),
  ).toBe(true);
});

test("the package runs by itself", () => {
  const script = `import { load } from "./lm/lm.js"; const model = await load(); console.log([...model.generate({ prompt: "the", length: 5 })].length)`;
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
    cwd,
    encoding: "utf8",
  });
  expect(Number(out)).toBeLessThanOrEqual(5);
});
