/**
 * join-stages: stages of a kernel that go over a row one after another go over it together, and what one stores another
 * takes without loading it. Where nobody else loads it, it is not stored.
 *
 *   for d < 256: y[b, d] = g[b, d] * γ[d]              for d < 256: { sum += (g[b, d] * γ[d]) * x[b, d]
 *   sum for d < 256: y[b, d] * x[b, d]        becomes                 max = … g[b, d] * γ[d] … }
 *   max for d < 256: y[b, d]
 *
 * Each stage still means what it would alone. Needs: what `fuse` makes, for a processor: a GPU's threads, which have elements of
 * their own, would compute again what they no longer load.
 */
import { at, sameExtent } from "../ir/kernel/build.ts";
import { type Interner, makeInterner, rewriter } from "../ir/kernel/intern.ts";
import type { Access, Entry, Kernel, KernelProgram, Loop, Stage, Statement } from "../ir/kernel/types.ts";
import { expressions, loads, mapLeaves, mapStage, overlaps, stageRoots } from "../ir/kernel/walk.ts";
import { areDisjoint } from "./fuse-conflicts.ts";
import { dropBuffers, dropUnused } from "./fuse-unused.ts";

export function joinStages(program: KernelProgram): KernelProgram {
  const entries = program.entries.map((e): Entry => {
    const pruned = dropUnused({ ...e, body: e.body.map((s) => overKernels(s, joined)) });
    return { ...pruned, body: pruned.body.map((s) => overKernels(s, withoutGone)) };
  });
  return dropBuffers({ ...program, entries });
}

const overKernels = (statement: Statement, change: (kernel: Kernel) => Kernel): Statement =>
  mapLeaves(statement, (leaf) => (leaf.kind === "kernel" ? change(leaf) : leaf));

/** A stage joins none that nobody wanted. */
const withoutGone = (kernel: Kernel): Kernel => ({
  ...kernel,
  stages: kernel.stages.map((stage, k) => {
    const isThere = kernel.stages[k - 1]?.loops[0] === stage.loops[0];
    return stage.joins && !isThere ? { ...stage, joins: false } : stage;
  }),
});

type Store = Extract<Stage, { kind: "store" }>;

/** Stages that go together so far. */
interface Run {
  readonly loop: Loop;
  readonly stages: readonly Stage[];
  /** Of its own: a load from before it need not give what one in it does. */
  readonly interner: Interner;
}

function joined(kernel: Kernel): Kernel {
  const stages: Stage[] = [];
  let run = null as Run | null;
  for (const stage of kernel.stages) {
    const together = run && joinedTo(run, stage);
    run = run && together ? { ...run, stages: [...run.stages, together] } : runOf(stage);
    stages.push(run?.stages.at(-1) ?? stage);
  }
  return { ...kernel, stages };
}

function runOf(stage: Stage): Run | null {
  if (!canJoin(stage)) return null;
  const interner = makeInterner();
  return { loop: stage.loops[0]!, stages: [mapStage(stage, interner.intern)], interner };
}

/** Goes over one row, from end to end, once. */
const canJoin = (stage: Stage): boolean =>
  stage.loops.length === 1 &&
  (stage.kind === "store" ? !stage.accumulate : stage.fn !== "logsumexp" && stage.fn !== "argmax");

/** The stage as one of the run; null where it has to wait for the end of it. */
function joinedTo({ loop, stages, interner }: Run, stage: Stage): Stage | null {
  const [own] = stage.loops;
  if (!own || !canJoin(stage) || !sameExtent(own.extent, loop.extent)) return null;
  const variable = interner.intern(at(loop.variable));
  const rename = rewriter(interner, (e) =>
    e.kind === "variable" && e.variable === own.variable ? variable : null,
  );
  const renamed = mapStage(stage, rename);
  const results = new Set(stages.flatMap((s) => (s.kind === "reduce" ? [s.result] : [])));
  if (expressions(stageRoots(renamed)).some((e) => e.kind === "reduced" && results.has(e.stage))) return null;

  const varying = new Set([loop.variable]);
  const isApart = (a: Access, b: Access): boolean =>
    !overlaps(a.buffer, b.buffer) || areDisjoint(a, b, varying);
  const isSame = (a: Access, b: Access): boolean =>
    a.buffer === b.buffer && a.index.includes(variable) && a.index.every((e, d) => e === b.index[d]);
  const stores = stages.filter((s): s is Store => s.kind === "store");

  /** What a load of this finds, by the stages before; null where they have nothing to do with it. */
  const stored = (from: Access): Store | null => stores.findLast((s) => isSame(s.to, from)) ?? null;
  /** Whether a store's value is still what it was: nothing that it loads has been stored since. */
  const isCurrent = (store: Store): boolean =>
    loads([store.value]).every((a) => stores.slice(stores.indexOf(store)).every((s) => isApart(s.to, a)));
  for (const from of loads(stageRoots(renamed))) {
    const store = stored(from);
    if (store ? !isCurrent(store) : !stores.every((s) => isApart(s.to, from))) return null;
    if (store && stores.slice(stores.indexOf(store) + 1).some((s) => !isApart(s.to, from))) return null;
  }
  if (renamed.kind === "store") {
    const before = [...stages.flatMap((s) => loads(stageRoots(s))), ...stores.map((s) => s.to)];
    if (!before.every((a) => isApart(a, renamed.to) || isSame(a, renamed.to))) return null;
  }
  const forward = rewriter(interner, (e) => (e.kind === "load" ? (stored(e.from)?.value ?? null) : null));
  return { ...mapStage(renamed, forward), loops: [loop], joins: true };
}
