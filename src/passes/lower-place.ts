/**
 * Where a value lies: a buffer and, for each of its dims, the axis that runs along it, an offset, or both. Views
 * (rename, pick, slice, one step of a sequence) are other places in the same buffer, so they cost nothing.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { lengthRule } from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { access, binary, fixed, i32, loop, size, symbolic, at, load, select } from "../ir/kernel/build.ts";
import type { Access, Buffer, DType, Expression, Extent, Loop } from "../ir/kernel/types.ts";

export interface Dim {
  readonly axis: Axis | null;
  readonly offset: Expression | null;
}

export interface Place {
  readonly buffer: Buffer;
  readonly dims: readonly Dim[];
}

/** The index along each axis. */
export type Bind = ReadonlyMap<Axis, Expression>;

export const along = (axis: Axis): Dim => ({ axis, offset: null });
export const fixedAt = (offset: Expression): Dim => ({ axis: null, offset });

export function index(place: Place, bind: Bind): Access {
  return access(
    place.buffer,
    place.dims.map(({ axis, offset }) => {
      const position = axis && bind.get(axis);
      if (axis && !position) throw new CompilerBug(`no index for axis ${axis.name} of ${place.buffer.name}`);
      if (!position) return offset ?? i32(0);
      return offset ? binary("add", position, offset) : position;
    }),
  );
}

/** The place with one axis replaced: by another axis, or by a position along it. */
export function replaceAxis(place: Place, axis: Axis, to: Axis | null, plus: Expression | null): Place {
  const dims = place.dims.map((dim): Dim => {
    if (dim.axis !== axis) return dim;
    const offset = dim.offset && plus ? binary("add", dim.offset, plus) : (dim.offset ?? plus);
    return { axis: to, offset };
  });
  return { ...place, dims };
}

/** The node below renames that nothing else reads, and the place in the names of its axes. */
export function beneath(node: Node, place: Place, isAlone: (node: Node) => boolean): readonly [Node, Place] {
  if (node.op === "stop" && isAlone(node)) return beneath(node.operands[0]!, place, isAlone);
  if (node.op !== "rename" || !isAlone(node)) return [node, place];
  const { from, to } = node.attributes;
  return beneath(node.operands[0]!, replaceAxis(place, to, from, null), isAlone);
}

export const rebind = (bind: Bind, axis: Axis, to: Expression): Bind => new Map(bind).set(axis, to);

// ---- extents ------------------------------------------------------------------------------------------------

export function extentOf(axis: Axis): Extent {
  const { size } = axis;
  switch (size.kind) {
    case "fixed":
      return fixed(size.size);
    case "batch":
      return symbolic("B");
    case "ragged":
      return symbolic(axis.name);
    case "linear": {
      const { source, times, plus, by } = lengthRule(axis);
      const of = extentOf(source);
      const sum = { ...of, times: of.times * times, plus: of.plus * times + plus };
      return by === 1 ? sum : { ...sum, by };
    }
    default:
      return size satisfies never;
  }
}

/** The axis that gives the lengths that this one's follow; null if its size is one for all. */
export function lengthSource(axis: Axis): Axis | null {
  const { source } = lengthRule(axis);
  return source.size.kind === "ragged" ? source : null;
}

/** An example's own length along an axis, from the length along its source. */
export function ownLength(axis: Axis, source: Expression): Expression {
  if (axis.size.kind !== "linear") return source;
  const { times, plus, by } = lengthRule(axis);
  const sum = binary("add", binary("mul", source, i32(times)), i32(plus));
  const length = by === 1 ? sum : binary("div", sum, i32(by));
  return plus < 0 ? binary("max", length, i32(0)) : length;
}

export const sizeOf = (axis: Axis): Expression => size(extentOf(axis));

// ---- loops --------------------------------------------------------------------------------------------------

export interface Domain {
  readonly loops: readonly Loop[];
  readonly bind: Bind;
}

/** A loop an axis, outermost first. */
export function domain(axes: readonly Axis[], outer: Bind = new Map()): Domain {
  const loops = axes.map((axis) => loop(axis.name, extentOf(axis)));
  const bind = new Map(outer);
  axes.forEach((axis, k) => bind.set(axis, at(loops[k]!.variable)));
  return { loops, bind };
}

/** Axes in the order in which a place has them, so that neighbours are stored one after the other. */
export function orderedAs(place: Place, axes: readonly Axis[]): readonly Axis[] {
  const at = (axis: Axis): number => place.dims.findIndex((d) => d.axis === axis);
  return [...axes].sort((a, b) => at(a) - at(b));
}

// ---- bools --------------------------------------------------------------------------------------------------

export const bufferType = (dtype: DType | "bool" | "tuple"): DType => {
  if (dtype === "tuple") throw new CompilerBug("a scan itself is not stored");
  return dtype === "bool" ? "i32" : dtype;
};

/** A bool is kept as an i32 of 0 or 1. */
export const stored = (e: Expression): Expression => (e.dtype === "bool" ? select(e, i32(1), i32(0)) : e);

export function loaded(from: Access, dtype: DType | "bool" | "tuple"): Expression {
  const e = load(from);
  return dtype === "bool" ? binary("ne", e, i32(0)) : e;
}
