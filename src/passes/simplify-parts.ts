/** simplify's rules for parts of axes: taking apart what was just put together, and the reverse. */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { constantOf, isZero, zeros } from "./simplify-elementwise.ts";

export function simplifyStack(node: Node<"stack">): Node {
  const { axis } = node.attributes;
  const { operands } = node;
  const value = constantOf(operands[0]!);
  if (value !== null && operands.every((x) => constantOf(x) === value))
    return build.broadcast(operands[0]!, node.type.axes);
  const first = operands[0]!;
  if (first.op !== "pick") return node;
  const whole = first.operands[0]!;
  const from = first.attributes.axis;
  const inOrder = operands.every(
    (x, k) =>
      x.op === "pick" && x.operands[0] === whole && x.attributes.axis === from && x.attributes.index === k,
  );
  return inOrder ? take(whole, from, 0, axis) : node;
}

/** The first elements, or all of them, along another axis. */
function take(x: Node, axis: Axis, start: number, to: Axis): Node {
  return build.fixedSize(axis) === build.fixedSize(to)
    ? build.rename(x, axis, to)
    : build.slice(x, axis, start, to);
}

export function simplifyPick(node: Node<"pick">): Node {
  const { axis, index } = node.attributes;
  const x = node.operands[0]!;
  switch (x.op) {
    case "stack":
      return x.attributes.axis === axis ? x.operands[index]! : node;
    case "slice":
      return x.attributes.to === axis
        ? build.pick(x.operands[0]!, x.attributes.axis, x.attributes.start + index)
        : node;
    case "rename":
      return x.attributes.to === axis ? build.pick(x.operands[0]!, x.attributes.from, index) : node;
    case "broadcast": {
      const inner = x.operands[0]!;
      return build.broadcast(
        build.hasAxis(inner, axis) ? build.pick(inner, axis, index) : inner,
        node.type.axes,
      );
    }
    case "iota":
      return x.attributes.axis === axis ? build.constant(index, "i32") : node;
    case "concat": {
      if (x.attributes.to !== axis) return node;
      const { part, offset } = partAt(x, index);
      return build.pick(x.operands[part]!, x.attributes.from[part]!, offset);
    }
    case "place": {
      const { start, from } = x.attributes;
      if (x.attributes.axis !== axis) return node;
      const size = from ? build.fixedSize(from) : 1;
      if (index < start || index >= start + size) return zeros(node.type);
      return from ? build.pick(x.operands[0]!, from, index - start) : x.operands[0]!;
    }
    default:
      return node;
  }
}

/** Which operand of a concat an index falls into, and where. */
function partAt(node: Node<"concat">, index: number): { part: number; offset: number } {
  let offset = index;
  for (let part = 0; ; part++) {
    const size = build.fixedSize(node.attributes.from[part]!);
    if (offset < size) return { part, offset };
    offset -= size;
  }
}

export function simplifySlice(node: Node<"slice">): Node {
  const { axis, start, to } = node.attributes;
  const x = node.operands[0]!;
  const size = build.fixedSize(to);
  if (size === build.fixedSize(axis)) return build.rename(x, axis, to);
  switch (x.op) {
    case "slice":
      return x.attributes.to === axis
        ? build.slice(x.operands[0]!, x.attributes.axis, x.attributes.start + start, to)
        : node;
    case "rename":
      return x.attributes.to === axis ? build.slice(x.operands[0]!, x.attributes.from, start, to) : node;
    case "stack":
      return x.attributes.axis === axis ? build.stack(x.operands.slice(start, start + size), to) : node;
    case "broadcast": {
      const inner = x.operands[0]!;
      const part = build.hasAxis(inner, axis) ? build.slice(inner, axis, start, to) : inner;
      return build.broadcast(part, node.type.axes);
    }
    case "concat": {
      if (x.attributes.to !== axis || size === 0) return node;
      const { part, offset } = partAt(x, start);
      const from = x.attributes.from[part]!;
      const fits = offset + size <= build.fixedSize(from);
      return fits ? take(x.operands[part]!, from, offset, to) : node;
    }
    case "place": {
      const { start: at, from } = x.attributes;
      if (x.attributes.axis !== axis) return node;
      const end = at + (from ? build.fixedSize(from) : 1);
      if (end <= start || at >= start + size) return zeros(node.type);
      return at >= start && end <= start + size ? build.place(x.operands[0]!, to, at - start, from) : node;
    }
    default:
      return node;
  }
}

export function simplifyConcat(node: Node<"concat">): Node {
  const { from, to } = node.attributes;
  const { operands } = node;
  if (operands.length === 1) return build.rename(operands[0]!, from[0]!, to);
  const value = constantOf(operands[0]!);
  if (value !== null && operands.every((x) => constantOf(x) === value))
    return build.broadcast(build.constant(value, node.type.dtype as "f32"), node.type.axes);
  return joinSlices(node);
}

/** Neighbouring slices of one value are one slice. */
function joinSlices(node: Node<"concat">): Node {
  const { from, to } = node.attributes;
  const whole = node.operands[0]!;
  if (whole.op !== "slice") return node;
  const { axis, start } = whole.attributes;
  let end = start;
  for (const [k, x] of node.operands.entries()) {
    const follows =
      x.op === "slice" &&
      x.operands[0] === whole.operands[0] &&
      x.attributes.axis === axis &&
      x.attributes.to === from[k] &&
      x.attributes.start === end;
    if (!follows) return node;
    end += build.fixedSize(from[k]!);
  }
  return take(whole.operands[0]!, axis, start, to);
}

export function simplifyPlace(node: Node<"place">): Node {
  const { axis, start, from } = node.attributes;
  const x = node.operands[0]!;
  if (isZero(x)) return zeros(node.type);
  if (from && build.fixedSize(from) === build.fixedSize(axis)) return build.rename(x, from, axis);
  if (!from && build.fixedSize(axis) === 1) return build.stack([x], axis);
  // A place in a place along the same axis is one place.
  if (from && x.op === "place" && x.attributes.axis === from)
    return build.place(x.operands[0]!, axis, start + x.attributes.start, x.attributes.from);
  return node;
}
