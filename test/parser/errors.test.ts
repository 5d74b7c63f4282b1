/** Broken programs and what they are told: `NAME.txt` beside `NAME.rnn` is all of the output. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { render } from "../../src/diagnostics/render.ts";
import { parse } from "../../src/parser/parse.ts";

const folder = join(import.meta.dirname, "../errors/syntax");
const programs = readdirSync(folder).filter((name) => name.endsWith(".rnn"));

describe("syntax errors", () => {
  test.each(programs)("%s", async (name) => {
    const source = readFileSync(join(folder, name), "utf8");
    const { diagnostics } = parse(source, name);
    const sources = new Map([[name, source]]);
    const text = diagnostics
      .map((diagnostic) => `${render(diagnostic, sources, { color: false })}\n`)
      .join("\n");
    expect(diagnostics.length).toBeGreaterThan(0);
    await expect(text).toMatchFileSnapshot(join(folder, `${basename(name, ".rnn")}.txt`));
  });
});
