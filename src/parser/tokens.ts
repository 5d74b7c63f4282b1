/**
 * The words and signs of the language, and the lexer that finds them.
 *
 * Identifiers hold Unicode letters and primes (`α`, `β1`, `k'`). Chevrotain drops the `u` flag of a regular
 * expression, so words are found by a matcher of our own. Numbers are matched greedily with whatever clings to
 * them (`3x`, `1e`, `0.5.2`): one diagnostic about the number reads better than three about its pieces.
 */
import { createToken, Lexer, type ILexingResult, type IToken, type TokenType } from "chevrotain";
import type { Span } from "./ast.ts";

/** A matcher for Chevrotain: `lastIndex` is set anew on every call, so the pattern carries nothing over. */
const matcher = (pattern: RegExp) => (text: string, offset: number) => {
  pattern.lastIndex = offset;
  return pattern.exec(text);
};
const word = matcher(/[\p{L}_][\p{L}\p{M}\p{N}_']*/uy);
const number = matcher(/\.?\d(?:[eE][+-]\d|[\p{L}\p{M}\p{N}_.'])*/uy);

export const Name = createToken({ name: "Name", label: "NAME", pattern: word, line_breaks: false });
export const NumberToken = createToken({
  name: "Number",
  label: "NUMBER",
  pattern: number,
  line_breaks: false,
});
export const StringToken = createToken({ name: "String", label: "STRING", pattern: /"[^"\r\n]*"?/ });

// ---- words ------------------------------------------------------------------------------------------------

const keyword = (word: string): TokenType =>
  createToken({ name: word, label: `"${word}"`, pattern: word, longer_alt: Name });

/** The words that begin a statement, at the top level or (the last three, and `param`) in a body. */
export const starters = {
  import: keyword("import"),
  input: keyword("input"),
  target: keyword("target"),
  param: keyword("param"),
  let: keyword("let"),
  net: keyword("net"),
  fn: keyword("fn"),
  cell: keyword("cell"),
  loss: keyword("loss"),
  output: keyword("output"),
  minimize: keyword("minimize"),
  train: keyword("train"),
  decode: keyword("decode"),
  state: keyword("state"),
  return: keyword("return"),
  predict: keyword("predict"),
} as const;

export const bodyStarters: readonly TokenType[] = [starters.state, starters.return, starters.predict];
export const topStarters: readonly TokenType[] = Object.values(starters).filter(
  (type) => !bodyStarters.includes(type),
);

export const If = keyword("if");
export const Then = keyword("then");
export const Else = keyword("else");
export const Not = keyword("not");
export const Inf = keyword("inf");

// ---- signs ------------------------------------------------------------------------------------------------

/** Every sign or word that can stand between two operands; precedences are in `build-expression.ts`. */
export const Operator = createToken({ name: "Operator", label: "OPERATOR", pattern: Lexer.NA });
const operator = (sign: string): TokenType =>
  createToken({ name: sign, label: `"${sign}"`, pattern: sign, categories: Operator });
const wordOperator = (word: string): TokenType =>
  createToken({ name: word, label: `"${word}"`, pattern: word, categories: Operator, longer_alt: Name });
const sign = (text: string): TokenType => createToken({ name: text, label: `"${text}"`, pattern: text });

export const Minus = operator("-");
export const Caret = operator("^");
export const operators: readonly TokenType[] = [
  ...["==", "!=", "<=", ">=", "<", ">", "+"].map(operator),
  Minus,
  ...["*", "/", "%", "@"].map(operator),
  Caret,
  ...["and", "or"].map(wordOperator),
];

export const Pipe = sign(">>");
export const Equals = sign("=");
export const Bar = sign("|");
export const Colon = sign(":");
export const Comma = sign(",");
export const LParen = sign("(");
export const RParen = sign(")");
export const LBracket = sign("[");
export const RBracket = sign("]");
export const LBrace = sign("{");
export const RBrace = sign("}");

// ---- types that `mark-starts.ts` gives to tokens by their place; the lexer never makes them -------------------

const marked = (name: string, label: string): TokenType => createToken({ name, label, pattern: Lexer.NA });

/** `name` of a top-level `name = …`. */
export const Defines = marked("Defines", "NAME");
/** `name` of an equation. */
export const Equates = marked("Equates", "NAME");
/** `param` in a body. */
export const BodyParam = marked("BodyParam", '"param"');
/** A keyword before `=` in an argument list, where it is a plain name. */
export const ArgumentName = marked("ArgumentName", "KEYWORD");
/** A name or keyword where nothing can begin: no rule accepts it. */
export const Strays = marked("Strays", "a stray word");
/** The end of a statement: takes no text, and stands before the next start, a body's `}` and the end of the file. */
export const End = marked("End", "END");
/** The same in a body: a type of its own, or recovery in a body would stop at it for the definition's sake. */
export const BodyEnd = marked("BodyEnd", "END");
/** Stands, without text, before a pipeline that is a statement of its own. */
export const Begin = marked("Begin", "BEGIN");
export const isVirtual = ({ tokenType }: IToken): boolean =>
  tokenType === End || tokenType === BodyEnd || tokenType === Begin;

// ---- the lexer --------------------------------------------------------------------------------------------

const White = createToken({ name: "White", pattern: /\s+/, group: Lexer.SKIPPED, line_breaks: true });
const CommentToken = createToken({ name: "Comment", pattern: /#[^\r\n]*/, group: "comments" });

const keywords: readonly TokenType[] = [...Object.values(starters), If, Then, Else, Not, Inf];

/** Longer signs come before their beginnings, and words before `Name`. */
export const allTokens: readonly TokenType[] = [
  White,
  CommentToken,
  ...keywords,
  ...operators.filter((type) => type.LONGER_ALT !== undefined),
  Name,
  NumberToken,
  StringToken,
  Pipe,
  ...operators.filter((type) => type.LONGER_ALT === undefined),
  Operator,
  ...[Equals, Bar, Colon, Comma, LParen, RParen, LBracket, RBracket, LBrace, RBrace],
  ...[Defines, Equates, BodyParam, ArgumentName, Strays, End, BodyEnd, Begin],
];

export const keywordNames: ReadonlySet<string> = new Set([...keywords.map((type) => type.name), "and", "or"]);

export const createLexer = (): Lexer =>
  new Lexer([...allTokens], { positionTracking: "onlyOffset", skipValidations: true });

/** With ends, which the parser's places need and Chevrotain fills in only together with lines and columns. */
export function tokenize(lexer: Lexer, source: string): ILexingResult {
  const lexed = lexer.tokenize(source);
  for (const token of lexed.tokens) token.endOffset = token.startOffset + token.image.length - 1;
  return lexed;
}

export const spanOf = ({ startOffset, image }: IToken): Span => ({
  start: startOffset,
  end: startOffset + image.length,
});
