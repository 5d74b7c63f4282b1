/**
 * Which loop of a kernel runs four points at a time. Three ways:
 * - a pointwise kernel: along one of its own loops;
 * - a row kernel: each stage along one of its inner loops, reductions with one sum a lane;
 * - columns: all stages along one of the kernel's own loops, four rows at once, where the inner loops are not
 *   contiguous (a sum over time for every feature).
 * A loop will do if every access lies still along it or moves by one element a turn.
 */
import type { Access, Expression, Kernel, Loop, Stage, Variable } from "../../ir/kernel/types.ts";
import { children, expressions } from "../../ir/kernel/walk.ts";
import { strideAlong } from "./address.ts";

export type Plan =
  | { readonly kind: "outer"; readonly lanes: Loop }
  | { readonly kind: "rows"; readonly lanes: ReadonlyMap<Stage, Loop> };

/** Loads may lie this far apart if nothing better is found: the rows of panels do. */
const widestLoad = 8;

function dependents(roots: readonly Expression[], variable: Variable): ReadonlySet<Expression> {
  const found = new Set<Expression>();
  for (const e of expressions(roots)) {
    if ((e.kind === "variable" && e.variable === variable) || children(e).some((x) => found.has(x)))
      found.add(e);
  }
  return found;
}

/** Whether the index moves with the variable only as a sum's term, so that its stride can be read off. */
function stride(access: Access, variable: Variable, moving: ReadonlySet<Expression>): number | null {
  const linear = (e: Expression): boolean => {
    if (!moving.has(e) || e.kind === "variable") return true;
    if (e.kind === "unary" && e.fn === "neg") return linear(e.operand);
    if (e.kind !== "binary") return false;
    if (e.fn === "add" || e.fn === "sub") return linear(e.left) && linear(e.right);
    if (e.fn !== "mul") return false;
    return (e.left.kind === "constant" && linear(e.right)) || (e.right.kind === "constant" && linear(e.left));
  };
  return access.index.every(linear) ? strideAlong(access, variable) : null;
}

function canRunAlong(stages: readonly Stage[], { variable }: Loop, widest: number): boolean {
  return stages.every((stage) => {
    const to = stage.kind === "store" ? stage.to.index : [];
    const moving = dependents([stage.value, ...to], variable);
    const loads = [...moving].every((e) => {
      if (e.kind === "random") return !moving.has(e.seed);
      if (e.kind !== "load") return true;
      const by = stride(e.from, variable, moving);
      return by !== null && by >= 0 && by <= widest;
    });
    return loads && (stage.kind === "reduce" || stride(stage.to, variable, moving) === 1);
  });
}

const isTiny = (loop: Loop): boolean => loop.extent.symbol === null && loop.extent.plus < 3;

function along(stages: readonly Stage[], loops: readonly Loop[], widest: number): Loop | null {
  const accumulates = stages.some((s) => s.kind === "store" && s.accumulate);
  // The order of the loops is the order of the sums; only the innermost may go innermost.
  const candidates = accumulates ? loops.slice(-1) : [...loops].reverse();
  const found = candidates.filter((l) => canRunAlong(stages, l, widest));
  return found.find((l) => !isTiny(l)) ?? found[0] ?? null;
}

export function planKernel(kernel: Kernel): Plan {
  const inner = kernel.stages.filter((s) => s.loops.length > 0);
  const outer = (widest: number): Plan | null => {
    const lanes = along(kernel.stages, kernel.loops, widest);
    return lanes && { kind: "outer", lanes };
  };
  if (inner.length === 0) return outer(1) ?? outer(widestLoad) ?? { kind: "rows", lanes: new Map() };
  const rows = (widest: number): ReadonlyMap<Stage, Loop> =>
    new Map(
      inner.flatMap((stage) => {
        const lanes = along([stage], stage.loops, widest);
        const hidden = stage.kind === "reduce" && stage.fn === "argmax" && stage.loops.length > 1;
        return lanes && !hidden ? [[stage, lanes] as const] : [];
      }),
    );
  const strict = rows(1);
  const good = strict.size === inner.length && ![...strict.values()].every(isTiny);
  if (good) return { kind: "rows", lanes: strict };
  return outer(1) ?? { kind: "rows", lanes: rows(widestLoad) };
}
