/**
 * Statements one under another, with what the author meant by layout: rows of several statements, blank lines between
 * groups, and comments above, beside and below. Comments beside neighbouring rows are aligned.
 */
import type { Span } from "./ast.ts";
import { columns, widthOf } from "./layout.ts";
import type { Remarks } from "./remarks.ts";

/** Between statements on one line. */
const rowGap = "   ";

interface Row {
  readonly text: string;
  readonly remark: string | null;
}

export interface Sequence {
  /** Without the margin; a statement of several lines is several. */
  readonly lines: readonly string[];
  /** The statements alone, each by itself. */
  readonly texts: readonly string[];
}

/** `end` bounds the comments that belong here; `margin` columns will stand before each line. */
export function printSequence<Item extends { readonly span: Span }>(
  items: readonly Item[],
  print: (item: Item) => string,
  end: number,
  margin: number,
  remarks: Remarks,
): Sequence {
  const rows: Row[] = [];
  const all: string[] = [];
  let lastLine: number | null = null;

  const add = (row: Row, firstLine: number, toLine: number): void => {
    if (lastLine !== null && firstLine - lastLine > 1) rows.push({ text: "", remark: null });
    rows.push(row);
    lastLine = Math.max(lastLine ?? 0, toLine);
  };
  const addComments = (before: number): void => {
    for (const { text, span } of remarks.before(before)) {
      const line = remarks.lineOf(span.start);
      add({ text, remark: null }, line, line);
    }
  };

  for (let i = 0; i < items.length;) {
    const row = rowFrom(items, i, remarks);
    i += row.length;
    const first = row[0]!.span.start;
    const last = row.at(-1)!.span.end;
    addComments(first);
    const texts = row.map(print);
    for (const text of texts) all.push(text);
    const beside = remarks.atEndOfLine(last, items[i]?.span.start ?? end);
    const joined = texts.join(rowGap);
    const fits = !joined.includes("\n") && margin + widthOf(joined) <= columns;
    const set = fits ? [joined] : texts;
    const firstLine = remarks.lineOf(first);
    const lastWidth = margin + widthOf(set.at(-1)!.split("\n").at(-1)!);
    const room = beside === null || lastWidth + 2 + widthOf(beside.text) <= columns;
    if (!room) add({ text: beside.text, remark: null }, firstLine, firstLine);
    set.forEach((text, k) => {
      const remark = room && k === set.length - 1 ? (beside?.text ?? null) : null;
      add({ text, remark }, firstLine, remarks.lineOf(last - 1));
    });
    // Comments inside the row that no part of an expression has taken.
    addComments(last);
  }
  addComments(end);
  return {
    lines: align(rows, margin).flatMap((text) => text.split("\n")),
    texts: all,
  };
}

/** The items from `i` on that were written on one line. */
function rowFrom<Item extends { readonly span: Span }>(
  items: readonly Item[],
  i: number,
  remarks: Remarks,
): Item[] {
  const row = [items[i]!];
  for (let next = items[i + 1]; next !== undefined; next = items[i + row.length]) {
    if (remarks.lineOf(row.at(-1)!.span.end - 1) !== remarks.lineOf(next.span.start)) break;
    row.push(next);
  }
  return row;
}

/** Comments beside neighbouring rows stand under each other, if all have room there. */
function align(rows: readonly Row[], margin: number): readonly string[] {
  const texts: string[] = [];
  for (let i = 0; i < rows.length;) {
    let end = i;
    while (rows[end] !== undefined && rows[end]!.remark !== null && !rows[end]!.text.includes("\n")) end++;
    const run = rows.slice(i, Math.max(end, i + 1));
    const column = run.reduce((widest, { text }) => Math.max(widest, widthOf(text.split("\n").at(-1)!)), 0);
    const room = run.every(({ remark }) => margin + column + 2 + widthOf(remark ?? "") <= columns);
    for (const { text, remark } of run) {
      const gap = room ? column - widthOf(text.split("\n").at(-1)!) : 0;
      texts.push(remark === null ? text : `${text}${" ".repeat(gap + 2)}${remark}`);
    }
    i += run.length;
  }
  return texts;
}
