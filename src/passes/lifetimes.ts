/**
 * When temporaries live: an interval of an entry's statements, counted in order. A buffer that is used only in the
 * body of a time loop, written there before it is read and not indexed by the step, lives from its first to its last
 * use within the body; any other one that a loop touches lives throughout the loop.
 */
import type { Buffer, Entry, Statement, Variable } from "../ir/kernel/types.ts";
import { expressions, root, type Touch, touches } from "../ir/kernel/walk.ts";

export interface Lifetime {
  readonly first: number;
  readonly last: number;
}

export function lifetimes(entry: Entry): ReadonlyMap<Buffer, Lifetime> {
  const found = new Map<Buffer, Lifetime>();
  let clock = 0;
  const visit = (
    body: readonly Statement[],
    steps: ReadonlySet<Variable>,
    outer: ReadonlySet<Buffer>,
  ): void => {
    const usedBy = body.map((s) => new Set(touches(s).map((t) => root(t.access.buffer))));
    const counts = new Map<Buffer, number>();
    for (const set of usedBy) for (const b of set) counts.set(b, (counts.get(b) ?? 0) + 1);
    body.forEach((s, k) => {
      const start = clock;
      if (s.kind === "loop") {
        const inner = new Set([...usedBy[k]!].filter((b) => outer.has(b) || counts.get(b)! > 1));
        for (const b of carried(s.body, s.loop.variable)) inner.add(b);
        visit(s.body, new Set([...steps, s.loop.variable]), inner);
        for (const b of inner) extend(b, start, clock);
      } else for (const b of usedBy[k]!) if (!outer.has(b)) extend(b, start, clock);
      clock++;
    });
  };
  const extend = (buffer: Buffer, first: number, last: number): void => {
    const before = found.get(buffer);
    found.set(buffer, {
      first: Math.min(first, before?.first ?? first),
      last: Math.max(last, before?.last ?? last),
    });
  };
  visit(entry.body, new Set(), new Set());
  return found;
}

/** Buffers that one step may leave to the next: read first, or indexed by the step. */
export function carried(body: readonly Statement[], step: Variable): Set<Buffer> {
  const seen = new Set<Buffer>();
  const result = new Set<Buffer>();
  const isStep = ({ access }: Touch): boolean =>
    expressions(access.index).some((e) => e.kind === "variable" && e.variable === step);
  const visit = (s: Statement): void => {
    for (const t of touches(s)) {
      const buffer = root(t.access.buffer);
      // What a branch writes may not have been written.
      const isWritten = t.write && s.kind !== "if";
      if (isStep(t) || (!seen.has(buffer) && !isWritten)) result.add(buffer);
      seen.add(buffer);
    }
  };
  body.forEach(visit);
  return result;
}
