/** One line of the textual form: its tokens, taken from the left. */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";

export interface Line {
  readonly fail: (message: string) => never;
  readonly peek: () => string | undefined;
  /** Takes the next token if it is this one. */
  readonly accept: (token: string) => boolean;
  readonly expect: (token: string) => void;
  /** A bare word or a quoted one. */
  readonly word: () => string;
  readonly number: () => number;
  /** `%name`, without the sign; null if something else comes. */
  readonly value: () => string | null;
  readonly end: () => void;
}

const pattern = /"(?:[^"\\]|\\.)*"|%?[^\s,[\]{}():="%]+|[[\]{}():=,]/gu;

export function readLine(text: string, number: number): Line {
  const tokens = text.match(pattern) ?? [];
  let at = 0;
  const fail = (message: string): never => {
    throw new CompilerBug(`line ${number}: ${message}: ${text.trim()}`);
  };
  const peek = (): string | undefined => tokens[at];
  const accept = (token: string): boolean => {
    if (tokens[at] !== token) return false;
    at++;
    return true;
  };
  const expect = (token: string): void => {
    if (!accept(token)) fail(`expected ${token}, not ${tokens[at] ?? "the end"}`);
  };
  const word = (): string => {
    const token = tokens[at++] ?? fail("expected a word");
    return token.startsWith('"') ? (JSON.parse(token) as string) : token;
  };
  return {
    fail,
    peek,
    accept,
    expect,
    word,
    number: () => {
      const token = word();
      const value = token === "inf" ? Infinity : token === "-inf" ? -Infinity : Number(token);
      return Number.isNaN(value) && token !== "NaN" ? fail(`expected a number, not ${token}`) : value;
    },
    value: () => (tokens[at]?.startsWith("%") ? tokens[at++]!.slice(1) : null),
    end: () => void (at < tokens.length && fail(`${tokens[at]} is too much`)),
  };
}
