/**
 * simplify's rules for the ops that work on axes: sums and products, moving along axes, parts of axes.
 *
 * One normal form runs through all of them: what repeats or only names (broadcast, rename, pick) goes outwards, so
 * that equal values meet as one node below it.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { rebuild } from "../ir/graph/walk.ts";
import { constantOf, isZero, zeros } from "./simplify-elementwise.ts";
import {
  simplifyConcat,
  simplifyPick,
  simplifyPlace,
  simplifySlice,
  simplifyStack,
} from "./simplify-parts.ts";
import type { Rule } from "./simplify.ts";

const isBatch = (axis: Axis): boolean => axis.kind === "batch";

/** Splits the axes of a repeated operand: those that the op needs, and those that its result can be repeated along. */
function splitRepeated(x: Node<"broadcast">, needed: readonly Axis[]): [readonly Axis[], readonly Axis[]] {
  const { axes } = x.attributes;
  return [axes.filter((axis) => needed.includes(axis)), axes.filter((axis) => !needed.includes(axis))];
}

/**
 * Whether a value can be reduced first and repeated along the axis afterwards. A sum over the batch counts no padding
 * of any axis, and one over a ragged axis needs to know whose length it is.
 */
const mayPostpone = (axis: Axis, over: readonly Axis[]): boolean =>
  !(build.isRagged(axis) && over.some(isBatch)) && !over.some((of) => build.lengthAxes(of).includes(axis));

function simplifyBroadcast(node: Node<"broadcast">): Node {
  const x = node.operands[0]!;
  return x.op === "broadcast" ? build.broadcast(x.operands[0]!, node.type.axes) : node;
}

function simplifyRename(node: Node<"rename">): Node {
  const { from, to } = node.attributes;
  const x = node.operands[0]!;
  switch (x.op) {
    case "rename":
      return x.attributes.to === from ? build.rename(x.operands[0]!, x.attributes.from, to) : node;
    case "iota":
      return build.iota(to);
    case "broadcast": {
      const inner = x.operands[0]!;
      return build.broadcast(
        build.hasAxis(inner, from) ? build.rename(inner, from, to) : inner,
        node.type.axes,
      );
    }
    case "pick":
      return build.hasAxis(x.operands[0]!, to)
        ? node
        : build.pick(build.rename(x.operands[0]!, from, to), x.attributes.axis, x.attributes.index);
    case "slice":
      return x.attributes.to === from
        ? build.slice(x.operands[0]!, x.attributes.axis, x.attributes.start, to)
        : node;
    case "stack":
      return x.attributes.axis === from ? build.stack(x.operands, to) : node;
    case "concat":
      return x.attributes.to === from ? build.concat(x.operands, x.attributes.from, to) : node;
    case "place":
      return x.attributes.axis === from
        ? build.place(x.operands[0]!, to, x.attributes.start, x.attributes.from)
        : node;
    default:
      return node;
  }
}

function simplifyReduce(node: Node<"reduce">): Node {
  const { fn, axes } = node.attributes;
  const x = node.operands[0]!;
  if (fn === "sum" && isZero(x)) return zeros(node.type);
  if (x.op === "reduce" && x.attributes.fn === fn && fn !== "argmax" && fn !== "logsumexp")
    return build.reduce(fn, x.operands[0]!, [...axes, ...x.attributes.axes]);
  if (x.op === "broadcast") return reduceRepeated(node, x);
  if (fn !== "sum") return node;
  if (x.op === "contract") {
    const [a, b] = x.operands as [Node, Node];
    const shared = axes.filter((axis) => build.hasAxis(a, axis) && build.hasAxis(b, axis));
    if (shared.length === 0) return node;
    const product = build.contract(a, b, [...x.attributes.axes, ...shared]);
    return build.reduce("sum", product, build.without(axes, shared));
  }
  if (x.op === "place" && axes.includes(x.attributes.axis)) {
    const { axis, from } = x.attributes;
    return build.reduce("sum", x.operands[0]!, [...build.without(axes, [axis]), ...(from ? [from] : [])]);
  }
  return node;
}

function reduceRepeated(node: Node<"reduce">, x: Node<"broadcast">): Node {
  const { fn, axes } = node.attributes;
  const [needed, all] = splitRepeated(x, axes);
  const later = all.filter((axis) => mayPostpone(axis, axes));
  if (later.length > 0) {
    const inner = build.broadcast(x.operands[0]!, build.without(x.attributes.axes, later));
    return build.broadcast(build.reduce(fn, inner, axes), node.type.axes);
  }
  const fixed = needed.filter((axis) => axis.size.kind === "fixed" && axis.size.size > 0);
  if (fixed.length === 0 || (fn !== "sum" && fn !== "max") || x.type.dtype !== "f32") return node;
  const times = fn === "sum" ? fixed.reduce((n, axis) => n * build.fixedSize(axis), 1) : 1;
  const inner = build.broadcast(x.operands[0]!, build.without(x.attributes.axes, fixed));
  const rest = build.reduce(fn, inner, build.without(axes, fixed));
  return times === 1 ? rest : build.mul(rest, build.constant(times));
}

function simplifyContract(node: Node<"contract">): Node {
  const { axes } = node.attributes;
  const operands = node.operands as readonly [Node, Node];
  const [a, b] = operands;
  if (isZero(a) || isZero(b)) return zeros(node.type);
  for (const k of [0, 1] as const) {
    const [x, other] = [operands[k], operands[1 - k]!];
    if (x.op !== "broadcast") continue;
    const [needed, all] = splitRepeated(x, axes);
    // Beside an operand that has the axis, repeating along it says nothing.
    const later = all.filter((axis) => build.hasAxis(other, axis) || mayPostpone(axis, axes));
    if (later.length > 0) {
      const kept = [...needed, ...build.without(all, later)];
      const inner = build.broadcast(x.operands[0]!, kept);
      const product = build.contract(...((k === 0 ? [inner, other] : [other, inner]) as [Node, Node]), axes);
      return build.broadcast(product, node.type.axes);
    }
    const within = x.type.axes.every((axis) => build.hasAxis(other, axis));
    if (constantOf(x) === 1 && within) return build.reduce("sum", other, axes);
  }
  // A name that both operands only have for the product is not needed.
  if (
    a.op === "rename" &&
    b.op === "rename" &&
    a.attributes.from === b.attributes.from &&
    a.attributes.to === b.attributes.to &&
    axes.includes(a.attributes.to)
  )
    return build.contract(a.operands[0]!, b.operands[0]!, [
      ...build.without(axes, [a.attributes.to]),
      a.attributes.from,
    ]);
  return node;
}

function simplifyShift(node: Node<"shift">): Node {
  const x = node.operands[0]!;
  if (constantOf(x) !== null && constantOf(x) === node.attributes.filler) return x;
  return postponeAlong(node, node.attributes.axis);
}

function simplifyReverse(node: Node<"reverse">): Node {
  const x = node.operands[0]!;
  const { axis } = node.attributes;
  if (x.op === "reverse" && x.attributes.axis === axis) return x.operands[0]!;
  if (x.op === "broadcast" && x.attributes.axes.includes(axis)) return x;
  return postponeAlong(node, axis);
}

/** An op along one axis of a value repeated along others; without its example a value does not know its end. */
function postponeAlong(node: Node, axis: Axis): Node {
  const x = node.operands[0]!;
  if (x.op !== "broadcast" || x.attributes.axes.includes(axis)) return node;
  if (build.lengthAxes(axis).some((of) => x.attributes.axes.includes(of))) return node;
  return build.broadcast(rebuild(node, [x.operands[0]!]), node.type.axes);
}

export const axisRules: {
  readonly [
    K in
      | "broadcast"
      | "rename"
      | "reduce"
      | "contract"
      | "gather"
      | "scatter"
      | "shift"
      | "reverse"
      | "stack"
      | "pick"
      | "slice"
      | "concat"
      | "place"
      | "iota"
      | "length"
      | "stop"
  ]: Rule<K>;
} = {
  broadcast: simplifyBroadcast,
  rename: simplifyRename,
  reduce: simplifyReduce,
  contract: simplifyContract,
  gather: (node) => (isZero(node.operands[0]!) ? zeros(node.type) : node),
  scatter: (node) => (isZero(node.operands[1]!) ? zeros(node.type) : node),
  shift: simplifyShift,
  reverse: simplifyReverse,
  stack: simplifyStack,
  pick: simplifyPick,
  slice: simplifySlice,
  concat: simplifyConcat,
  place: simplifyPlace,
  iota: (node) => node,
  length: (node) => {
    const { size } = node.attributes.axis;
    return size.kind === "fixed" ? build.constant(size.size, "i32") : node;
  },
  stop: (node) => {
    const x = node.operands[0]!;
    return x.op === "stop" || constantOf(x) !== null ? x : node;
  },
};
