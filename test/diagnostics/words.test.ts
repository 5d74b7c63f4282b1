/** Suggestions, templates, and the catalogue's own examples. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { catalogue, type CatalogueEntry, type Code } from "../../src/diagnostics/catalogue.ts";
import type { Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import { nearest } from "../../src/diagnostics/nearest.ts";
import { makeReporter } from "../../src/diagnostics/reporter.ts";
import { parse } from "../../src/parser/parse.ts";

describe("nearest", () => {
  const layers = ["embed", "lstm", "gru", "dense", "dropout", "bidir"];
  test.each([
    ["embd", "embed"],
    ["lsmt", "lstm"],
    ["LSTM", "lstm"],
    ["denses", "dense"],
    ["drop", "dropout"],
    ["bidirectional", "bidir"],
    ["transformer", null],
    ["x", null],
  ])("%s: %s", (name, known) => {
    expect(nearest(name, layers)).toBe(known);
  });
  test("never the name itself", () => {
    expect(nearest("gru", ["gru"])).toBeNull();
  });
});

describe("makeReporter", () => {
  test("fills the template, and drops a hint that lacks a word", () => {
    const sink: Diagnostic[] = [];
    const reporter = makeReporter("a.rnn", sink);
    reporter.report("unknown-type", { start: 1, end: 2 }, { name: "tokn", nearest: "token" });
    reporter.report("unknown-type", { start: 1, end: 2 }, { name: "tokn", nearest: "" });
    expect(sink[0]).toMatchObject({
      message: "`tokn` is not a type; the types are `f32`, `token`, `char` and `trigrams`.",
      hint: "Did you mean `token`?",
      file: "a.rnn",
    });
    expect(sink[1]!.hint).toBeNull();
  });
});

describe("the catalogue's syntax errors", () => {
  const folder = join(import.meta.dirname, "../../src/parser");
  const parser = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("\n");
  const codes = (Object.keys(catalogue) as Code[]).filter((code) => parser.includes(`"${code}"`));
  const codesOf = (text: string) => [
    ...new Set(parse(text, "example.rnn").diagnostics.map(({ code }) => code)),
  ];

  test.each(codes)("%s", (code) => {
    const { example, mend, about }: CatalogueEntry = catalogue[code];
    expect(codesOf(example)).toEqual([code]);
    expect(codesOf(mend)).toEqual([]);
    expect(about).toMatch(/\.$/);
  });
});
