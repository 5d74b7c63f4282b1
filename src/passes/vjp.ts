/**
 * Vector-Jacobian products: for each op, the cotangent of one operand from the node and its own cotangent. The walk
 * asks only for operands through which a wanted value is reached, and fits what it gets to the operand's axes:
 * sums over the axes that the operand lacks, broadcasts along those that the cotangent lacks. So broadcasting is
 * undone in one place, and no rule speaks of it. Scans have their own file.
 */
import {
  broadcast,
  constant,
  contract,
  fixedSize,
  gather,
  mul,
  pick,
  place,
  reduce,
  rename,
  reverse,
  scatter,
  select,
  shift,
  slice,
  without,
} from "../ir/graph/build.ts";
import type { Axis, Node, Op } from "../ir/graph/types.ts";
import { reduceRules } from "./vjp-reduce.ts";
import { guard, reselect, selected } from "./vjp-select.ts";
import { binaryRules, unaryRules } from "./vjp-scalar.ts";

type Rule<K extends Op> = (node: Node<K>, dy: Node, operand: number) => Node | null;

const none = (): null => null;

export const vjp: { readonly [K in Exclude<Op, "scan" | "result">]: Rule<K> } = {
  input: none,
  param: none,
  constant: none,
  iota: none,
  length: none,
  random: none,
  state: none,
  element: none,
  position: none,
  stop: none,

  unary: (y, dy) => unaryRules[y.attributes.fn]?.(y.operands[0]!, y, dy) ?? null,
  binary: (y, dy, k) => binaryRules[y.attributes.fn][k]?.(y.operands[0]!, y.operands[1]!, y, dy) ?? null,
  // the cotangent is selected, not multiplied: what is not taken may be infinite
  select: ({ operands: [condition] }, dy, k) =>
    k === 0 ? null : k === 1 ? select(condition!, dy, zero) : select(condition!, zero, dy),

  broadcast: (_, dy) => dy,
  rename: ({ attributes: { from, to } }, dy) => rename(dy, to, from),
  reduce: (y, dy) => reduceRules[y.attributes.fn]?.(y.operands[0]!, y, dy, y.attributes.axes) ?? null,
  contract: (y, dy, k) => contractOperand(dy, y.operands[1 - k]!, y.operands[k]!.type.axes),
  stack: ({ attributes: { axis } }, dy, k) => pick(dy, axis, k),
  pick: ({ attributes: { axis, index } }, dy) => place(dy, axis, index, null),
  slice: ({ attributes: { axis, start, to } }, dy) => place(dy, axis, start, to),
  concat: ({ attributes: { from, to } }, dy, k) => slice(dy, to, sizeOf(from.slice(0, k)), from[k]!),
  place: ({ attributes: { axis, start, from } }, dy) =>
    from === null ? pick(dy, axis, start) : slice(dy, axis, start, from),
  gather: (y, dy, k) => (k === 0 ? gatherTable(y, dy) : null),
  scatter: (y, dy, k) => (k === 1 ? gather(dy, y.operands[0]!, y.attributes.axis) : null),
  shift: ({ attributes: { axis, by } }, dy) => shift(dy, axis, -by),
  reverse: ({ attributes: { axis } }, dy) => reverse(dy, axis),
};

const zero = constant(0);

const sizeOf = (axes: readonly Axis[]): number => axes.reduce((n, axis) => n + fixedSize(axis), 0);

/** Sums of a product are symmetric: da sums dy·b over what a lacks, which is again a contraction. */
function contractOperand(dy: Node, other: Node, axes: readonly Axis[]): Node {
  const summed = without(other.type.axes, axes);
  const nested = (a: Node, b: Node): boolean => a.type.axes.every((axis) => b.type.axes.includes(axis));
  if (summed.length === 0 && (nested(dy, other) || nested(other, dy))) return mul(dy, other);
  return contract(dy, other, summed);
}

function gatherTable(y: Node<"gather">, dy: Node): Node {
  const [table, indices] = y.operands as [Node, Node];
  const { axis } = y.attributes;
  return scatter(indices, dy, axis, without(dy.type.axes, without(table.type.axes, [axis])));
}

/**
 * The cotangent of one operand, over the operand's own axes. `behindSelect`: whether dy may be 0 because something was
 * not selected.
 */
export function operandCotangent(
  node: Exclude<Node, Node<"scan" | "result">>,
  dy: Node,
  operand: number,
  behindSelect: boolean,
): Node | null {
  const dx = apply(node, dy, operand, behindSelect);
  return dx && fit(dx, node.operands[operand]!.type.axes);
}

function apply(
  node: Exclude<Node, Node<"scan" | "result">>,
  dy: Node,
  operand: number,
  behindSelect: boolean,
): Node | null {
  const isElementwise = node.op === "unary" || node.op === "binary";
  const choice = selected(dy);
  // A condition of the step alone is one for all elements: it stays outermost past sums too.
  if (choice && (isElementwise || choice.condition.type.axes.length === 0)) {
    const dx = apply(node, choice.value, operand, behindSelect);
    return dx === choice.value ? dy : dx && reselect(choice, dx);
  }
  const dx = (vjp[node.op] as Rule<Op>)(node, dy, operand);
  return dx && behindSelect ? guard(node, dy, dx) : dx;
}

export function fit(x: Node, axes: readonly Axis[]): Node {
  const extra = without(x.type.axes, axes);
  const choice = extra.length > 0 ? selected(x) : null;
  if (choice?.condition.type.axes.every((axis) => axes.includes(axis)))
    return fit(reselect(choice, reduce("sum", choice.value, extra)), axes);
  return broadcast(reduce("sum", x, extra), axes);
}
