/**
 * Branches in the step: a value that only one side of `select(t % 4 == 0, …)` reads is needed at some steps alone. The
 * condition is one of the step, the same for all examples, so a backend can jump; what costs a product is then guarded.
 */
import type { Node } from "../ir/graph/types.ts";
import { bodyRoots, bodyNodes } from "../ir/graph/walk.ts";

/** A value is needed where `condition` (a bool without axes) is `taken`. */
export interface Guard {
  readonly condition: Node;
  readonly taken: boolean;
}

/** The condition below what repeats it, if it depends on the step and constants alone. */
export function stepCondition(node: Node): Node | null {
  if (node.op === "broadcast") return stepCondition(node.operands[0]!);
  return node.type.axes.length === 0 && readsPosition(node) ? node : null;
}

const known = new Set<Node["op"]>(["position", "constant", "unary", "binary", "select"]);

function readsPosition(node: Node): boolean {
  const all = (x: Node): boolean => known.has(x.op) && x.operands.every(all);
  const some = (x: Node): boolean => x.op === "position" || x.operands.some(some);
  return all(node) && some(node);
}

/** For each value of a scan's body that holds a product: under which conditions it is needed, the outermost first. */
export function guardsOf(scan: Node<"scan">): ReadonlyMap<Node, readonly Guard[]> {
  const body = bodyNodes(scan);
  const inside = new Set<Node>(body);
  const needs = new Map<Node, readonly Guard[]>();
  const need = (node: Node, guards: readonly Guard[]): void => {
    const before = needs.get(node);
    needs.set(node, before ? common(before, guards) : guards);
  };
  for (const root of bodyRoots(scan)) need(root, []);
  for (const node of body.toReversed()) {
    const own = needs.get(node) ?? [];
    const condition = node.op === "select" ? stepCondition(node.operands[0]!) : null;
    node.operands.forEach((x, k) => {
      if (!inside.has(x)) return;
      need(x, condition && k > 0 ? [...own, { condition, taken: k === 1 }] : own);
    });
    // What a nested scan's body reads, it reads at all of its steps.
    if (node.op === "scan") for (const root of bodyRoots(node)) if (inside.has(root)) need(root, own);
  }
  const branches = body.flatMap((node) => (node.op === "contract" ? (needs.get(node) ?? []) : []));
  const isWorthwhile = (guard: Guard): boolean => branches.some((other) => isSame(guard, other));
  const guarded = [...needs].map(([node, guards]) => {
    const last = guards.findLastIndex(isWorthwhile);
    return [node, guards.slice(0, last + 1)] as const;
  });
  return new Map(guarded.filter(([, guards]) => guards.length > 0));
}

const isSame = (a: Guard, b: Guard): boolean => a.condition === b.condition && a.taken === b.taken;

function common(a: readonly Guard[], b: readonly Guard[]): readonly Guard[] {
  const end = a.findIndex((guard, k) => !b[k] || !isSame(guard, b[k]));
  return end < 0 ? a : a.slice(0, end);
}
