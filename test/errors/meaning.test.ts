/** Programs that parse and still mean nothing, and what they are told: `NAME.txt` beside `NAME.rnn` is all of it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { render } from "../../src/diagnostics/render.ts";

const folder = join(import.meta.dirname, "meaning");
const programs = readdirSync(folder).filter((name) => name.endsWith(".rnn"));

/** Files that a program imports stand in `parts`. */
function imports(path: string, from: string) {
  const file = join(dirname(from), path);
  const full = join(folder, file);
  return existsSync(full) ? { file, source: readFileSync(full, "utf8") } : null;
}

describe("errors of meaning", () => {
  test.each(programs)("%s", async (name) => {
    const source = readFileSync(join(folder, name), "utf8");
    // As `rnnc check` does it, but for the programs about what only the data can tell.
    const assume = !name.startsWith("size-from-data");
    const { diagnostics, sources, model } = check(source, name, { assume, imports });
    // The library's own text changes without its errors changing.
    const shown = new Map([...sources].filter(([file]) => !file.startsWith("std/")));
    const text = diagnostics.map((d) => `${render(d, shown, { color: false })}\n`).join("\n");
    expect(model).toBeNull();
    await expect(text).toMatchFileSnapshot(join(folder, `${basename(name, ".rnn")}.txt`));
  });
});
