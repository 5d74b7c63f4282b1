/** The picture of a diagnostic: where the carets are, and what is shown of a line. */
import { describe, expect, test } from "vitest";
import type { Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import { render } from "../../src/diagnostics/render.ts";

const base: Diagnostic = {
  code: "unknown-name",
  severity: "error",
  message: "No.",
  file: "a.rnn",
  span: { start: 0, end: 1 },
  notes: [],
  hint: null,
};
const show = (source: string, given: Partial<Diagnostic>) =>
  render({ ...base, ...given }, new Map([["a.rnn", source]]), { color: false }).split("\n");
const at = (source: string, part: string) => {
  const start = source.indexOf(part);
  return show(source, { span: { start, end: start + part.length } });
};

describe("render", () => {
  test("shows place, line, carets and hint", () => {
    const source = "let a = 1\nlet b = wrong\n";
    const start = source.indexOf("wrong");
    expect(show(source, { span: { start, end: start + 5 }, hint: "Do right." })).toEqual([
      "error[unknown-name]: No.",
      " --> a.rnn:2:9",
      "  |",
      "2 | let b = wrong",
      "  |         ^^^^^",
      "  = hint: Do right.",
    ]);
  });
  test("shows notes with their places", () => {
    const note = { message: "Here.", file: "a.rnn", span: { start: 4, end: 5 } };
    expect(show("let a = b", { notes: [note, { ...note, span: null }] }).slice(5)).toEqual([
      "  = note: Here.",
      " --> a.rnn:1:5",
      "  |",
      "1 | let a = b",
      "  |     -",
      "  = note: Here.",
    ]);
  });
  test("counts letters, not UTF-16 units or combining marks", () => {
    expect(at("let 𝛼e\u0301 = wrong", "wrong").slice(1)).toEqual([
      " --> a.rnn:1:11",
      "  |",
      "1 | let 𝛼e\u0301 = wrong",
      "  |          ^^^^^",
    ]);
  });
  test("widens tabs and hides control characters", () => {
    expect(at("\ta\u0007b = wrong", "wrong").slice(3)).toEqual([
      "1 |     a\ufffdb = wrong",
      "  |           ^^^^^",
    ]);
  });
  test("marks the end of the text", () => {
    expect(show("a +", { span: { start: 3, end: 3 } }).slice(3)).toEqual(["1 | a +", "  |    ^"]);
  });
  test("marks only the first line of a span", () => {
    expect(show("ab\ncd", { span: { start: 1, end: 5 } }).slice(3)).toEqual(["1 | ab", "  |  ^"]);
  });
  test("cuts a long line around the span", () => {
    const [, , , line, marks] = at(`${"a".repeat(300)}wrong${"b".repeat(300)}`, "wrong");
    expect(line).toMatch(/^1 \| …a+wrongb+…$/);
    expect(marks!.indexOf("^")).toBe(line!.indexOf("wrong"));
    expect([...line!].length).toBeLessThan(130);
  });
  test("does without a source", () => {
    expect(render(base, new Map(), { color: false })).toBe("error[unknown-name]: No.\n --> a.rnn");
  });
  test("colours only when asked", () => {
    const sources = new Map([["a.rnn", "x"]]);
    const coloured = render(base, sources, { color: true });
    expect(coloured).toContain("\u001b[31m");
    expect(coloured.replace(/\u001b\[\d+m/g, "")).toBe(render(base, sources, { color: false }));
  });
});
