/**
 * Which thread of a workgroup touches which elements. Two accesses of the same elements by the same threads need no barrier
 * between them; nor do accesses of different elements of one dim, such as step t and step t+1.
 */
import { isFixed } from "../../ir/kernel/build.ts";
import type { Access, Expression, Loop, Variable } from "../../ir/kernel/types.ts";
import { expressions, root } from "../../ir/kernel/walk.ts";

export interface Trace {
  readonly access: Access;
  readonly write: boolean;
  /** Equal for accesses with which each thread touches elements of its own, the same ones; null where threads meet. */
  readonly own: string | null;
  /** The numbers that the index of each dim runs through, from the first to before the last, where they are known. */
  readonly ranges: readonly (readonly [number, number] | null)[];
  /** Variables that are not one number for all threads. */
  readonly varying: ReadonlySet<Variable>;
}

/** `spread`: the loops whose points are the threads'; `inner`: those that one thread runs through. */
export function traceOf(
  access: Access,
  write: boolean,
  spread: readonly Loop[],
  inner: readonly Loop[],
): Trace {
  const ranges = access.index.map((e) => rangeOf(e, [...spread, ...inner]));
  const varying = new Set([...spread, ...inner].map((l) => l.variable));
  return { access, write, own: ownElements(access, spread.filter(isLong), inner), ranges, varying };
}

/** A loop over one point tells no threads apart. */
const isLong = ({ extent }: Loop): boolean => !(isFixed(extent) && extent.plus === 1);

function ownElements(
  { buffer, index }: Access,
  spread: readonly Loop[],
  inner: readonly Loop[],
): string | null {
  const threads = new Map(spread.map((l, k) => [l.variable, k]));
  const varying = new Set([...spread, ...inner].map((l) => l.variable));
  const dims = index.map((e) => {
    if (e.kind === "variable" && threads.has(e.variable)) return threads.get(e.variable)!;
    return isSame(e, varying) ? "same" : null;
  });
  if (dims.includes(null) || !spread.every((_, k) => dims.includes(k))) return null;
  const places = dims.map((d) => (d === "same" ? "-" : d)).join();
  return `${buffer.name} ${places} of ${JSON.stringify(spread.map((l) => l.extent))}`;
}

/** Whether an index is one number for all threads. */
const isSame = (e: Expression, varying: ReadonlySet<Variable>): boolean =>
  expressions([e]).every((x) => x.kind !== "load" && !(x.kind === "variable" && varying.has(x.variable)));

function rangeOf(e: Expression, loops: readonly Loop[]): readonly [number, number] | null {
  const { base, plus } = parts(e) ?? { base: undefined, plus: 0 };
  if (base === undefined) return null;
  if (base === null) return [plus, plus + 1];
  const loop = loops.find((l) => l.variable === base);
  return loop && isFixed(loop.extent) ? [plus, plus + loop.extent.plus] : null;
}

/** `moved`: a variable that has gone on by a step between the two; null within one step. */
export function collide(a: Trace, b: Trace, moved: Variable | null): boolean {
  if (!(a.write || b.write) || root(a.access.buffer) !== root(b.access.buffer)) return false;
  if (a.own !== null && a.own === b.own) return false;
  return !areApart(a, b, moved);
}

function areApart(a: Trace, b: Trace, moved: Variable | null): boolean {
  if (a.access.buffer !== b.access.buffer) return false;
  return a.access.index.some((x, d) => {
    const [p, q] = [parts(x), parts(b.access.index[d]!)];
    // Steps t and t + 1 differ within a step; step t of one and step t of the next do.
    if (p && q && p.base !== null && p.base === q.base && !a.varying.has(p.base) && !b.varying.has(p.base))
      return (p.plus === q.plus) === (p.base === moved);
    const [r, s] = [a.ranges[d], b.ranges[d]];
    return r && s ? r[1] <= s[0] || s[1] <= r[0] : false;
  });
}

/** A constant, or a variable plus one. */
function parts(e: Expression): { readonly base: Variable | null; readonly plus: number } | null {
  if (e.kind === "constant") return { base: null, plus: e.value };
  if (e.kind === "variable") return { base: e.variable, plus: 0 };
  if (e.kind === "binary" && e.fn === "add" && e.left.kind === "variable" && e.right.kind === "constant")
    return { base: e.left.variable, plus: e.right.value };
  return null;
}
