/**
 * fuse: consecutive kernels over the same points become one, and the buffers between them disappear.
 *
 *   kernel i[b, n] = sigmoid(a[b, 0, n])              kernel
 *   kernel g[b, n] = tanh(a[b, 2, n])        becomes    c[t+1, b, n] = f * c[t, b, n] + sigmoid(a[b, 0, n]) * tanh(a[b, 2, n])
 *   kernel c[t+1, b, n] = … i[b, n] * g[b, n]           h[t+1, b, n] = …
 *
 * A kernel moves up past statements that it has nothing to do with, or the earlier one moves down, until they meet.
 * The gate arithmetic of a step comes out as one kernel, forward and backward; a softmax as one row kernel.
 *
 * Needs: what lower makes. Makes true: no two kernels of a block that could be one are left.
 */
import { makeInterner, type Interner } from "../ir/kernel/intern.ts";
import type { Access, Entry, Kernel, KernelProgram, Statement } from "../ir/kernel/types.ts";
import { makeConflicts, type Conflicts } from "./fuse-conflicts.ts";
import { makeLoopPool, mergeKernels } from "./fuse-merge.ts";
import { dropBuffers, dropUnused } from "./fuse-unused.ts";

export function fuse(program: KernelProgram): KernelProgram {
  return dropBuffers({ ...program, entries: program.entries.map(fuseEntry) });
}

function fuseEntry(entry: Entry): Entry {
  const interner = makeInterner();
  const shareLoops = makeLoopPool(interner);
  const body = entry.body.map((s) => internStatement(s, interner, shareLoops));
  let before = dropUnused({ ...entry, body });
  for (;;) {
    const after = dropUnused({ ...before, body: fuseBlock(before.body, interner) });
    if (after.body === before.body) return after;
    before = after;
  }
}

function internStatement(
  statement: Statement,
  interner: Interner,
  shareLoops: (kernel: Kernel) => Kernel,
): Statement {
  const { intern } = interner;
  const access = (a: Access): Access => ({ ...a, index: a.index.map(intern) });
  switch (statement.kind) {
    case "kernel":
      return shareLoops(statement);
    case "product": {
      const { left, right, to, start } = statement;
      return {
        ...statement,
        left: access(left),
        right: access(right),
        to: access(to),
        start: start && access(start),
      };
    }
    case "loop":
      return { ...statement, body: statement.body.map((s) => internStatement(s, interner, shareLoops)) };
    case "if":
      return {
        ...statement,
        condition: intern(statement.condition),
        then: statement.then.map((s) => internStatement(s, interner, shareLoops)),
      };
    default:
      return statement satisfies never;
  }
}

/** The block itself if nothing in it could be merged. */
function fuseBlock(body: readonly Statement[], interner: Interner): readonly Statement[] {
  const conflicts = makeConflicts();
  let block = body.map((s): Statement => {
    if (s.kind === "loop") {
      const inner = fuseBlock(s.body, interner);
      return inner === s.body ? s : { ...s, body: inner };
    }
    if (s.kind !== "if") return s;
    const inner = fuseBlock(s.then, interner);
    return inner === s.then ? s : { ...s, then: inner };
  });
  for (let j = 1; j < block.length; j++) {
    const merged = mergeUpwards(block, j, interner, conflicts);
    if (!merged) continue;
    block = merged.block;
    j = merged.at;
  }
  return block.length === body.length && block.every((s, k) => s === body[k]) ? body : block;
}

/** Merges the kernel at `j` with the nearest earlier one that it can meet. */
function mergeUpwards(
  block: readonly Statement[],
  j: number,
  interner: Interner,
  conflicts: Conflicts,
): { readonly block: Statement[]; readonly at: number } | null {
  const late = block[j]!;
  if (late.kind !== "kernel") return null;
  for (let i = j - 1; i >= 0; i--) {
    const early = block[i]!;
    if (early.kind !== "kernel") continue;
    const between = block.slice(i + 1, j);
    const isUp = between.every((s) => !conflicts(s, late));
    if (!isUp && !between.every((s) => !conflicts(early, s))) continue;
    const merged = mergeKernels(early, late, interner);
    if (merged) return { block: place(block, i, j, merged, isUp), at: i };
  }
  return null;
}

function place(
  block: readonly Statement[],
  i: number,
  j: number,
  merged: Kernel,
  isUp: boolean,
): Statement[] {
  const between = block.slice(i + 1, j);
  const middle = isUp ? [merged, ...between] : [...between, merged];
  return [...block.slice(0, i), ...middle, ...block.slice(j + 1)];
}
