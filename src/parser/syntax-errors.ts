/**
 * Turns the parser's errors into diagnostics: one for each statement, since what follows in it is mostly an echo.
 * `syntax-readings.ts` finds the words; this file finds the place, with what is around it.
 */
import type { IParserErrorMessageProvider, IRecognitionException, IToken, TokenType } from "chevrotain";
import type { Reporter } from "../diagnostics/diagnostic.ts";
import { followsOperand, openers } from "./operands.ts";
import { readSyntaxError, type Site } from "./syntax-readings.ts";
import * as t from "./tokens.ts";

/** Messages as data: the name of the token that was wanted, or nothing. */
export const compactErrors: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected }) => expected.name,
  buildNotAllInputParsedMessage: () => "",
  buildNoViableAltMessage: () => "",
  buildEarlyExitMessage: () => "",
};

/** Beyond this a file is not a program, and nobody reads on. */
const mostErrors = 100;

const topStarts: ReadonlySet<TokenType> = new Set([t.Defines, t.Begin, ...t.topStarters]);
const starts: ReadonlySet<TokenType> = new Set([...topStarts, t.Equates, t.BodyParam, ...t.bodyStarters]);

/** `alreadyWrong` are offsets with diagnostics of the lexer's; the parser adds nothing to such a statement. */
export function reportSyntaxErrors(
  errors: readonly IRecognitionException[],
  tokens: readonly IToken[],
  alreadyWrong: readonly number[],
  reporter: Reporter,
): void {
  if (errors.length === 0) return;
  const positions = new Map(tokens.map((token, i) => [token, i]));
  const statements = startsBefore(tokens, starts);
  const topStatements = startsBefore(tokens, topStarts);
  const follows = followsOperand(tokens);
  const reported = new Set<number>(alreadyWrong.map((offset) => statements[indexAt(tokens, offset)] ?? 0));
  for (const error of errors.slice(0, mostErrors)) {
    const at = positions.get(error.token) ?? tokens.length;
    const rules = error.context.ruleStack;
    // The parser stops at a start only when the statement before it is unfinished.
    const last = Math.max(0, at - 1);
    const top = topStatements[last] ?? 0;
    const statement = rules.includes("bodyStatement") ? (statements[last] ?? 0) : top;
    if (reported.has(statement)) continue;
    reported.add(statement);
    readSyntaxError(siteOf(at, top, tokens, error, follows[at] ?? false), reporter);
  }
}

function siteOf(
  at: number,
  top: number,
  tokens: readonly IToken[],
  error: IRecognitionException,
  afterOperand: boolean,
): Site {
  const isReal = (token: IToken): boolean => !t.isVirtual(token);
  const found = tokens.slice(at, at + 3).find(isReal) ?? null;
  const previous = tokens.slice(Math.max(0, at - 3), at).findLast(isReal) ?? null;
  return {
    before: tokens.slice(top, at).filter(isReal),
    found,
    following: tokens[tokens.indexOf(found!, at) + 1] ?? null,
    previous,
    ended: found === null || found !== tokens[at] || starts.has(found.tokenType),
    afterOperand,
    wanted: error.message,
    rules: error.context.ruleStack,
    open: openBrackets(tokens.slice(top, at)),
  };
}

/** For each token, the index of the start at or before it. */
function startsBefore(tokens: readonly IToken[], starts: ReadonlySet<TokenType>): readonly number[] {
  let last = 0;
  return tokens.map(({ tokenType }, i) => (starts.has(tokenType) ? (last = i) : last));
}

function indexAt(tokens: readonly IToken[], offset: number): number {
  const after = tokens.findIndex((token) => token.startOffset > offset);
  return after < 0 ? tokens.length - 1 : Math.max(0, after - 1);
}

/** Brackets opened and not closed, innermost last. A statement of a body closes none but its own. */
function openBrackets(tokens: readonly IToken[]): readonly IToken[] {
  let open: IToken[] = [];
  for (const token of tokens) {
    const { tokenType } = token;
    if (t.isVirtual(token)) open = open.filter((bracket) => bracket.tokenType === t.LBrace);
    if ([t.LParen, t.LBracket, t.LBrace].includes(tokenType)) open.push(token);
    const opener = openers.get(tokenType);
    if (opener !== undefined && open.at(-1)?.tokenType === opener) open.pop();
  }
  return open;
}
