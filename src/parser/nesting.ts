/**
 * Finds what nests too deep, before the parser and everything after it would follow it by recursion.
 *
 * Brackets, `if`, prefixes and powers nest to the right and cost the parser stack; operators and calls in a row
 * only make a tall tree, so many more of them are fine.
 */
import type { IToken, TokenType } from "chevrotain";
import { followsOperand } from "./operands.ts";
import * as t from "./tokens.ts";

export const nestingLimit = 64;
export const chainLimit = 500;

interface Level {
  nested: number;
  chained: number;
}

const opening: ReadonlySet<TokenType> = new Set([t.LParen, t.LBracket]);
const closing: ReadonlySet<TokenType> = new Set([t.RParen, t.RBracket]);
const chaining: ReadonlySet<TokenType> = new Set([...t.operators, t.LParen, t.LBracket]);

/** The first token beyond the limits, or null. Counts start anew at each statement, and in a bracket at each `,` and `>>`. */
export function findTooDeep(tokens: readonly IToken[]): IToken | null {
  const follows = followsOperand(tokens);
  let levels: Level[] = [{ nested: 0, chained: 0 }];
  let nested = 0;
  let chained = 0;
  const leave = (level: Level): void => {
    nested -= level.nested;
    chained -= level.chained;
  };
  for (const [i, token] of tokens.entries()) {
    const type = token.tokenType;
    if (t.isVirtual(token)) {
      levels = [{ nested: 0, chained: 0 }];
      nested = 0;
      chained = 0;
      continue;
    }
    if (closing.has(type) && levels.length > 1) leave(levels.pop()!);
    const level = levels.at(-1)!;
    if (type === t.Comma || type === t.Pipe) {
      leave(level);
      // The bracket itself stays counted where it was opened.
      level.nested = levels.length > 1 ? 1 : 0;
      level.chained = 0;
      nested += level.nested;
    }
    const prefix = !follows[i] && (type === t.Minus || type === t.Not);
    if (type === t.If || type === t.Caret || prefix) {
      level.nested++;
      nested++;
    } else if (follows[i] && chaining.has(type)) {
      level.chained++;
      chained++;
    }
    if (opening.has(type)) {
      levels.push({ nested: 1, chained: 0 });
      nested++;
    }
    if (nested > nestingLimit || chained > chainLimit) return token;
  }
  return null;
}
