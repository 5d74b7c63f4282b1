/** Which points of a statement are a thread's: the same numbers for the interpreter and for what backends emit. */
import type { Statement } from "./types.ts";

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** The part of `count` points that is the thread's. */
export function rangeOf(count: number, by: number, thread: number, threads: number): Range {
  const each = by * Math.ceil(Math.ceil(count / by) / threads);
  return { from: Math.min(count, thread * each), to: Math.min(count, (thread + 1) * each) };
}

/** Whether threads divide any of it; if not, the first does it alone. */
export function isShared(statement: Statement): boolean {
  if (statement.kind === "loop") return statement.body.some(isShared);
  if (statement.kind === "if") return statement.then.some(isShared);
  return statement.share !== undefined;
}
