/**
 * The order in which states of one slot are overwritten at the end of a step. A state may not be overwritten while
 * another's next value still reads it; where that cannot be had (two that swap, a value read at another index, a
 * product of the state itself), the next value goes through a buffer of its own.
 */
import type { Node } from "../ir/graph/types.ts";
import { domain, index, type Place } from "./lower-place.ts";
import { loads } from "../ir/kernel/walk.ts";
import { type Context, type Finish, isStored } from "./lower-context.ts";
import type { Guard } from "./guards.ts";
import { isZeroPast } from "./lower-store.ts";

export interface Update {
  readonly formal: Node;
  readonly next: Node;
  readonly place: Place;
  readonly hold: Finish | null;
  /** The next value is a sum that ends in products and that nothing else reads. */
  readonly sum: boolean;
  /** At which steps the state changes; null: at all. */
  readonly guard: Guard | null;
}

export interface OrderedUpdate {
  readonly update: Update;
  /** By way of a buffer of its own. */
  readonly through: boolean;
}

export function orderUpdates(c: Context, updates: readonly Update[]): readonly OrderedUpdate[] {
  const reads = new Map(updates.map((u) => [u, readStates(c, u.next)]));
  const needed = new Set(updates.filter((u) => readsElsewhere(c, u)));
  const ordered: Update[] = [];
  let left = updates.filter((u) => !needed.has(u));
  while (left.length > 0) {
    const free = left.find((u) => left.every((v) => v === u || !reads.get(v)!.has(u.formal)));
    if (!free) {
      left.forEach((u) => needed.add(u));
      break;
    }
    ordered.push(free);
    left = left.filter((u) => u !== free);
  }
  return [
    ...[...needed].map((update) => ({ update, through: true })),
    ...ordered.map((update) => ({ update, through: false })),
  ];
}

/** The states that computing a value still reads. */
function readStates(c: Context, next: Node): ReadonlySet<Node> {
  const found = new Set<Node>();
  const seen = new Set<Node>();
  const visit = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    if (node.op === "state") found.add(node);
    else if (node === next ? !isStored(c, node) : !c.pull.places.has(node)) node.operands.forEach(visit);
  };
  visit(next);
  return found;
}

/** Whether the next value reads its own state otherwise than at the index that it is about to overwrite. */
function readsElsewhere(c: Context, { formal, next, place, hold, sum }: Update): boolean {
  if (isStored(c, next) || c.pull.places.has(next)) return false;
  if (!sum) return moves(c, next, place, next);
  const { products, rest } = c.uses.terms(next)!;
  if (hold && !products.every((p) => isZeroPast(c, p, hold))) return true;
  if (products.some((p) => p.operands.some((x) => readStates(c, x).has(formal)))) return true;
  return rest.some((x) => moves(c, x, place, next));
}

function moves(c: Context, x: Node, place: Place, next: Node): boolean {
  const { bind } = domain(next.type.axes);
  const { intern } = c.pull.interner;
  const own = index(place, bind).index.map(intern);
  return loads([c.pull.value(x, bind)]).some(
    ({ buffer, index: at }) => buffer === place.buffer && at.some((e, d) => intern(e) !== own[d]),
  );
}
