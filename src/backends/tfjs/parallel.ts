/**
 * Which loops of a kernel may run at the same time. All of them, unless a stage accumulates: then those that the place it
 * adds to is indexed by directly; the others run in their order, within one thread, so the sum is the interpreter's.
 */
import type { Access, Kernel, Loop, Statement, Variable } from "../../ir/kernel/types.ts";

export interface Shares {
  readonly parallel: readonly Loop[];
  readonly serial: readonly Loop[];
}

export function shares(kernel: Kernel): Shares {
  const adding = kernel.stages.flatMap((s) => (s.kind === "store" && s.accumulate ? [s.to] : []));
  const isFree = ({ variable }: Loop): boolean => adding.every((to) => isIndexedBy(to, variable));
  return {
    parallel: kernel.loops.filter(isFree),
    serial: kernel.loops.filter((l) => !isFree(l)),
  };
}

const isIndexedBy = (to: Access, variable: Variable): boolean =>
  to.index.some((e) => e.kind === "variable" && e.variable === variable);

export const hasInnerLoops = (kernel: Kernel): boolean => kernel.stages.some((s) => s.loops.length > 0);

/** The loop over examples of a kernel or product, outermost or not; null where there is none. */
export function exampleLoop(statement: Statement): Loop | null {
  const isOverExamples = ({ extent }: Loop): boolean =>
    extent.symbol === "B" && extent.times === 1 && extent.plus === 0;
  if (statement.kind === "kernel") return statement.loops.find(isOverExamples) ?? null;
  if (statement.kind === "product") return statement.m.find(isOverExamples) ?? null;
  return null;
}
