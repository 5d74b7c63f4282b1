/**
 * Sums over many rows for each of their columns, the gradient of a bias say: row after row onto the result, which stays in
 * the nearest cache, instead of column after column, each of which would read a part of every row's cache lines. Every
 * sum ascends over the rows either way.
 *
 *   for d: sum = Σ t, b: x[t, b, d];  y[d] = sum      becomes      for d: y[d] = 0
 *                                                                  for t, b, d: y[d] += x[t, b, d]
 */
import type { Access, Kernel, Stage } from "../../ir/kernel/types.ts";
import { loads, root } from "../../ir/kernel/walk.ts";
import { planKernel } from "./vectorise.ts";

type Reduce = Extract<Stage, { kind: "reduce" }>;
type Store = Extract<Stage, { kind: "store" }>;

/** The kernels in its place; null where it is no such sum, or nothing would be gained. */
export function sumsByRows(kernel: Kernel): readonly Kernel[] | null {
  const { loops, stages, share } = kernel;
  const plan = planKernel(kernel);
  if (plan.kind !== "outer" || loops.at(-1) !== plan.lanes) return null;
  const sums = stages.filter((s): s is Reduce => s.kind === "reduce");
  const stores = stages.filter((s): s is Store => s.kind === "store");
  const written = new Set(stores.map(({ to }) => root(to.buffer)));
  if (sums.length === 0 || loads(sums.map(({ value }) => value)).some((a) => written.has(root(a.buffer))))
    return null;
  const made: Kernel[] = [];
  const places = new Map<Reduce, Access>();
  for (const store of stores) {
    const { value } = store;
    const sum = value.kind === "reduced" ? sums.find(({ result }) => result === value.stage) : undefined;
    if (!sum || sum.fn !== "sum" || store.loops.length > 0 || store.accumulate) return null;
    if (value.dtype !== "f32" || !sum.loops.some(({ extent }) => extent.symbol !== null)) return null;
    const shared = share ? { share } : {};
    const name = `${kernel.name} ${made.length}`;
    const place = places.get(sum);
    if (place) {
      const copy: Store = { ...store, value: { kind: "load", dtype: value.dtype, from: place } };
      made.push({ kind: "kernel", name, loops, stages: [copy], ...shared });
      continue;
    }
    places.set(sum, store.to);
    const zero = { ...store, value: { kind: "constant", dtype: "f32", value: 0 } } as const;
    const add = { ...store, value: sum.value, accumulate: true };
    made.push({ kind: "kernel", name: `${name} start`, loops, stages: [zero], ...shared });
    made.push({ kind: "kernel", name, loops: [...sum.loops, ...loops], stages: [add], ...shared });
  }
  const inLanes = made.every((k) => {
    const own = planKernel(k);
    return own.kind === "outer" && own.lanes === plan.lanes;
  });
  return inLanes && places.size === sums.length ? made : null;
}
