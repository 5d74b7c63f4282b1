/**
 * The comments of a program while it is printed: handed out in the order of the text, each once, so that none is lost.
 */
import type { Comment, Program } from "./ast.ts";
import type { Doc } from "./layout.ts";

export interface Remarks {
  /** The line, from 0, that an offset is on. */
  lineOf(offset: number): number;
  /** Takes the comments that start before `offset`. */
  before(offset: number): readonly Comment[];
  /** Takes the comment that ends the line on which something ended, if nothing comes between. */
  atEndOfLine(end: number, next: number): Comment | null;
  /** Takes the comments before `next`, as parts of an expression after whatever ended at `end`. */
  between(end: number, next: number): Doc;
}

export function makeRemarks({ comments, lineStarts }: Pick<Program, "comments" | "lineStarts">): Remarks {
  let taken = 0;
  const lineOf = (offset: number): number => {
    let low = 0;
    for (let high = lineStarts.length - 1; low < high;) {
      const middle = Math.ceil((low + high) / 2);
      if ((lineStarts[middle] ?? Infinity) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  };
  const before = (offset: number): readonly Comment[] => {
    const from = taken;
    while ((comments[taken]?.span.start ?? Infinity) < offset) taken++;
    return comments.slice(from, taken);
  };
  const atEndOfLine = (end: number, next: number): Comment | null => {
    const comment = comments[taken];
    if (comment === undefined || comment.span.start < end || comment.span.start > next) return null;
    if (lineOf(comment.span.start) !== lineOf(end)) return null;
    taken++;
    return comment;
  };
  return {
    lineOf,
    before,
    atEndOfLine,
    between(end, next) {
      return before(next).map(({ text, span }, i) => {
        const ownLine = i > 0 || span.start < end || lineOf(span.start) !== lineOf(end);
        return { kind: "remark", text, ownLine };
      });
    },
  };
}
