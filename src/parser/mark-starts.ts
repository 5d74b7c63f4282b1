/**
 * Marks where statements begin and end, between the lexer and the parser.
 *
 * Newlines mean nothing in the language: a statement begins with a keyword, with `name =`, or with a name that
 * follows a complete operand. Marking those tokens first lets the grammar decide statements by one token, and
 * gives recovery real places to go on from: after an error the parser skips to the next start, not to the next
 * name. A virtual `END` before each start catches leftovers in the statement that they belong to, and a virtual
 * `BEGIN` stands before a pipeline of its own, which starts with a name like any other.
 *
 * The marks survive broken programs: a keyword that fits what follows it, or a line beginning with `name =`,
 * starts a statement even where a bracket is still open.
 */
import type { IToken, TokenType } from "chevrotain";
import { closersOf, followsOperand } from "./operands.ts";
import * as t from "./tokens.ts";

/** What follows a name and never a keyword. */
const usesName: ReadonlySet<TokenType> = new Set([
  ...[t.Equals, t.RParen, t.RBracket, t.Comma, t.Colon, t.Pipe],
  ...t.operators.filter((type) => type !== t.Minus),
]);

type Mode = "plain" | "definition" | "settings";

const { starters } = t;
const starterTypes: ReadonlySet<TokenType> = new Set(Object.values(starters));
const definitions: ReadonlySet<TokenType> = new Set([starters.fn, starters.cell, starters.loss]);
const blocks: ReadonlySet<TokenType> = new Set([starters.train, starters.decode]);
const bindings: ReadonlySet<TokenType> = new Set([starters.let, starters.net]);
const withValue: ReadonlySet<TokenType> = new Set([starters.minimize, starters.return, starters.predict]);
/** After these a name with `=` is not a statement: `state c[n], h = …`, `let x = …`, `x = y = …`. */
const introducers: ReadonlySet<TokenType> = new Set([...starterTypes, t.BodyParam, t.Comma, t.Equals, t.Bar]);

export function markStarts(lexed: readonly IToken[], source: string): readonly IToken[] {
  const follows = followsOperand(lexed);
  const closers = closersOf(lexed);
  const marked: IToken[] = [];
  let mode: Mode = "plain";
  let inBraces = false;
  let depth = 0;

  const endType = (): TokenType => (mode === "definition" ? t.BodyEnd : t.End);

  lexed.forEach((token, i) => {
    const type = token.tokenType;
    const previous = lexed[i - 1];
    const next = lexed[i + 1]?.tokenType;
    const inBody = mode === "definition";
    const atStart = previous === undefined || follows[i] || (inBody && previous.tokenType === t.LBrace);
    const onNewLine =
      previous === undefined || /[\r\n]/.test(source.slice(previous.startOffset, token.startOffset));

    const start = (as: TokenType): void => {
      if (previous !== undefined && !(inBody && previous.tokenType === t.LBrace))
        marked.push(virtual(endType(), t.spanOf(previous).end));
      if (as === t.Name) marked.push(virtual(t.Begin, token.startOffset));
      marked.push(retag(token, as));
      depth = 0;
    };
    const asName = (): void => {
      const subscripted = next === t.LBracket ? lexed[(closers.get(i + 1) ?? lexed.length) + 1] : undefined;
      const defines = next === t.Equals || subscripted?.tokenType === t.Equals;
      if (
        depth > 0
          ? atStart && onNewLine && defines
          : defines && (atStart || (onNewLine && !introducers.has(previous.tokenType)))
      )
        start(inBody ? t.Equates : t.Defines);
      else if (depth > 0 || !atStart) marked.push(token);
      else if (inBody) marked.push(retag(token, t.Strays));
      else start(t.Name);
    };
    const asStarter = (): void => {
      const stray = () => marked.push(retag(token, t.Strays));
      if (!(onNewLine ? mayStart(next) : atStart && fits(type, next))) stray();
      else if (inBody && type === starters.param) start(t.BodyParam);
      else if (t.bodyStarters.includes(type)) inBody ? start(type) : stray();
      else if (inBraces && inBody && bindings.has(type) && !atMargin(source, token)) stray();
      else {
        start(type);
        inBraces = false;
        mode = definitions.has(type) ? "definition" : blocks.has(type) ? "settings" : "plain";
      }
    };

    const separator = previous?.tokenType === t.LParen || previous?.tokenType === t.Comma;
    if (depth > 0 && separator && next === t.Equals && t.keywordNames.has(token.image))
      marked.push(retag(token, t.ArgumentName));
    else if (starterTypes.has(type)) asStarter();
    else if (type === t.Name && mode !== "settings") asName();
    else {
      if (type === t.LBrace || type === t.RBrace) {
        depth = 0;
        const closes = type === t.RBrace && inBraces;
        if (closes && inBody && previous?.tokenType !== t.LBrace)
          marked.push(virtual(t.BodyEnd, t.spanOf(previous ?? token).end));
        inBraces = type === t.LBrace && mode !== "plain";
        if (closes) mode = "plain";
      }
      if (type === t.LParen || type === t.LBracket) depth++;
      if (type === t.RParen || type === t.RBracket) depth = Math.max(0, depth - 1);
      marked.push(token);
    }
  });
  const last = lexed.at(-1);
  if (last === undefined) return marked;
  return [...marked, virtual(endType(), t.spanOf(last).end)];
}

/** At the beginning of a line a keyword was hardly meant as a name, unless what follows uses it as one. */
const mayStart = (next: TokenType | undefined): boolean => next !== undefined && !usesName.has(next);

/** Elsewhere a keyword starts a statement if the next token goes with it. */
function fits(keyword: TokenType, next: TokenType | undefined): boolean {
  if (next === undefined || usesName.has(next)) return false;
  if (blocks.has(keyword)) return next === t.LBrace;
  if (keyword === starters.import) return next === t.StringToken;
  return withValue.has(keyword) || next === t.Name || starterTypes.has(next);
}

const retag = (token: IToken, type: TokenType): IToken => ({
  ...token,
  tokenType: type,
  tokenTypeIdx: type.tokenTypeIdx!,
});

const virtual = (type: TokenType, offset: number): IToken => ({
  image: "",
  startOffset: offset,
  endOffset: offset - 1,
  tokenType: type,
  tokenTypeIdx: type.tokenTypeIdx!,
});

/** At the first column: a definition's statements are indented, so this one is outside it. */
const atMargin = (source: string, { startOffset }: IToken): boolean =>
  startOffset === 0 || /[\r\n]/.test(source.charAt(startOffset - 1));
