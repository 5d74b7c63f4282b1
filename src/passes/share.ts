/**
 * share: which part of each statement is which thread's, so that no thread needs what another one computes before they
 * meet, and every element is summed by one thread in the order in which one alone would: the bits do not depend on
 * how many there are.
 *
 *   loop t < T                                     every thread takes its own examples through all steps
 *     product (B; …)  shared B by 4
 *     kernel (B, d)   shared B by 4
 *   product (d, e; T, B)  shared e by 8            a weight's gradient: every thread has columns of its own
 *
 * Threads meet after each statement of an entry, and of a loop that is marked so. What cannot be divided, the first thread
 * does alone. Makes true: within a statement, each element of a buffer that it writes belongs to one thread, which alone
 * reads it.
 */
import { sameExtent } from "../ir/kernel/build.ts";
import { isShared } from "../ir/kernel/share.ts";
import type { Access, Buffer, KernelProgram, Loop, Share, Statement } from "../ir/kernel/types.ts";
import { type Leaf, loads, mapLeaves, overlaps, root, touches, writtenBy } from "../ir/kernel/walk.ts";

export function share(program: KernelProgram): KernelProgram {
  return { ...program, entries: program.entries.map((e) => ({ ...e, body: e.body.map(divided) })) };
}

/** Examples go in groups that products take at once. */
const rowsAtOnce = 4;
/** Columns of a panel. */
const columnsAtOnce = 8;
/** A loop this long is worth dividing. */
const long = 16;

function divided(statement: Statement): Statement {
  switch (statement.kind) {
    case "kernel":
    case "product":
      return withShare(statement, shareAlone(statement));
    case "if":
      return { ...statement, then: statement.then.map(divided) };
    case "loop": {
      const own = examplesApart(statement);
      if (own) return own;
      const body = statement.body.map(divided);
      // Meeting costs about what a small kernel does.
      const pays = body.some((s) => s.kind === "product" || (s.kind === "loop" && isShared(s)));
      return pays && body.some(isShared) ? { ...statement, body, meets: true } : statement;
    }
    default:
      return statement satisfies never;
  }
}

const withShare = (leaf: Leaf, found: Share | null): Leaf => (found ? { ...leaf, share: found } : leaf);

// ---- one statement ------------------------------------------------------------------------------------------

function shareAlone(leaf: Leaf): Share | null {
  const canDivide = (loop: Loop): boolean => isApart([leaf], () => loop);
  if (leaf.kind === "kernel") {
    const found = leaf.loops.filter(canDivide);
    const loop =
      found.find(({ extent }) => extent.symbol !== null || extent.plus >= long) ??
      found.find(({ extent }) => extent.plus > 1);
    return loop ? { loops: [loop], by: 1 } : null;
  }
  const { m, n, k } = leaf;
  const rows = m.length > 0 && m.every(canDivide) ? { loops: m, by: rowsAtOnce } : null;
  const columns = n.length > 0 && n.every(canDivide) ? { loops: n, by: columnsAtOnce } : null;
  const isOpen = (loop: Loop): boolean => loop.extent.symbol !== null;
  return k.some(isOpen) && !m.some(isOpen) ? (columns ?? rows) : (rows ?? columns);
}

// ---- the statements of a loop -------------------------------------------------------------------------------

/** The loop with each thread keeping to its own examples (or whatever axis will do) in all of its statements; null if none will. */
function examplesApart(statement: Extract<Statement, { kind: "loop" }>): Statement | null {
  const leaves = leavesOf(statement.body);
  const [first] = leaves;
  if (!first) return null;
  const conditions = conditionsOf(statement.body);
  const written = writtenBy(leaves);
  if (loads(conditions).some(({ buffer }) => [...written].some((b) => root(b) === root(buffer)))) return null;
  for (const { extent } of loopsOf(first)) {
    if (extent.symbol === null) continue;
    const along = (leaf: Leaf): Loop | undefined => loopsOf(leaf).find((l) => sameExtent(l.extent, extent));
    if (!isApart(leaves, along)) continue;
    return mapLeaves(statement, (leaf) => withShare(leaf, { loops: [along(leaf)!], by: rowsAtOnce }));
  }
  return null;
}

const loopsOf = (leaf: Leaf): readonly Loop[] =>
  leaf.kind === "kernel" ? leaf.loops : [...leaf.m, ...leaf.n];

function leavesOf(statements: readonly Statement[]): Leaf[] {
  return statements.flatMap((s) =>
    s.kind === "loop" ? leavesOf(s.body) : s.kind === "if" ? leavesOf(s.then) : [s],
  );
}

function conditionsOf(statements: readonly Statement[]): Parameters<typeof loads>[0][number][] {
  return statements.flatMap((s) =>
    s.kind === "loop" ? conditionsOf(s.body) : s.kind === "if" ? [s.condition, ...conditionsOf(s.then)] : [],
  );
}

// ---- who reads what -----------------------------------------------------------------------------------------

/**
 * Whether threads that divide each statement along its loop stay apart: every buffer that is written has a dim such
 * that all accesses to it have the loop's variable there.
 */
function isApart(leaves: readonly Leaf[], along: (leaf: Leaf) => Loop | undefined): boolean {
  const written = writtenBy(leaves);
  const owners = new Map<Buffer, number>();
  for (const leaf of leaves) {
    const loop = along(leaf);
    if (!loop) return false;
    for (const { access } of touches(leaf)) {
      if (!written.has(access.buffer)) {
        if ([...written].some((b) => overlaps(b, access.buffer))) return false;
        continue;
      }
      const owner = owners.get(access.buffer) ?? dimOf(access, loop);
      if (owner === undefined || !isVariable(access, owner, loop)) return false;
      owners.set(access.buffer, owner);
    }
  }
  return ![...written].some((a) => [...written].some((b) => a !== b && overlaps(a, b)));
}

const isVariable = ({ index }: Access, dim: number, { variable }: Loop): boolean => {
  const at = index[dim];
  return at?.kind === "variable" && at.variable === variable;
};

function dimOf(access: Access, loop: Loop): number | undefined {
  const dim = access.index.findIndex((_, d) => isVariable(access, d, loop));
  return dim < 0 ? undefined : dim;
}

// ---- memory -------------------------------------------------------------------------------------------------

/**
 * Buffers that must not share memory although they never live at the same time: threads take different times over the
 * statements of a loop in which they do not meet, and rows of different lengths lie across each other.
 */
export function apartInLoops(program: KernelProgram): (a: Buffer, b: Buffer) => boolean {
  const loops: ReadonlySet<Buffer>[] = [];
  const visit = (statement: Statement): void => {
    if (statement.kind === "if") statement.then.forEach(visit);
    if (statement.kind !== "loop") return;
    if (statement.meets) statement.body.forEach(visit);
    else if (isShared(statement)) loops.push(new Set(touches(statement).map((t) => root(t.access.buffer))));
  };
  program.entries.forEach((e) => e.body.forEach(visit));
  return (a, b) => loops.some((used) => used.has(a) && used.has(b));
}
