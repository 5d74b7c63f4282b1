/**
 * Sums over many rows for each of their columns, the gradient of a bias say: row after row onto the result, which stays in
 * the nearest cache, instead of column after column, each of which would read a part of every row's cache lines. Every
 * sum ascends over the rows either way. Sums over the same rows go together, since they often read the same.
 *
 *   for d: sum = Σ t, b: x[t, b, d];  y[d] = sum      becomes      for d: y[d] = 0
 *                                                                  for t, b, d: y[d] += x[t, b, d]
 */
import { at } from "../../ir/kernel/build.ts";
import { makeInterner, rewriter } from "../../ir/kernel/intern.ts";
import type { Access, Expression, Kernel, Loop, Stage } from "../../ir/kernel/types.ts";
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
  const { intern } = makeInterner();
  const shared = share ? { share } : {};
  const kernelOf = (name: string, own: readonly Loop[], stages: readonly Stage[]): Kernel => ({
    kind: "kernel",
    name: `${kernel.name} ${name}`,
    loops: own,
    stages,
    ...shared,
  });
  const starts: Store[] = [];
  const copies: Store[] = [];
  /** By the rows that are summed over. */
  const groups = new Map<string, { readonly rows: readonly Loop[]; readonly adds: Store[] }>();
  const places = new Map<Reduce, Access>();
  for (const store of stores) {
    const { value } = store;
    const sum = value.kind === "reduced" ? sums.find(({ result }) => result === value.stage) : undefined;
    if (!sum || sum.fn !== "sum" || store.loops.length > 0 || store.accumulate) return null;
    if (value.dtype !== "f32" || !sum.loops.some(({ extent }) => extent.symbol !== null)) return null;
    const place = places.get(sum);
    if (place) {
      copies.push({ ...store, value: { kind: "load", dtype: value.dtype, from: place } });
      continue;
    }
    places.set(sum, store.to);
    starts.push({ ...store, value: { kind: "constant", dtype: "f32", value: 0 } });
    const key = JSON.stringify(sum.loops.map(({ extent }) => extent));
    const group = groups.get(key) ?? { rows: sum.loops, adds: [] };
    groups.set(key, group);
    group.adds.push({ ...store, value: renamed(sum.value, sum.loops, group.rows, intern), accumulate: true });
  }
  const adding = [...groups.values()].map(({ rows, adds }, k) => kernelOf(`${k}`, [...rows, ...loops], adds));
  const copying = copies.length > 0 ? [kernelOf("copies", loops, copies)] : [];
  const made = [kernelOf("start", loops, starts), ...adding, ...copying];
  const inLanes = made.every((k) => {
    const own = planKernel(k);
    return own.kind === "outer" && own.lanes === plan.lanes;
  });
  return inLanes && places.size === sums.length ? made : null;
}

function renamed(
  e: Expression,
  from: readonly Loop[],
  to: readonly Loop[],
  intern: (e: Expression) => Expression,
): Expression {
  const names = new Map(from.map(({ variable }, k) => [variable, intern(at(to[k]!.variable))]));
  return rewriter({ intern }, (x) => (x.kind === "variable" ? (names.get(x.variable) ?? null) : null))(e);
}
