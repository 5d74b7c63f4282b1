/** The programs of the language's contract, as they stand there: each compiles without an error. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { compile } from "../../src/compile/compile.ts";
import { format } from "../../src/parser/print.ts";

const path = join(import.meta.dirname, "../../../shared/LANGUAGE.md");
const text = existsSync(path) ? readFileSync(path, "utf8") : "";
const blocks = [...text.matchAll(/```rnn\n([\s\S]*?)```/gu)].map(([, source]) => source!);

/** A block that begins with the name of a file is a whole program. */
const programs = blocks.flatMap((source) => {
  const name = /^# (\w+)\.rnn/u.exec(source)?.[1];
  return name ? [{ name, source }] : [];
});

/** Sizes that make no difference, so that the check does not take minutes. */
const small = (source: string): string =>
  source.replace(/\b(512|256|400|784|128)\b/gu, (size) => String(Math.max(4, Math.ceil(Number(size) / 32))));

describe.skipIf(text === "")("the contract of the language", () => {
  test("has its programs", () => expect(programs.length).toBeGreaterThan(8));

  test.each(programs)("$name", async ({ name, source }) => {
    const { diagnostics } = check(source, `${name}.rnn`, { assume: true });
    expect(diagnostics.map(({ code, message }) => `${code}: ${message}`)).toEqual([]);
    const printed = format(source, `${name}.rnn`).text;
    expect(format(printed, `${name}.rnn`).text).toBe(printed);
    if (name === "clockwork") return;
    const { wasm } = await compile(small(source), `${name}.rnn`, { assume: true });
    expect(WebAssembly.validate(new Uint8Array(wasm!))).toBe(true);
  });
});
