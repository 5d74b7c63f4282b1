/** The files under `grammar/` agree with the parser. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ebnf } from "../../src/parser/ebnf.ts";
import { decoders, trainSettings } from "../../src/parser/settings.ts";
import { keywordNames } from "../../src/parser/tokens.ts";

const grammar = (name: string) => readFileSync(join(import.meta.dirname, "../../grammar", name), "utf8");

test("rnn.ebnf is what the parser prints", () => {
  expect(grammar("rnn.ebnf")).toBe(ebnf());
});

test("rnn.tmLanguage.json knows every keyword and setting", () => {
  const patterns: string[] = [];
  JSON.parse(grammar("rnn.tmLanguage.json"), (key: string, value: unknown) => {
    if (["match", "begin", "end"].includes(key)) patterns.push(String(value));
    return value;
  });
  for (const pattern of patterns) expect(() => new RegExp(pattern, "u")).not.toThrow();
  const words = new Set(
    patterns.flatMap((pattern) => pattern.replaceAll("\\b", " ").match(/[a-z0-9]+/g) ?? []),
  );
  for (const word of [...keywordNames, ...trainSettings.keys(), ...decoders]) expect(words).toContain(word);
});
