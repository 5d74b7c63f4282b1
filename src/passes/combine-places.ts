/**
 * Sums of places, as autodiff leaves them where a value was read in parts.
 *
 *   add (place [g] 0 %a), (place [g] 1 %b)           becomes     stack [g] %a, %b
 *   add (place [g, p] 0 %a), (place [g, q] 3 %b)     becomes     concat [p, q, g] %a, %b
 *   add (place [g] 1 %a), (place [g] 1 %b)           becomes     place [g] 1 (add %a, %b)
 *
 * Everywhere but at its own place each term is 0, so nothing is rounded differently.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import type { PartAxis } from "./part-axis.ts";

/** A part of an axis and what stands there. */
interface Part {
  readonly start: number;
  readonly size: number;
  readonly from: Axis | null;
  readonly value: Node;
}

/** The sum with places along one axis combined, or the node itself if no two can be. */
export function combinePlaces(node: Node<"binary">, partAxis: PartAxis): Node {
  const terms = termsOf(node);
  const places = terms.filter((x): x is Node<"place"> => x.op === "place");
  for (const { attributes } of places) {
    const along = places.filter((x) => x.attributes.axis === attributes.axis);
    const rest = terms.filter((x) => !along.includes(x as Node<"place">));
    const stack = rest.find(
      (x): x is Node<"stack"> => x.op === "stack" && x.attributes.axis === attributes.axis,
    );
    const full = stack?.type.axes.length === node.type.axes.length;
    if (stack && full && along.every((x) => x.attributes.from === null)) {
      const others = rest.filter((x) => x !== stack);
      return sum([addToStack(stack, along), ...others]);
    }
    if (along.length < 2) continue;
    const parts = join(along.map((x) => partOf(x, node.type.axes)));
    if (!parts) continue;
    return sum([assemble(parts, attributes.axis, partAxis), ...rest]);
  }
  return node;
}

const sum = (terms: readonly Node[]): Node => terms.reduce((a, b) => build.add(a, b));

/** The terms of a chain of sums. */
function termsOf(node: Node): Node[] {
  const isSum = node.op === "binary" && node.attributes.fn === "add";
  return isSum ? node.operands.flatMap(termsOf) : [node];
}

/** A place as a part of a value over all of `axes`. */
function partOf(node: Node<"place">, axes: readonly Axis[]): Part {
  const { axis, start, from } = node.attributes;
  const value = build.broadcast(node.operands[0]!, build.without(axes, [axis]));
  return { start, size: from ? build.fixedSize(from) : 1, from, value };
}

function addToStack(stack: Node<"stack">, places: readonly Node<"place">[]): Node {
  const operands = [...stack.operands];
  for (const { attributes, operands: added } of places)
    operands[attributes.start] = build.add(operands[attributes.start]!, added[0]!);
  return build.stack(operands, stack.attributes.axis);
}

/** In order, those at the same place added up; null if two overlap otherwise. */
function join(parts: readonly Part[]): readonly Part[] | null {
  const sorted = [...parts].sort((a, b) => a.start - b.start || a.size - b.size);
  const joined: Part[] = [];
  for (const part of sorted) {
    const last = joined.at(-1);
    if (last && last.start === part.start && last.from === part.from)
      joined[joined.length - 1] = { ...last, value: build.add(last.value, part.value) };
    else if (last && last.start + last.size > part.start) return null;
    else joined.push(part);
  }
  return joined;
}

function assemble(parts: readonly Part[], axis: Axis, partAxis: PartAxis): Node {
  const [only] = parts;
  if (only && parts.length === 1) return build.place(only.value, axis, only.start, only.from);
  const total = build.fixedSize(axis);
  if (parts.length === total && parts.every((p) => p.from === null))
    return build.stack(
      parts.map((p) => p.value),
      axis,
    );
  // Single elements and gaps get an axis of their own, to stand in a row with the others.
  const first = parts[0]!;
  const rest = first.from ? build.without(first.value.type.axes, [first.from]) : first.value.type.axes;
  const row: { value: Node; from: Axis }[] = [];
  let at = 0;
  const gap = (size: number): void => {
    if (size === 0) return;
    const from = partAxis(size, axis);
    row.push({ value: build.broadcast(build.constant(0), [...rest, from]), from });
  };
  for (const { start, size, from, value } of parts) {
    gap(start - at);
    if (from) row.push({ value, from });
    else {
      const single = partAxis(1, axis);
      row.push({ value: build.stack([value], single), from: single });
    }
    at = start + size;
  }
  gap(total - at);
  return build.concat(
    row.map((x) => x.value),
    row.map((x) => x.from),
    axis,
  );
}
