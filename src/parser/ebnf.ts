/**
 * The grammar as EBNF (ISO 14977), printed from the parser's own rules, so that `grammar/rnn.ebnf` can't differ from
 * what is parsed. Marks without text (`END`, `BEGIN`) are left out; the remarks at the top say what they do.
 */
import {
  Alternation,
  Alternative,
  NonTerminal,
  Option,
  Repetition,
  RepetitionMandatoryWithSeparator,
  Terminal,
  tokenLabel,
  type IProduction,
} from "chevrotain";
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { comparisonPrecedence, minusPrecedence, notPrecedence, precedences } from "./build-expression.ts";
import { RnnParser } from "./grammar.ts";
import * as t from "./tokens.ts";

const preface = `(* The grammar of .rnn programs, printed from the parser by src/parser/ebnf.ts.

   White space and line breaks separate tokens and mean nothing else. A statement ends where the next one starts: at
   a keyword, at a name followed by "=" (in a body also by "[…] ="), or at the top level at a name after a complete
   expression. A token that can continue an expression does. So a pipeline that is a statement starts with a name.
   Inside an index "|" starts the filler; before an operand it opens a length. *)
`;

export function ebnf(): string {
  const rules = Object.values(new RnnParser().getGAstProductions());
  // Statements first; the parser has the expressions in its base class.
  const top = rules.findIndex(({ name }) => name === "program");
  const grammar = [...rules.slice(top), ...rules.slice(0, top)].map(
    ({ name, definition }) => `${name} = ${sequence(definition)} ;`,
  );
  return `${[preface, ...[...grammar, ...lexicon()].map(wrap)].join("\n")}\n`;
}

// ---- rules ------------------------------------------------------------------------------------------------

const isMark = (part: IProduction): boolean =>
  part instanceof Terminal && [t.End, t.BodyEnd, t.Begin].includes(part.terminalType);

function sequence(parts: readonly IProduction[]): string {
  const real = parts.filter((part) => !isMark(part));
  const texts = real.map((part) => {
    const text = production(part);
    return part instanceof Alternation && real.length > 1 && text.includes(" | ") ? `( ${text} )` : text;
  });
  return texts.join(" , ");
}

function production(part: IProduction): string {
  if (part instanceof Terminal) return tokenLabel(part.terminalType);
  if (part instanceof NonTerminal) return part.nonTerminalName;
  if (part instanceof Alternative) return sequence(part.definition);
  // Marks by place look alike in text, such as the two kinds of `param`.
  if (part instanceof Alternation) return [...new Set(part.definition.map(production))].join(" | ");
  if (part instanceof Option) return `[ ${sequence(part.definition)} ]`;
  if (part instanceof RepetitionMandatoryWithSeparator) {
    const item = sequence(part.definition);
    return `${item} , { ${tokenLabel(part.separator)} , ${item} }`;
  }
  if (part instanceof Repetition) return `{ ${sequence(part.definition)} }`;
  throw new CompilerBug("The grammar uses a form that the EBNF has no words for");
}

// ---- tokens -----------------------------------------------------------------------------------------------

/** Operators by precedence, from the table that the AST is built with. */
function operatorTable(): string {
  const signs = Object.entries(precedences);
  const rows = [...new Set(Object.values(precedences))].map((precedence) => {
    const words = signs.filter(([, other]) => other === precedence).map(([sign]) => sign);
    const grouping =
      precedence === comparisonPrecedence
        ? ["(no chains)"]
        : precedence > minusPrecedence
          ? ["(to the right)"]
          : [];
    return { precedence, text: [...words, ...grouping].join("  ") };
  });
  rows.push(
    { precedence: notPrecedence, text: "not  (prefix)" },
    { precedence: minusPrecedence, text: "-  (prefix)" },
  );
  return rows
    .toSorted((a, b) => a.precedence - b.precedence)
    .map(({ text }) => `     ${text}`)
    .join("\n");
}

const quoted = (words: Iterable<string>): string => [...words].map((word) => `"${word}"`).join(" | ");

const lexicon = (): readonly string[] => [
  `\n(* Operators, loosest first. ">>" and "if" are looser than all of them.\n\n${operatorTable()} *)`,
  `OPERATOR = ${quoted(t.operators.map(({ name }) => name))} ;`,
  `\nNAME = ? a letter or "_", then letters, digits, "_" and "'", of any script; not a keyword ? ;`,
  `NUMBER = ? digits, perhaps "." and digits, perhaps "e" with an exponent ? ;`,
  `STRING = ? '"', anything but '"' and line breaks, '"' ? ;`,
  `COMMENT = ? "#" and the rest of the line ? ;`,
  `KEYWORD = ${quoted(t.keywordNames)} ;`,
];

/** Breaks a long rule before its alternatives, under each other. */
function wrap(rule: string): string {
  if (rule.length <= 110 || rule.includes("(*")) return rule;
  const lines: string[] = [];
  let rest = rule;
  while (rest.length > 106) {
    const at = rest.slice(0, 106).lastIndexOf(" | ");
    if (at < 0) break;
    lines.push(rest.slice(0, at));
    rest = `   ${rest.slice(at)}`;
  }
  return [...lines, rest].join("\n");
}
