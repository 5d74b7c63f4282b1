/**
 * Source text to AST, in five steps: tokens, marks where statements start, concrete syntax, diagnostics, AST.
 *
 * Never throws, whatever the text. A statement with an error is left out of the program; the others are all there.
 */
import type { IToken, Lexer } from "chevrotain";
import type { Diagnostic, Reporter } from "../diagnostics/diagnostic.ts";
import { makeReporter } from "../diagnostics/reporter.ts";
import type { Program } from "./ast.ts";
import { buildStatements } from "./build-ast.ts";
import { RnnParser } from "./grammar.ts";
import { reportBadTokens } from "./bad-tokens.ts";
import { markStarts } from "./mark-starts.ts";
import { findTooDeep, nestingLimit } from "./nesting.ts";
import { reportSyntaxErrors } from "./syntax-errors.ts";
import { createLexer, spanOf, tokenize } from "./tokens.ts";

export interface ParseResult {
  readonly program: Program;
  readonly diagnostics: Diagnostic[];
}

export function parse(source: string, file: string): ParseResult {
  const diagnostics: Diagnostic[] = [];
  const reporter = makeReporter(file, diagnostics);
  const { lexer, parser } = machinery();

  const lexed = tokenize(lexer, source);
  const comments = (lexed.groups.comments ?? []).map((token: IToken) => {
    const text = token.image.trimEnd();
    return { text, span: { start: token.startOffset, end: token.startOffset + text.length } };
  });
  const badPlaces = reportBadTokens(lexed.tokens, lexed.errors, source, reporter);

  const tokens = markStarts(lexed.tokens, source);
  const statements = parseStatements(parser, tokens, badPlaces, reporter);
  const span = { start: 0, end: source.length };
  diagnostics.sort((a, b) => a.span.start - b.span.start);
  return { program: { statements, comments, lineStarts: lineStartsOf(source), span }, diagnostics };
}

function parseStatements(
  parser: RnnParser,
  tokens: readonly IToken[],
  badPlaces: readonly number[],
  reporter: Reporter,
): Program["statements"] {
  const tooDeep = findTooDeep(tokens);
  if (tooDeep !== null) {
    reporter.report("nested-too-deep", spanOf(tooDeep), { limit: nestingLimit });
    return [];
  }
  parser.input = [...tokens];
  const tree = parser.program();
  reportSyntaxErrors(parser.errors, tokens, badPlaces, reporter);
  const statements = buildStatements(tree, reporter);
  // The parser outlives this call, and should not keep the text alive.
  parser.input = [];
  return statements;
}

const lineStartsOf = (source: string): readonly number[] => [
  0,
  ...Array.from(source.matchAll(/\r\n|\r|\n/g), (line) => line.index + line[0].length),
];

/** Chevrotain analyses the grammar when a parser is made, so one is made, when first wanted. */
const machinery = (() => {
  let made: { readonly lexer: Lexer; readonly parser: RnnParser } | null = null;
  return () => (made ??= { lexer: createLexer(), parser: new RnnParser() });
})();
