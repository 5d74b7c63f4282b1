/**
 * What the parser could not follow, said in the language's words.
 *
 * Chevrotain knows which token it wanted and which it found; a reader wants to know which bracket is open, what
 * an `=` should have been, which word is reserved. The readings are tried from the most particular to the most
 * general, and the last always holds.
 */
import type { IToken, TokenType } from "chevrotain";
import type { Code } from "../diagnostics/catalogue.ts";
import type { Note, Reporter } from "../diagnostics/diagnostic.ts";
import type { Span } from "./ast.ts";
import * as t from "./tokens.ts";

/** Where the parser stopped, with `END`s looked through. */
export interface Site {
  /** The tokens of the top-level statement so far. */
  readonly before: readonly IToken[];
  /** Null at the end of the file. */
  readonly found: IToken | null;
  readonly following: IToken | null;
  readonly previous: IToken | null;
  /** The statement is over: `found` starts another. */
  readonly ended: boolean;
  readonly afterOperand: boolean;
  /** The name of the token wanted, or "" where several would have done. */
  readonly wanted: string;
  readonly rules: readonly string[];
  /** The brackets still open, innermost last. */
  readonly open: readonly IToken[];
}

interface Finding {
  readonly code: Code;
  readonly span: Span;
  readonly words?: Readonly<Record<string, string | number>>;
  readonly notes?: readonly Note[];
}

type Reading = (site: Site) => Finding | null;

export function readSyntaxError(site: Site, reporter: Reporter): void {
  let finding: Finding | null = null;
  for (const read of readings) {
    finding ??= read(site);
  }
  const { code, span, words, notes } = finding ?? unexpected(site);
  reporter.report(code, span, words, notes);
}

// ---- words ------------------------------------------------------------------------------------------------

const misplacedKeyword = ({ found, following, previous, wanted, rules, ended }: Site): Finding | null => {
  if (found === null || !t.keywordNames.has(found.image)) return null;
  const word = { name: found.image };
  const span = t.spanOf(found);
  const inBody = rules.includes("definition");
  const stray = found.tokenType === t.Strays;
  const named = following?.tokenType === t.Name && previous?.tokenType !== t.LParen;
  if (stray && inBody && (found.image === "let" || found.image === "net") && named)
    return { code: "let-in-body", span, words: { ...word, given: following.image } };
  const assigned = following?.tokenType === t.Equals;
  if (stray && !inBody && ["state", "return", "predict"].includes(found.image) && !assigned)
    return { code: "outside-body", span, words: word };
  const meantAsName = stray || (wanted === "Name" && !ended) || found.tokenType === t.ArgumentName;
  return meantAsName ? { code: "keyword-as-name", span, words: word } : null;
};

/** `import torch`, `from torch import nn`. */
const foreignImport = ({ found, following, previous, wanted }: Site): Finding | null => {
  const isPython = found?.image === "import" && following?.tokenType === t.Name;
  const isUnquoted = wanted === "String" && previous?.image === "import";
  return found !== null && (isPython || isUnquoted)
    ? { code: "import-without-file", span: t.spanOf(found) }
    : null;
};

const strayName = ({ found, rules, wanted }: Site): Finding | null =>
  found?.tokenType === t.Strays && (wanted === "BodyEnd" || wanted === "}") && rules.includes("definition")
    ? { code: "expression-in-body", span: t.spanOf(found) }
    : null;

// ---- signs with a meaning elsewhere -------------------------------------------------------------------------

const strayEquals = ({ found, before, open, rules, wanted }: Site): Finding | null => {
  if (found?.tokenType !== t.Equals) return null;
  const span = t.spanOf(found);
  if (wanted === "{") return { code: "body-without-braces", span, words: { name: before[1]?.image ?? "f" } };
  if (rules.includes("settings") && open.at(-1)?.tokenType === t.LBrace)
    return { code: "setting-punctuation", span, words: { sign: "=" } };
  return wanted === ":" ? null : { code: "stray-equals", span };
};

const settingPunctuation = ({ found, open, rules }: Site): Finding | null =>
  found !== null &&
  rules.includes("settings") &&
  open.at(-1)?.tokenType === t.LBrace &&
  (found.tokenType === t.Colon || found.tokenType === t.Comma)
    ? { code: "setting-punctuation", span: t.spanOf(found), words: { sign: found.image } }
    : null;

const badLength = ({ found, previous, before, wanted, rules }: Site): Finding | null => {
  if (found === null || rules.at(-1) !== "primary") return null;
  const bar = wanted === "|" ? before.at(-2) : wanted === "Name" ? previous : null;
  if (bar?.tokenType !== t.Bar || found.tokenType === t.Bar) return null;
  return { code: "length-of-expression", span: between(bar, found) };
};

const strayBar = ({ found, afterOperand }: Site): Finding | null =>
  found?.tokenType === t.Bar && afterOperand ? { code: "stray-bar", span: t.spanOf(found) } : null;

// ---- brackets ---------------------------------------------------------------------------------------------

const closing: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };
const isCloser = (token: IToken | null): token is IToken =>
  token !== null && [")", "]", "}"].includes(token.image);

const bracket = ({ found, previous, open, ended, afterOperand, wanted }: Site): Finding | null => {
  const opener = open.at(-1);
  if (opener === undefined || previous === opener) return null;
  const close = closing[opener.image]!;
  const complete = afterOperand || wanted === close;
  if (!complete) return null;
  const words = { open: opener.image, close };
  const outer = isCloser(found) && open.some(({ image }) => closing[image] === found.image);
  if (ended || (outer && found.image !== close)) {
    const notes = found === null ? [] : [note(`${describe(found)} comes where \`${close}\` was due`, found)];
    return { code: "unclosed-bracket", span: t.spanOf(opener), words, notes };
  }
  if (isCloser(found) && found.image !== close && opener.tokenType !== t.LBrace) {
    const notes = [note(`\`${opener.image}\` opens here`, opener)];
    return {
      code: "mismatched-bracket",
      span: t.spanOf(found),
      words: { ...words, found: found.image },
      notes,
    };
  }
  return null;
};

const unmatchedBracket = ({ found, open, afterOperand }: Site): Finding | null =>
  isCloser(found) &&
  !open.some(({ image }) => closing[image] === found.image) &&
  (afterOperand || open.length === 0)
    ? { code: "unmatched-bracket", span: t.spanOf(found), words: { close: found.image } }
    : null;

const emptyBrackets = ({ found, previous }: Site): Finding | null =>
  isCloser(found) && previous !== null && closing[previous.image] === found.image
    ? {
        code: "empty-brackets",
        span: between(previous, found),
        words: { pair: previous.image + found.image },
      }
    : null;

const trailingComma = ({ found, previous }: Site): Finding | null =>
  isCloser(found) && previous?.tokenType === t.Comma
    ? { code: "trailing-comma", span: t.spanOf(previous), words: { close: found.image } }
    : null;

// ---- operands and operators ---------------------------------------------------------------------------------

const isOperator = (token: IToken | null): token is IToken =>
  token !== null && (t.operators.includes(token.tokenType) || [t.Not, t.Pipe].includes(token.tokenType));

const comment = "A comment starts with `#`, and ends with its line.";

/** Signs of other languages that come apart into two of ours. */
const familiar: Readonly<Record<string, string>> = {
  "**": "A power is written `x^2`.",
  "//": comment,
  "/*": comment,
  "*/": comment,
  "->": "Stages are joined by `>>`.",
  "++": "There is no `++`; write an equation for the next step.",
  ">>=": "To name a value, write `let name = …`.",
};

/** What two signs without a blank between them mean elsewhere, said in our words; else nothing. */
const familiarSign = (first: IToken, second: IToken | null): string =>
  second !== null && second.startOffset === t.spanOf(first).end
    ? (familiar[first.image + second.image] ?? "")
    : "";

const missingOperand = ({ found, previous, afterOperand, rules }: Site): Finding | null => {
  if (afterOperand || !["choice", "primary"].includes(rules.at(-1) ?? "")) return null;
  if (isOperator(previous)) {
    if (found?.tokenType === t.If)
      return { code: "if-in-operator", span: t.spanOf(found), words: sign(previous) };
    const way = familiarSign(previous, found);
    return {
      code: "missing-operand",
      span: t.spanOf(previous),
      words: { ...sign(previous), side: "right", way },
    };
  }
  if (isOperator(found) && found.tokenType !== t.Not)
    return {
      code: "missing-operand",
      span: t.spanOf(found),
      words: { ...sign(found), side: "left", way: "" },
    };
  return null;
};

const incompleteIf = ({ found, before, wanted, afterOperand, ended }: Site): Finding | null => {
  if ((wanted !== "then" && wanted !== "else") || !afterOperand) return null;
  const start = openIf(before) ?? before[0]!;
  if (found?.tokenType === t.Pipe) return { code: "pipe-in-if", span: t.spanOf(found) };
  const notes = ended ? [] : [note(`${describe(found!)} comes where \`${wanted}\` was due`, found!)];
  return { code: "incomplete-if", span: t.spanOf(start), words: { part: wanted }, notes };
};

/** The last `if` that has no `else` yet. */
function openIf(before: readonly IToken[]): IToken | undefined {
  const open: IToken[] = [];
  for (const token of before) {
    if (token.tokenType === t.If) open.push(token);
    if (token.tokenType === t.Else) open.pop();
  }
  return open.at(-1);
}

/** `dense 127`, `sum(a b)`: two operands with nothing between them. */
const juxtaposed = ({ found, previous, open, afterOperand }: Site): Finding | null => {
  if (!afterOperand || found === null || previous === null || !operandStarts.includes(found.tokenType))
    return null;
  const span = t.spanOf(found);
  const opener = open.at(-1);
  const literal = found.tokenType === t.NumberToken || found.tokenType === t.StringToken;
  if (previous.tokenType === t.Name && literal && opener?.tokenType !== t.LBracket)
    return { code: "call-without-parentheses", span, words: { name: previous.image, given: found.image } };
  if (opener === undefined || opener.tokenType === t.LBrace) return null;
  return { code: "missing-comma", span, words: { found: found.image, close: closing[opener.image]! } };
};
const operandStarts: readonly TokenType[] = [
  t.Name,
  t.NumberToken,
  t.StringToken,
  t.Inf,
  t.If,
  t.Not,
  t.LBrace,
];

/** `z[u] = …` at the top level. */
const equationOutside = ({ found, wanted, rules }: Site): Finding | null =>
  found?.tokenType === t.LBracket && wanted === "=" && rules.at(-1) === "binding"
    ? { code: "equation-outside", span: t.spanOf(found) }
    : null;

// ---- the rest ---------------------------------------------------------------------------------------------

const readings: readonly Reading[] = [
  foreignImport,
  misplacedKeyword,
  strayEquals,
  settingPunctuation,
  badLength,
  strayBar,
  emptyBrackets,
  trailingComma,
  missingOperand,
  incompleteIf,
  strayName,
  juxtaposed,
  bracket,
  unmatchedBracket,
  equationOutside,
];

function unexpected({ found, following, previous, wanted, rules, ended }: Site): Finding {
  const expected = wording(wanted, rules.at(-1) ?? "program", previous);
  const here: Span = previous === null ? { start: 0, end: 0 } : t.spanOf(previous);
  if (previous !== null && ended) {
    const after = { start: here.end, end: here.end };
    return { code: "unfinished-statement", span: after, words: { expected, previous: previous.image } };
  }
  const span = found === null ? here : t.spanOf(found);
  return {
    code: "unexpected-token",
    span,
    words: {
      found: found === null ? "the end of the file" : describe(found),
      expected,
      way: found === null ? "" : familiarSign(found, following),
    },
  };
}

function wording(wanted: string, rule: string, previous: IToken | null): string {
  if (wanted === ")" && previous?.tokenType === t.LParen) return rule === "parameters" ? "a name" : "a value";
  if (wanted === "(" && rule === "parameters") return "a list of parameters in parentheses";
  if (wanted === ":" && rule === "data") return "`:` with a type";
  if (wanted === "") return wordings[rule] ?? "a value";
  return wordings[wanted] ?? `\`${wanted}\``;
}
const wordings: Readonly<Record<string, string>> = {
  Name: "a name",
  End: "an operator or the next statement",
  BodyEnd: "an operator or the next equation",
  EOF: "a statement",
  String: "a string",
  choices: "`flag` or one of some words",
  program: "a statement",
  statement: "a statement",
};

function describe(token: IToken): string {
  if (t.keywordNames.has(token.image)) return `the keyword \`${token.image}\``;
  return `\`${token.image}\``;
}

const sign = (token: IToken) => ({ sign: token.image });
const between = (from: IToken, to: IToken): Span => ({ start: from.startOffset, end: t.spanOf(to).end });
const note = (message: string, token: IToken): Note => ({ message, file: "", span: t.spanOf(token) });
