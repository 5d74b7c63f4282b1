/**
 * What is wrong with single tokens: characters that mean nothing, numbers with something stuck to them, strings
 * that don't end. For signs of other languages the diagnostic names ours.
 */
import type { ILexingError, IToken } from "chevrotain";
import type { Reporter } from "../diagnostics/diagnostic.ts";
import { NumberToken, spanOf, StringToken } from "./tokens.ts";

const ways: Readonly<Record<string, string>> = {
  ";": "Statements need nothing between them; leave it out.",
  "!": "Write `not x`, or `!=` to compare.",
  "&": "Write `and`.",
  "&&": "Write `and`.",
  "'": "A string stands between double quotes; a prime follows a letter.",
  "`": "A string stands between double quotes.",
  "“": 'A string stands between straight quotes, `"`.',
  "”": 'A string stands between straight quotes, `"`.',
  "·": "A product is written `*`, of a matrix `@`.",
  "×": "A product is written `*`.",
  "⊙": "An elementwise product is written `*`.",
  "÷": "Write `/`.",
  "−": "Write the plain minus, `-`.",
  "–": "Write the plain minus, `-`.",
  "≤": "Write `<=`.",
  "≥": "Write `>=`.",
  "≠": "Write `!=`.",
  "→": "Stages are joined by `>>`.",
  "∞": "Write `inf`.",
  ".": "There are no members; stages are joined by `>>`, and a number starts with a digit.",
  "?": "A choice is written `if c then a else b`.",
  "~": "To draw from a distribution, write it as a value: `z = normal[64]`.",
};

/** Reports them, and returns where they are. */
export function reportBadTokens(
  tokens: readonly IToken[],
  errors: readonly ILexingError[],
  source: string,
  reporter: Reporter,
): readonly number[] {
  const places: number[] = [];
  for (const { offset, length } of errors.slice(0, mostErrors)) {
    const run = source.slice(offset, offset + length);
    const first = String.fromCodePoint(run.codePointAt(0) ?? 0);
    const known = ways[run] === undefined ? first : run;
    const span = { start: offset, end: offset + known.length };
    const way = isImport(source, offset) ? importWay : (ways[known] ?? "");
    reporter.report("bad-character", span, { text: printable(known), way });
    places.push(offset);
  }
  for (const token of tokens) {
    if (token.tokenType === NumberToken && !isNumber(token.image)) {
      reporter.report("bad-number", spanOf(token), { text: token.image, way: mendNumber(token.image) });
      places.push(token.startOffset);
    }
    if (token.tokenType === StringToken && !(token.image.length > 1 && token.image.endsWith('"'))) {
      reporter.report("unclosed-string", spanOf(token));
      places.push(token.startOffset);
    }
  }
  return places;
}

/** `import torch.nn`, as far as the line goes before the point. */
const isImport = (source: string, offset: number): boolean =>
  /^[ \t]*(?:from|import)[ \t][^"]*$/u.test(source.slice(source.lastIndexOf("\n", offset) + 1, offset));
const importWay = "Layers, losses and optimisers need no import: leave this line out.";

/** Beyond this a file is not a program, and nobody reads on. */
const mostErrors = 100;

const isNumber = (text: string): boolean =>
  /^\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) && Number.isFinite(Number(text));

function mendNumber(text: string): string {
  if (Number(text) === Infinity) return "The largest number is about 1.8e308; beyond it is `inf`.";
  if (/^\.\d+$/.test(text)) return `Write \`0${text}\`.`;
  if (/^\d+\.$/.test(text)) return `Write \`${text.slice(0, -1)}\`.`;
  if (/^\d[\d_]*$/.test(text)) return `Write \`${text.replaceAll("_", "")}\`.`;
  const product = /^(\d+(?:\.\d+)?)(\p{L}[\p{L}\p{M}\p{N}_']*)$/u.exec(text);
  if (product !== null && product[2] !== "e")
    return `A product is written \`${product[1]} * ${product[2]}\`.`;
  return "";
}

/** Control characters by their code point, so that a message shows them. */
const printable = (text: string): string =>
  /[\p{C}\p{Z}]/u.test(text) ? `U+${text.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}` : text;
