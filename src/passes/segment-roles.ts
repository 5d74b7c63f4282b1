/**
 * How a statement runs along the steps of a sequence, and so whether it can run over a part of them.
 *
 *   loop    a recurrence over the steps
 *   map     each step for itself: kernel or product with the steps among its points
 *   sum     adds something up over the steps: the product of a weight's gradient, a reduction, a scatter
 *   whole   anything else: what does not run along the steps, or needs all of them at once
 *
 * A *sequence* is a buffer whose first dim are the steps, or one more (a state with its start). A statement uses one
 * *locally* where it touches the element of its own step alone (of a state: that before the step or after it).
 */
import type {
  Access,
  Buffer,
  Expression,
  Extent,
  Kernel,
  Loop,
  Stage,
  Statement,
  Variable,
} from "../ir/kernel/types.ts";
import { sameExtent } from "../ir/kernel/build.ts";
import { touches } from "../ir/kernel/walk.ts";

export interface Use {
  readonly buffer: Buffer;
  readonly write: boolean;
  readonly local: boolean;
}

export interface Role {
  readonly kind: "loop" | "map" | "sum" | "whole";
  readonly statement: Statement;
  /** What runs along the steps; null of a `whole`. */
  readonly steps: Loop | null;
  /** Whether a recurrence runs from the last step. */
  readonly backwards: boolean;
  readonly uses: readonly Use[];
}

/** The steps of one axis. */
export interface Steps {
  readonly isSteps: (extent: Extent) => boolean;
  readonly isSequence: (buffer: Buffer) => boolean;
  /** A sequence of states: one more than there are steps. */
  readonly isHistory: (buffer: Buffer) => boolean;
}

export function stepsOf(symbol: string): Steps {
  const own = { symbol, times: 1, plus: 0 };
  const isSteps = (extent: Extent): boolean => sameExtent(extent, own);
  const isHistory = ({ dims: [first], layout, within }: Buffer): boolean =>
    first !== undefined &&
    sameExtent(first, { ...own, plus: 1 }) &&
    layout.kind === "rows" &&
    within === null;
  return {
    isSteps,
    isHistory,
    isSequence: (b) =>
      isHistory(b) ||
      (b.dims[0] !== undefined && isSteps(b.dims[0]) && b.layout.kind === "rows" && b.within === null),
  };
}

export function roleOf(statement: Statement, steps: Steps): Role {
  const candidates = loopsAlong(statement, steps).flatMap(({ loop, kind }): Role[] => {
    const uses = usesOf(statement, loop.variable, steps);
    const role: Role = {
      kind,
      statement,
      steps: loop,
      backwards: statement.kind === "loop" && statement.reverse,
      uses,
    };
    return isPossible(role, steps) ? [role] : [];
  });
  // What reads the fewest sequences as a whole keeps the fewest.
  const read = ({ uses }: Role): number =>
    uses.filter((u) => !u.local && u.buffer.role === "temporary" && steps.isSequence(u.buffer)).length;
  const [best] = candidates.toSorted((a, b) => read(a) - read(b));
  return best ?? wholeRole(statement, steps);
}

export const wholeRole = (statement: Statement, steps: Steps): Role => ({
  kind: "whole",
  statement,
  steps: null,
  backwards: false,
  uses: usesOf(statement, null, steps),
});

function loopsAlong(
  statement: Statement,
  { isSteps }: Steps,
): readonly { readonly loop: Loop; readonly kind: Role["kind"] }[] {
  const along = (loops: readonly Loop[], kind: Role["kind"]) =>
    loops.filter((l) => isSteps(l.extent)).map((loop) => ({ loop, kind }));
  switch (statement.kind) {
    case "loop":
      return along([statement.loop], "loop");
    case "product":
      return [...along([...statement.m, ...statement.n], "map"), ...along(statement.k, "sum")];
    case "kernel": {
      const adds = statement.stages.some((s) => s.kind === "store" && s.accumulate);
      const reduce = onlyReduction(statement);
      return [...along(statement.loops, adds ? "sum" : "map"), ...(reduce ? along(reduce.loops, "sum") : [])];
    }
    case "if":
      return [];
    default:
      return statement satisfies never;
  }
}

export type ReduceStage = Extract<Stage, { kind: "reduce" }>;
export type StoreStage = Extract<Stage, { kind: "store" }>;

/** The sum that a kernel computes and stores, if that is all it does. */
export function onlyReduction({ stages }: Kernel): ReduceStage | null {
  const [first, ...rest] = stages;
  if (first?.kind !== "reduce" || first.fn !== "sum") return null;
  return rest.every((s) => s.kind === "store" && s.loops.length === 0 && !s.accumulate) ? first : null;
}

function usesOf(statement: Statement, step: Variable | null, steps: Steps): Use[] {
  const found = new Map<string, Use>();
  const ids = new Map<Buffer, number>();
  for (const { access, write } of touches(statement)) {
    const { buffer } = access;
    if (!ids.has(buffer)) ids.set(buffer, ids.size);
    const local = step !== null && steps.isSequence(buffer) && isLocal(access, step);
    found.set(`${ids.get(buffer)} ${write} ${local}`, { buffer, write, local });
  }
  return [...found.values()];
}

export function isLocal({ buffer, index: [first] }: Access, step: Variable): boolean {
  const plus = distance(first!, step);
  return plus !== null && plus >= 0 && plus <= buffer.dims[0]!.plus;
}

/** How many steps after its own an index lies; null where that is not fixed. */
function distance(index: Expression, step: Variable): number | null {
  const isStep = (e: Expression): boolean => e.kind === "variable" && e.variable === step;
  if (isStep(index)) return 0;
  const isSum = index.kind === "binary" && index.fn === "add";
  return isSum && isStep(index.left) && index.right.kind === "constant" ? index.right.value : null;
}

function isPossible({ kind, statement, steps, uses }: Role, { isSequence }: Steps): boolean {
  const writes = uses.filter((u) => u.write);
  switch (kind) {
    case "loop":
      // Besides its sequences a recurrence writes what it carries.
      return writes.every((u) => u.local || !isSequence(u.buffer));
    case "map":
      return writes.every((u) => u.local);
    case "sum":
      return writes.every((u) => !u.local) && (statement.kind !== "kernel" || sumsOnly(statement, steps!));
    case "whole":
      return true;
    default:
      return kind satisfies never;
  }
}

/** Scatters all that it stores, or stores one reduction. */
function sumsOnly(kernel: Kernel, steps: Loop): boolean {
  if (!kernel.loops.includes(steps)) return true;
  return kernel.stages.every((s) => s.kind === "store" && s.accumulate);
}
