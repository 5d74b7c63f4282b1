/**
 * Which statements may change places: two conflict if one writes what the other touches. Accesses at indices that
 * differ by a constant, such as step t and step t+1 of one buffer, are different elements.
 */
import type { Access, Buffer, Expression, Statement, Variable } from "../ir/kernel/types.ts";
import { expressions, overlaps, root, type Touch, touches } from "../ir/kernel/walk.ts";

function split(e: Expression): readonly [base: Expression | null, plus: number] {
  if (e.kind === "constant") return [null, e.value];
  if (e.kind === "binary" && e.fn === "add" && e.right.kind === "constant") return [e.left, e.right.value];
  return [e, 0];
}

const variesWith = (e: Expression | null, varying: ReadonlySet<Variable>): boolean =>
  e !== null && expressions([e]).some((x) => x.kind === "variable" && varying.has(x.variable));

/** Whether two interned accesses to one buffer never meet; `varying` are the variables of loops around either. */
export function areDisjoint(a: Access, b: Access, varying: ReadonlySet<Variable>): boolean {
  if (a.buffer !== b.buffer) return !overlaps(a.buffer, b.buffer);
  return a.index.some((x, d) => {
    const [baseA, plusA] = split(x);
    const [baseB, plusB] = split(b.index[d]!);
    return baseA === baseB && plusA !== plusB && !variesWith(baseA, varying);
  });
}

/** What a statement touches, by the buffer that holds it in the end. */
interface Footprint {
  readonly touches: ReadonlyMap<Buffer, readonly Touch[]>;
  readonly varying: readonly Variable[];
}

function footprint(statement: Statement): Footprint {
  const found = new Map<Buffer, Touch[]>();
  const varying = new Set<Variable>();
  for (const touch of touches(statement)) {
    const key = root(touch.access.buffer);
    const before = found.get(key);
    if (before) before.push(touch);
    else found.set(key, [touch]);
    for (const l of touch.loops) varying.add(l.variable);
  }
  return { touches: found, varying: [...varying] };
}

export type Conflicts = (a: Statement, b: Statement) => boolean;

export function makeConflicts(): Conflicts {
  const cache = new Map<Statement, Footprint>();
  const known = (statement: Statement): Footprint => {
    let found = cache.get(statement);
    if (!found) cache.set(statement, (found = footprint(statement)));
    return found;
  };
  return (first, second) => {
    const [a, b] = [known(first), known(second)];
    for (const [buffer, mine] of a.touches) {
      const others = b.touches.get(buffer);
      if (!others || !(mine.some((t) => t.write) || others.some((t) => t.write))) continue;
      const varying = new Set([...a.varying, ...b.varying]);
      const meet = (x: Touch, y: Touch): boolean =>
        (x.write || y.write) &&
        overlaps(x.access.buffer, y.access.buffer) &&
        !areDisjoint(x.access, y.access, varying);
      if (mine.some((x) => others.some((y) => meet(x, y)))) return true;
    }
    return false;
  };
}
