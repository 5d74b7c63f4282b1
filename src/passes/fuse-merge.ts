/**
 * Two kernels as one: the later one's stages after the earlier one's, over the same points. What the later one loads
 * at the very index where the earlier one has stored becomes the stored expression, computed once.
 *
 * Legal if each point of the merged loops touches, of the buffers that both touch and one writes, only elements of
 * its own. A pointwise kernel over rows and their elements joins a row kernel as a stage with an inner loop.
 */
import { at, loop, sameExtent } from "../ir/kernel/build.ts";
import { type Interner, rewriter } from "../ir/kernel/intern.ts";
import type { Access, Expression, Kernel, Loop, Stage, Variable } from "../ir/kernel/types.ts";
import { expressions, loads, mapStage, overlaps, stageRoots } from "../ir/kernel/walk.ts";
import { areDisjoint } from "./fuse-conflicts.ts";

export function mergeKernels(first: Kernel, second: Kernel, interner: Interner): Kernel | null {
  const aligned = align(first, second, interner);
  if (!aligned) return null;
  const [early, late] = aligned;
  const renamed = renameLoops(late, early.loops, interner);
  const stages = join(early, renamed, interner);
  if (!stages) return null;
  return { kind: "kernel", name: joinNames(first.name, second.name), loops: early.loops, stages };
}

/** Gives both kernels the same outer loops, or says that they have too little in common. */
function align(first: Kernel, second: Kernel, interner: Interner): readonly [Kernel, Kernel] | null {
  const [n, m] = [first.loops.length, second.loops.length];
  const shorter = n < m ? first : second;
  const longer = n < m ? second : first;
  if (!shorter.loops.every((l, k) => sameExtent(l.extent, longer.loops[k]!.extent))) return null;
  if (n === m) return [first, second];
  if (shorter.loops.length === 0 || !shorter.stages.some((s) => s.kind === "reduce")) return null;
  if (!exchange(first, second)) return null;
  const row = asRow(longer, shorter.loops.length, interner);
  return row && (n < m ? [first, row] : [row, second]);
}

/** Whether the second kernel loads what the first stores. */
function exchange(first: Kernel, second: Kernel): boolean {
  const stored = new Set(first.stages.flatMap((s) => (s.kind === "store" ? [s.to.buffer] : [])));
  return second.stages.some((s) => loads([s.value]).some((a) => stored.has(a.buffer)));
}

/** A pointwise kernel with its inner loops in its stages; null if stages share what is dear to compute. */
function asRow(kernel: Kernel, outer: number, interner: Interner): Kernel | null {
  if (kernel.stages.some((s) => s.kind === "reduce")) return null;
  const inner = kernel.loops.slice(outer);
  const dear = kernel.stages.flatMap((s) => expressions([s.value]).filter(isDear));
  if (new Set(dear).size < dear.length) return null;
  // Each stage has variables of its own.
  const stages = kernel.stages.map((s): Stage => {
    const own = inner.map((l) => loop(l.variable.name, l.extent));
    const renamed = renameLoops({ ...kernel, loops: inner, stages: [s] }, own, interner).stages[0]!;
    return { ...renamed, loops: [...own, ...s.loops] };
  });
  return { ...kernel, loops: kernel.loops.slice(0, outer), stages };
}

const dearFunctions: ReadonlySet<string> = new Set([
  "exp",
  "log",
  "sin",
  "cos",
  "sigmoid",
  "tanh",
  "softplus",
  "pow",
]);

const isDear = (e: Expression): boolean =>
  e.kind === "random" || ((e.kind === "unary" || e.kind === "binary") && dearFunctions.has(e.fn));

// ---- substitution -------------------------------------------------------------------------------------------

function renameLoops(kernel: Kernel, to: readonly Loop[], interner: Interner): Kernel {
  const map = new Map<Variable, Expression>();
  kernel.loops.forEach((l, k) => {
    if (l.variable !== to[k]!.variable) map.set(l.variable, interner.intern(at(to[k]!.variable)));
  });
  if (map.size === 0)
    return { ...kernel, loops: to, stages: kernel.stages.map((s) => mapStage(s, interner.intern)) };
  const rewrite = rewriter(interner, (e) => (e.kind === "variable" ? (map.get(e.variable) ?? null) : null));
  return { ...kernel, loops: to, stages: kernel.stages.map((s) => mapStage(s, rewrite)) };
}

/** Gives kernels over the same extents the same loop variables, so that equal indices are one object. */
export function makeLoopPool(interner: Interner): (kernel: Kernel) => Kernel {
  const pool = new Map<string, Loop>();
  return (kernel) => {
    const loops = kernel.loops.map((l, k) => {
      const { symbol, times, plus, by = 1 } = l.extent;
      const key = `${k} ${symbol} ${symbol === null ? 0 : times} ${plus} ${by}`;
      const known = pool.get(key);
      if (!known) pool.set(key, l);
      return known ?? l;
    });
    return renameLoops(kernel, loops, interner);
  };
}

// ---- joining ------------------------------------------------------------------------------------------------

type Store = Stage & { kind: "store" };
const stores = (kernel: Kernel): Store[] => kernel.stages.filter((s): s is Store => s.kind === "store");

const sameIndex = (a: Access, b: Access): boolean =>
  a.buffer === b.buffer && a.index.every((e, d) => e === b.index[d]);

/** The stages of both, or null where a point would meet another point's elements. */
function join(early: Kernel, late: Kernel, interner: Interner): readonly Stage[] | null {
  const outer = early.loops.map((l) => l.variable);
  const varying = new Set([
    ...outer,
    ...[...early.stages, ...late.stages].flatMap((s) => s.loops.map((l) => l.variable)),
  ]);
  /** Each outer variable is one of the indices in both: points keep to themselves. */
  const isOwn = (a: Access, b: Access): boolean =>
    a.buffer === b.buffer &&
    outer.every((v) => a.index.some((e, d) => e.kind === "variable" && e.variable === v && b.index[d] === e));
  const isFree = (a: Access, b: Access): boolean =>
    !overlaps(a.buffer, b.buffer) || areDisjoint(a, b, varying) || isOwn(a, b);

  const written = stores(early);
  const loadedEarly = early.stages.flatMap((s) => stageLoads(s));
  const writtenLate = stores(late);
  for (const stage of writtenLate) {
    if (!loadedEarly.every((a) => isFree(a, stage.to))) return null;
    if (!written.every((s) => isFree(s.to, stage.to))) return null;
    if (stage.accumulate && written.some((s) => overlaps(s.to.buffer, stage.to.buffer))) return null;
  }
  for (const load of late.stages.flatMap(stageLoads)) {
    const met = written.filter(
      (s) => overlaps(s.to.buffer, load.buffer) && !areDisjoint(s.to, load, varying),
    );
    if (met.some((s) => s.accumulate || !isOwn(s.to, load))) return null;
    const last = met[met.length - 1];
    if (!last || isReplaced(last, load)) continue;
    // The load stays and must see what was stored: it may not be one object with a load from before the store.
    if (loadedEarly.some((a) => sameIndex(a, load))) return null;
  }
  const replace = rewriter(interner, (e) => {
    if (e.kind !== "load") return null;
    const met = written.filter((s) => s.to.buffer === e.from.buffer && !areDisjoint(s.to, e.from, varying));
    const last = met[met.length - 1];
    return last && isReplaced(last, e.from) ? last.value : null;
  });
  return [...early.stages, ...late.stages.map((s) => mapStage(s, replace))];
}

const isReplaced = (store: Store, load: Access): boolean =>
  store.loops.length === 0 && sameIndex(store.to, load);

const stageLoads = (stage: Stage): Access[] => loads(stageRoots(stage));

const joinNames = (a: string, b: string): string => {
  const parts = [...new Set([...a.split(", "), ...b.split(", ")])];
  return parts.length > 6 ? [...parts.slice(0, 5), "…"].join(", ") : parts.join(", ");
};
