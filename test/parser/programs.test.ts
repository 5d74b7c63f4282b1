/** Whole programs: each parses, and its canonical text (`NAME.txt`) is the same program and a fixed point. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "../../src/parser/parse.ts";
import { format, print } from "../../src/parser/print.ts";
import { strip } from "./strip.ts";

const folder = join(import.meta.dirname, "programs");
const programs = readdirSync(folder).filter((name) => name.endsWith(".rnn"));

describe("programs", () => {
  test.each(programs)("%s", async (name) => {
    const source = readFileSync(join(folder, name), "utf8");
    const { program, diagnostics } = parse(source, name);
    expect(diagnostics).toEqual([]);

    const text = print(program);
    await expect(text).toMatchFileSnapshot(join(folder, `${basename(name, ".rnn")}.txt`));
    const again = parse(text, name);
    expect(again.diagnostics).toEqual([]);
    expect(strip(again.program.statements)).toEqual(strip(program.statements));
    expect(strip(again.program.comments)).toEqual(strip(program.comments));
    expect(print(again.program)).toBe(text);
    for (const line of text.split("\n")) expect([...line].length).toBeLessThanOrEqual(110);
  });
});

describe("format", () => {
  const formatted = (source: string) => format(source, "test.rnn").text;

  test("leaves a broken program alone", () => {
    const source = "let   x =\n";
    expect(formatted(source)).toBe(source);
  });
  test("keeps one blank line between groups", () => {
    expect(formatted("a=1\n\n\n\nb=2\nc=3")).toBe("a = 1\n\nb = 2\nc = 3\n");
  });
  test("keeps rows and one-line bodies", () => {
    const text = "let a = 1   let b = 2\nfn f(x) { y = 2 * x   return y }\n";
    expect(formatted("let a=1 let b=2\nfn f(x){y=2*x return y}")).toBe(text);
  });
  test("breaks what does not fit", () => {
    const stages = Array.from({ length: 12 }, (_, i) => `dense(${i + 100})`).join(" >> ");
    const lines = formatted(`x >> ${stages}`).split("\n");
    expect(lines.slice(0, 2)).toEqual(["x", "  >> dense(100)"]);
  });
  test("keeps comments above, beside, inside and below", () => {
    const text = [
      "# above",
      "x",
      "  >> f  # first",
      "  # then",
      "  >> g",
      "",
      "cell c(n) (x) {  # header",
      "  # inside",
      "  return x  # beside",
      "  # below",
      "}",
      "# end",
      "",
    ].join("\n");
    expect(formatted(text)).toBe(text);
  });
  test("aligns neighbouring comments and moves up those without room", () => {
    expect(formatted("a = 1 # one\nbcd = 2 # two")).toBe("a = 1    # one\nbcd = 2  # two\n");
    const long = `# ${"long ".repeat(21)}end`;
    expect(formatted(`a = 1 ${long}`)).toBe(`${long}\na = 1\n`);
  });
  test("is empty for nothing", () => {
    expect(formatted("  \n")).toBe("");
  });
});
