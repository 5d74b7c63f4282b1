/**
 * What can be told from the tokens alone: where an operand has just ended, and which brackets belong together.
 *
 * `-` is a prefix or an operator, `(` groups or calls, and `|` opens a length or a filler, by whether an operand
 * stands before it.
 */
import type { IToken, TokenType } from "chevrotain";
import * as t from "./tokens.ts";

const endings: ReadonlySet<TokenType> = new Set([
  ...[t.Name, t.Defines, t.Equates, t.ArgumentName, t.NumberToken, t.StringToken, t.Inf],
  ...[t.RParen, t.RBracket, t.RBrace],
]);

export const openers: ReadonlyMap<TokenType, TokenType> = new Map([
  [t.RParen, t.LParen],
  [t.RBracket, t.LBracket],
  [t.RBrace, t.LBrace],
]);

/** For each token, whether the one before it ends an operand. */
export function followsOperand(tokens: readonly IToken[]): readonly boolean[] {
  const follows = [false];
  let closingBar = -1;
  tokens.forEach(({ tokenType }, i) => {
    const opensLength = tokenType === t.Bar && i !== closingBar && !follows[i];
    if (opensLength && tokens[i + 1]?.tokenType === t.Name) closingBar = i + 2;
    follows.push(endings.has(tokenType) || (tokenType === t.Bar && i === closingBar));
  });
  return follows;
}

/** For each `(`, `[`, `{`, the index of the token that closes it. A closer of the wrong kind closes nothing. */
export function closersOf(tokens: readonly IToken[]): ReadonlyMap<number, number> {
  const closers = new Map<number, number>();
  const open: number[] = [];
  tokens.forEach(({ tokenType }, i) => {
    if (tokenType === t.LParen || tokenType === t.LBracket || tokenType === t.LBrace) open.push(i);
    const opener = openers.get(tokenType);
    const innermost = open.at(-1);
    if (opener === undefined || innermost === undefined || tokens[innermost]?.tokenType !== opener) return;
    closers.set(innermost, i);
    open.pop();
  });
  return closers;
}
