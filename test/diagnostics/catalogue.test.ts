/** Every entry of the catalogue keeps its word: its example gets its code and no other, its mend compiles. */
import { describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { catalogue, type CatalogueEntry, type Code } from "../../src/diagnostics/catalogue.ts";

/** Files that examples import. */
const files: Readonly<Record<string, string>> = { "cells.rnn": "fn twice(x) { return 2 * x }" };

/** Where only the data could tell a size, the example must not be given one. */
const withoutSizes: readonly Code[] = ["size-from-data"];

const codesOf = (source: string, assume: boolean): readonly string[] => {
  const imports = (path: string) => (files[path] ? { file: path, source: files[path] } : null);
  const { diagnostics } = check(source, "example.rnn", { assume, imports });
  return [...new Set(diagnostics.map(({ code }) => code))];
};

describe.each(Object.keys(catalogue) as Code[])("%s", (code) => {
  const { example, mend, about, message, hint }: CatalogueEntry = catalogue[code];
  test("its example gets it, and its mend nothing", () => {
    expect(codesOf(example, !withoutSizes.includes(code))).toEqual([code]);
    expect(codesOf(mend, true)).toEqual([]);
  });
  test("it is told in full sentences", () => {
    for (const sentence of [message, about]) expect(sentence).toMatch(/[.;?]$/u);
    if (hint !== null) expect(hint).toMatch(/[.?}]$/u);
  });
});
