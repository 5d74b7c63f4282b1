import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { builtins } from "../../src/cli/explain-builtins.ts";
import { words } from "../../src/cli/explain-words.ts";
import { check } from "../../src/compile/check.ts";
import { cellOptionNames } from "../../src/elaborate/cell-options.ts";
import { strategyOptions } from "../../src/elaborate/decode-settings.ts";
import { builtinFunctions } from "../../src/elaborate/builtins.ts";
import { builtinStages, modifiers } from "../../src/elaborate/layers.ts";
import { decoders, trainSettings } from "../../src/parser/settings.ts";
import { allTokens, keywordNames } from "../../src/parser/tokens.ts";
import { standardLibrary } from "../../src/std/library.ts";
import { folderWith, isFault, language, rnnc } from "./cli.ts";

test("explain shows a layer with its equations", async () => {
  const { code, out } = await rnnc(["explain", "lstm"]);
  expect(code).toBe(0);
  expect(out).toContain("Hochreiter");
  expect(out).toContain("peephole  a flag");
  expect(out).toContain("h = ");
});

test("explain shows an error with its mend, as it is printed too", async () => {
  const { out } = await rnnc(["explain", "unknown-name"]);
  expect(out).toContain("# wrong");
  expect(out).toContain("words >> embed(8)");
  expect((await rnnc(["explain", "error[unknown-name]"])).out).toBe(out);
});

test("explain knows the nearest word, and lists all", async () => {
  const ran = await rnnc(["explain", "lstmm"]);
  expect(ran.code).toBe(1);
  expect(ran.err).toContain("Did you mean `lstm`?");
  const all = await rnnc(["explain"]);
  for (const word of ["lstm", "bidir", "unknown-name"]) expect(all.out).toContain(word);
});

describe("every word of the language is explained", () => {
  const defined = standardLibrary().flatMap(({ program }) =>
    program.statements.flatMap((statement) => ("inputs" in statement ? [statement.name.name] : [])),
  );
  const known = new Set([...Object.keys(words), ...Object.keys(builtins), ...defined]);
  const settings = [...trainSettings].flatMap(([key, values]) => [
    key,
    ...values.flatMap((value) => (value.kind === "number" ? [] : value.words)),
  ]);
  const operators = allTokens.map(({ name }) => name).filter((name) => /^(?:and|or|not)$/u.test(name));

  test.each([
    ["keywords", [...keywordNames, ...operators, "t", "training"]],
    ["settings", [...settings, ...decoders]],
    [
      "functions, stages, modifiers",
      [builtinFunctions, builtinStages, modifiers].flatMap((t) => Object.keys(t)),
    ],
    ["options of recurrent stages", cellOptionNames],
    ["initialisers", "glorot he orthogonal identity zeros ones normal uniform".split(" ")],
    ["types", ["f32", "token", "char", "trigrams"]],
    [
      "arguments of strategies",
      Object.values(strategyOptions)
        .flat()
        .filter((name) => name !== "n"),
    ],
    ["of output layers and attention", ["over", "copy", "risk", "sampled", "eos", "unk"]],
  ])("%s", (_, list) => {
    expect(list.filter((word) => !known.has(word))).toEqual([]);
  });

  test.each(Object.entries(words))("the program of `%s` compiles, and has the word", (name, { example }) => {
    const cells = { file: "cells.rnn", source: "fn twice(x) { return 2 * x }" };
    const { diagnostics } = check(example, "example.rnn", { assume: true, imports: () => cells });
    expect(diagnostics).toEqual([]);
    expect(example).toMatch(new RegExp(`(?<!\\p{L})${name}(?!\\p{L})`, "u"));
  });

  test("a keyword", async () => {
    const { out } = await rnnc(["explain", "cell"]);
    expect(out).toContain("cell  a keyword");
    expect(out).toContain("  state h[n]\n");
  });
});

test("fmt writes in place, --check only looks", async () => {
  const untidy = "input   x:f32[T,3]\nx>>lstm(4)>>last>>softmax\n";
  const cwd = folderWith({ "a.rnn": untidy });
  const check = await rnnc(["fmt", "a.rnn", "--check"], { cwd });
  expect(check).toMatchObject({ code: 1, out: "a.rnn\n" });
  expect(readFileSync(join(cwd, "a.rnn"), "utf8")).toBe(untidy);
  expect((await rnnc(["fmt", "a.rnn"], { cwd })).code).toBe(0);
  const tidy = readFileSync(join(cwd, "a.rnn"), "utf8");
  expect(tidy).toBe("input x : f32[T, 3]\nx >> lstm(4) >> last >> softmax\n");
  expect((await rnnc(["fmt", "a.rnn", "--check"], { cwd })).code).toBe(0);
  expect((await rnnc(["fmt", "-"], { input: untidy })).out).toBe(tidy);
  expect(readdirSync(cwd)).toEqual(["a.rnn"]);
});

test("fmt leaves a broken program as it is", async () => {
  const cwd = folderWith({ "a.rnn": "x >> (lstm\n" });
  const ran = await rnnc(["fmt", "a.rnn"], { cwd });
  expect(ran.code).toBe(1);
  expect(readFileSync(join(cwd, "a.rnn"), "utf8")).toBe("x >> (lstm\n");
  expect(isFault(ran)).toBe(false);
});

test("graph draws stages, shapes, recurrences", async () => {
  const cwd = folderWith({ "lm.rnn": language });
  expect((await rnnc(["graph", "lm.rnn"], { cwd })).code).toBe(0);
  const drawing = readFileSync(join(cwd, "lm.svg"), "utf8");
  for (const part of ["embed", "lstm", "T × 12", "T × text", "url(#time)", "recurs"])
    expect(drawing).toContain(part);
  expect((await rnnc(["graph", "lm.rnn", "-o", "-"], { cwd })).out).toBe(drawing);
});

test("graph of a program without declarations, both directions", async () => {
  const { out } = await rnnc(["graph", "-", "-o", "-"], { input: "lstm(5) >> bidir >> last >> softmax\n" });
  for (const part of ["T × d", "T × 10", ">10<", ">y<"]) expect(out).toContain(part);
  expect(out.match(/M [\d.]+ [\d.]+ C/gu)).toHaveLength(2);
});

test("graph of a wrong program is an error", async () => {
  const ran = await rnnc(["graph", "-", "-o", "-"], { input: "input x : f32[T, 3]\nx >> lstn(5)\n" });
  expect(ran).toMatchObject({ code: 1, out: "" });
});

test("init starts a project that trains, and overwrites nothing", async () => {
  const cwd = folderWith();
  expect((await rnnc(["init", "demo"], { cwd })).code).toBe(0);
  const demo = join(cwd, "demo");
  expect(readdirSync(demo).sort()).toEqual(["README.md", "poet.rnn", "sonnets.txt"]);
  expect((await rnnc(["fmt", "--check", "poet.rnn"], { cwd: demo })).code).toBe(0);
  expect(
    (await rnnc(["train", "poet.rnn", "--data", "sonnets.txt", "--epochs", "1"], { cwd: demo })).code,
  ).toBe(0);
  const again = await rnnc(["init", "demo"], { cwd });
  expect(again.code).toBe(1);
  expect(again.err).toContain("nothing was written");
});
