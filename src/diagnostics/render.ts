/**
 * A diagnostic as a picture: code and message, the place, the source line with carets under the span, the notes with
 * their places, and the way out.
 *
 *     error[comparison-chain]: Comparisons do not chain.
 *       --> gate.rnn:3:13
 *        |
 *      3 |   h = if a < b < c then x else y
 *        |              ^
 *        = hint: Write `a < b and b < c`.
 */
import type { Span } from "../parser/ast.ts";
import type { Diagnostic, Note } from "./diagnostic.ts";

export interface RenderOptions {
  readonly color: boolean;
}

const tab = "    ";
/** Of a longer line only the part around the span is shown. */
const widest = 120;

export function render(
  diagnostic: Diagnostic,
  /** The texts of the files, for their lines; of a file that is not there only the place is shown. */
  sources: ReadonlyMap<string, string> = new Map(),
  { color }: RenderOptions = { color: false },
): string {
  const paint = color ? painted : plain;
  const { severity, code, message, file, span, notes, hint } = diagnostic;
  const strong = severity === "error" ? paint.error : paint.warning;
  const places = [{ file, span }, ...notes];
  const gutter = Math.max(...places.map((place) => lineNumberWidth(place, sources)));
  const lines = [
    `${strong(`${severity}[${code}]`)}${paint.bold(`: ${message}`)}`,
    ...excerpt({ file, span }, sources, gutter, paint, "^", strong),
  ];
  for (const note of notes) {
    lines.push(`${" ".repeat(gutter + 1)}${paint.dim("=")} ${paint.bold("note")}: ${note.message}`);
    lines.push(...excerpt(note, sources, gutter, paint, "-", paint.note));
  }
  if (hint !== null) lines.push(`${" ".repeat(gutter + 1)}${paint.dim("=")} ${paint.bold("hint")}: ${hint}`);
  return lines.join("\n");
}

/** Line and column from 1; columns count characters, not UTF-16 units. */
export function locate(source: string, offset: number): { line: number; column: number; text: string } {
  const before = source.slice(0, offset).split(/\r\n|\r|\n/);
  const start = offset - before.at(-1)!.length;
  const text = /^[^\r\n]*/.exec(source.slice(start))![0];
  return { line: before.length, column: [...before.at(-1)!].length + 1, text };
}

// ---- excerpts ---------------------------------------------------------------------------------------------

type Place = Pick<Note, "file" | "span">;
type Paint = Readonly<Record<"error" | "warning" | "note" | "bold" | "dim", (text: string) => string>>;

function excerpt(
  { file, span }: Place,
  sources: ReadonlyMap<string, string>,
  gutter: number,
  paint: Paint,
  mark: string,
  strong: (text: string) => string,
): readonly string[] {
  if (span === null) return [];
  const source = sources.get(file);
  const margin = " ".repeat(gutter);
  if (source === undefined) return [`${margin}${paint.dim("-->")} ${file}`];
  const { line, column, text } = locate(source, span.start);
  const [shown, offset, length] = display(text, column - 1, lengthInLine(source, span));
  const bar = paint.dim("|");
  return [
    `${margin}${paint.dim("-->")} ${file}:${line}:${column}`,
    `${margin} ${bar}`,
    `${paint.dim(String(line).padStart(gutter))} ${bar} ${shown}`.trimEnd(),
    `${margin} ${bar} ${" ".repeat(offset)}${strong(mark.repeat(length))}`,
  ];
}

const lineNumberWidth = ({ file, span }: Place, sources: ReadonlyMap<string, string>): number => {
  const source = sources.get(file);
  return span === null || source === undefined ? 1 : String(locate(source, span.start).line).length;
};

/** How many characters of the span are on its first line; a caret is shown even under nothing. */
const lengthInLine = (source: string, { start, end }: Span): number =>
  Math.max(1, [...source.slice(start, end).split(/[\r\n]/, 1)[0]!].length);

/** The line with tabs as spaces, and where the marks go; combining letters take no room. */
function display(text: string, from: number, count: number): readonly [string, number, number] {
  const cells = [...text].map((letter) => (letter === "\t" ? tab : letter.replace(/\p{Cc}/u, "\ufffd")));
  const first = cells.length > widest ? Math.max(0, Math.min(from - widest / 3, cells.length - widest)) : 0;
  const begin = Math.floor(first);
  const shown = cells.slice(begin, begin + widest);
  const left = begin > 0 ? "…" : "";
  const right = begin + widest < cells.length ? "…" : "";
  const offset = width(left) + width(shown.slice(0, from - begin).join(""));
  const marked = shown.slice(from - begin, from - begin + count).join("");
  return [left + shown.join("") + right, offset, Math.max(1, width(marked))];
}

const width = (text: string): number => [...text].filter((letter) => !/\p{M}/u.test(letter)).length;

// ---- colours ----------------------------------------------------------------------------------------------

const escape = (code: number, close: number) => (text: string) => `\u001b[${code}m${text}\u001b[${close}m`;
const same = (text: string): string => text;
const plain: Paint = { error: same, warning: same, note: same, bold: same, dim: same };
const painted: Paint = {
  error: escape(31, 39),
  warning: escape(33, 39),
  note: escape(36, 39),
  bold: escape(1, 22),
  dim: escape(2, 22),
};
