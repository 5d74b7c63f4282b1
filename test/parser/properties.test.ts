/** Properties: printing and parsing are inverse, comments survive anywhere, and no text whatever throws. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { catalogue } from "../../src/diagnostics/catalogue.ts";
import { render } from "../../src/diagnostics/render.ts";
import { parse } from "../../src/parser/parse.ts";
import { print } from "../../src/parser/print.ts";
import { program } from "./arbitrary.ts";
import { strip } from "./strip.ts";

const folder = join(import.meta.dirname, "programs");
const corpus = readdirSync(folder)
  .filter((name) => name.endsWith(".rnn"))
  .map((name) => readFileSync(join(folder, name), "utf8"));
const pieces = (text: string): string[] =>
  text.match(/[\p{L}_][\p{L}\p{M}\p{N}_']*|[\d.]+(?:[eE][+-]?\d+)?|>>|[=!<>]=|"[^"\n]*"|#.*\n|\s+|./gu) ?? [];
const vocabulary = [...new Set(corpus.flatMap(pieces))];

/** Whatever the text, what comes back is sound: places inside it, sentences without holes, a picture. */
function survives(source: string): void {
  const { program, diagnostics } = parse(source, "fuzz.rnn");
  for (const diagnostic of diagnostics) {
    expect(diagnostic.span.start).toBeGreaterThanOrEqual(0);
    expect(diagnostic.span.end).toBeGreaterThanOrEqual(diagnostic.span.start);
    expect(diagnostic.span.end).toBeLessThanOrEqual(source.length);
    expect(catalogue[diagnostic.code].message).toBeDefined();
    expect(render(diagnostic, new Map([["fuzz.rnn", source]]), { color: false })).toContain(
      diagnostic.message,
    );
  }
  expect(
    parse(print(program), "again.rnn").diagnostics.filter(({ code }) => code === "unexpected-token"),
  ).toEqual([]);
}

describe("parse(print(x)) = x", () => {
  test("for random programs", () => {
    fc.assert(
      fc.property(program, (tree) => {
        const text = print(tree);
        const { program: again, diagnostics } = parse(text, "random.rnn");
        expect(diagnostics).toEqual([]);
        expect(strip(again)).toEqual(strip(tree));
        expect(print(again)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  test("with comments and line breaks anywhere", () => {
    const breaks = fc.constantFrom(" # beside\n", "\n# own\n", "\n", "\n\n\n", "  ");
    const cuts = fc.array(fc.tuple(fc.nat(), breaks), { maxLength: 40 });
    fc.assert(
      fc.property(fc.constantFrom(...corpus), cuts, (source, places) => {
        const tokens = pieces(source);
        for (const [place, text] of places) tokens[place % tokens.length] += text;
        const { program: tree, diagnostics } = parse(tokens.join(""), "commented.rnn");
        // A break inside a string or a comment is another program.
        fc.pre(diagnostics.length === 0);
        const text = print(tree);
        const again = parse(text, "commented.rnn");
        expect(strip(again.program.statements)).toEqual(strip(tree.statements));
        const remarks = (list: typeof tree.comments) => list.map((comment) => comment.text).toSorted();
        expect(remarks(again.program.comments)).toEqual(remarks(tree.comments));
        expect(print(again.program)).toBe(text);
      }),
      { numRuns: 300 },
    );
  });
});

describe("never throws", () => {
  test("on random characters", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), survives), { numRuns: 300 });
    const bytes = fc.uint8Array({ maxLength: 300 }).map((data) => new TextDecoder("latin1").decode(data));
    fc.assert(fc.property(bytes, survives), { numRuns: 300 });
  });

  test("on random tokens", () => {
    const stream = fc.array(fc.constantFrom(...vocabulary), { maxLength: 150 });
    fc.assert(
      fc.property(stream, (tokens) => survives(tokens.join(" "))),
      { numRuns: 500 },
    );
  });

  test("on programs with pieces missing, doubled and swapped", () => {
    const edit = fc.tuple(fc.nat(), fc.constantFrom("", ...vocabulary));
    const edits = fc.array(edit, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.constantFrom(...corpus), edits, (source, places) => {
        const tokens = pieces(source);
        for (const [place, text] of places) tokens[place % tokens.length] = text;
        survives(tokens.join(""));
      }),
      { numRuns: 500 },
    );
  });

  const unit = ["(", "[", "x[", "f(", "-", "not ", "a ^ ", "a + ", "f(1)", "if a then ", "if a then b else "];
  test.each([
    ...unit,
    "{",
    "}",
    ") a = ",
    "fn f(x) { h = ) ",
    "|a",
    "1 ",
    "train { ",
    '"',
    "a >> ",
    "é = 1 ",
  ])("on %s repeated", (text) => {
    survives(`x = ${text.repeat(3000)}`);
    survives(text.repeat(3000));
  });
});

describe("depth", () => {
  const codes = (source: string) => parse(source, "deep.rnn").diagnostics.map(({ code }) => code);

  test("64 levels are fine and 65 too many", () => {
    expect(codes(`x = ${"(".repeat(64)}1${")".repeat(64)}`)).toEqual([]);
    expect(codes(`x = ${"(".repeat(65)}1${")".repeat(65)}`)).toEqual(["nested-too-deep"]);
    expect(codes(`x = ${"f(a[".repeat(32)}1${"])".repeat(32)}`)).toEqual([]);
  });
  test("long pipelines and lists are no depth, and sums of 500 terms", () => {
    expect(codes(`x${" >> f(1)".repeat(5000)}`)).toEqual([]);
    expect(codes(`x = 1${" + 1".repeat(500)}`)).toEqual([]);
    expect(codes(`x = 1${" + 1".repeat(501)}`)).toEqual(["nested-too-deep"]);
    expect(codes(`x = f(1${", a + b".repeat(5000)})`)).toEqual([]);
    expect(codes(Array.from({ length: 2000 }, (_, i) => `a${i} = -(b + 1)`).join("\n"))).toEqual([]);
  });
});
