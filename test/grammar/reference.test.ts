/**
 * The language reference is tested like code: each of its programs compiles (or gets the error it announces), and its
 * table of stages is what the standard library defines. `UPDATE=1` writes the table anew.
 *
 * A comment `<!-- with: … -->` before a program holds declarations that readers need not see each time;
 * `<!-- refused: CODE -->` says that the program is an example of what is refused.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { render } from "../../src/diagnostics/render.ts";
import type { Parameter } from "../../src/parser/ast.ts";
import { printExpression } from "../../src/parser/print-expression.ts";
import { standardLibrary, type LibraryFile } from "../../src/std/library.ts";

const path = join(import.meta.dirname, "../../grammar/REFERENCE.md");
const text = readFileSync(path, "utf8");

const block = /(?:<!-- with: ([\s\S]*?) -->\s*)?(?:<!-- refused: ([\w-]+) -->\s*)?```rnn\n([\s\S]*?)```/gu;
const programs = [...text.matchAll(block)].map(([, before = "", refused = null, source = ""]) => ({
  line: source.split("\n").find((line) => !line.startsWith("#"))!,
  source: before === "" ? source : `${before}\n${source}`,
  refused,
}));

describe("the programs of the reference", () => {
  test("are all found", () => {
    expect(programs).toHaveLength(text.split("```rnn").length - 1);
  });
  test.each(programs)("$line", ({ source, refused }) => {
    const { diagnostics, sources } = check(source, "reference.rnn", { assume: true });
    const said = diagnostics.map((d) => render(d, sources, { color: false })).join("\n");
    if (refused === null) expect(said).toBe("");
    else expect(diagnostics.map(({ code }) => code)).toEqual([refused]);
  });
});

// ---- the table of stages ------------------------------------------------------------------------------------------

/** Definitions that only the library's own definitions use. */
const internal: ReadonlySet<string> = new Set([
  ...[
    "maps",
    "zone",
    "additive",
    "placewise",
    "placed",
    "address",
    "log_partition",
    "path_score",
    "copying",
    "risking",
  ],
]);

/** The comment that ends right above a definition, or above the definitions that precede it without a gap. */
function remarkAbove({ source, program }: LibraryFile, start: number): string {
  const lines = source.slice(0, start).split("\n").slice(0, -1);
  while (lines.length > 0 && /^(?:fn|loss|cell)\b.*\}$/u.test(lines.at(-1)!)) lines.pop();
  const remark: string[] = [];
  while (lines.length > 0 && lines.at(-1)!.startsWith("#"))
    remark.unshift(lines.pop()!.replace(/^#\s?/u, ""));
  return program.comments.length === 0 ? "" : remark.join(" ");
}

function optionText({ name, choices, default: start }: Parameter): string {
  const value = start === null ? "" : ` = ${printExpression(start).replaceAll("|", "\\|")}`;
  if (choices === null) return `\`${name.name}${value}\``;
  if (choices.length === 0) return `\`${name.name}\` (flag)`;
  return `\`${name.name}: ${choices.map((c) => c.name).join(" \\| ")}${value}\``;
}

function tableOf(files: readonly LibraryFile[]): string {
  const rows = files.flatMap((file) =>
    file.program.statements.flatMap((statement) => {
      if (statement.kind !== "fn" && statement.kind !== "cell" && statement.kind !== "loss") return [];
      const { name } = statement.name;
      if (internal.has(name)) return [];
      const options = (statement.options ?? []).map(optionText).join(", ");
      const kind = { fn: statement.options ? "stage" : "function", cell: "recurrent", loss: "output layer" };
      const about = remarkAbove(file, statement.span.start).replaceAll("|", "\\|");
      return [`| \`${name}\` | ${kind[statement.kind]} | ${options} | ${about} |`];
    }),
  );
  return ["| name | what | options | about |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

/** However the columns are padded. */
const bare = (table: string): string => table.replace(/ {2,}/gu, " ").replace(/-{2,}/gu, "--");

test("the table of stages is what the library defines", () => {
  const place = /(<!-- stages -->\n)[\s\S]*?(\n<!-- \/stages -->)/u;
  const table = tableOf(standardLibrary());
  if (process.env["UPDATE"])
    writeFileSync(
      path,
      text.replace(place, (_, open: string, close: string) => open + table + close),
    );
  else expect(bare(place.exec(text)![0])).toContain(bare(table));
});
