/**
 * Indices as sums: `constant + Σ stride · variable + Σ stride · rest`, in elements, where `rest` are expressions that
 * are no sum of variables (a token looked up, a clamped position). Addresses, strides along a loop and
 * the forms of products are all read off this.
 */
import { isFixed, sameExtent } from "../../ir/kernel/build.ts";
import type { Access, Expression, Extent, Variable } from "../../ir/kernel/types.ts";
import type { Stride } from "../../ir/kernel/addresses.ts";
import { panels, strides } from "../../ir/kernel/addresses.ts";

export interface Affine {
  readonly constant: number;
  readonly variables: ReadonlyMap<Variable, Stride>;
  readonly rest: readonly { readonly of: Expression; readonly stride: Stride }[];
}

/** Where an access lies within its buffer: one offset in rows, a row and a column of a matrix in panels. */
export type Position =
  | { readonly kind: "rows"; readonly offset: Affine }
  | { readonly kind: "panels"; readonly row: Affine; readonly column: Affine; readonly K: number };

export const unit = (factor: number): Stride => ({ factor, extents: [] });
export const isConstant = (stride: Stride): boolean => stride.extents.length === 0;

export function sameStride(a: Stride, b: Stride): boolean {
  if (a.factor !== b.factor || a.extents.length !== b.extents.length) return false;
  const left = [...b.extents];
  return a.extents.every((e) => {
    const at = left.findIndex((x) => sameExtent(x, e));
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}

export const scale = (a: Stride, by: Stride): Stride => ({
  factor: a.factor * by.factor,
  extents: [...a.extents, ...by.extents],
});

export const extentStride = (extent: Extent): Stride =>
  isFixed(extent) ? unit(extent.plus) : { factor: 1, extents: [extent] };

export const strideKey = (s: Stride): string =>
  [s.factor, ...s.extents.map((e) => `${e.times}${e.symbol}+${e.plus}/${e.by ?? 1}`).sort()].join("*");

interface Sum {
  constant: number;
  readonly variables: Map<Variable, Stride>;
  readonly rest: { of: Expression; stride: Stride }[];
}

/** Adds `by * e` to the sum; a constant times a symbolic stride stays a `rest`. */
function addTo(sum: Sum, e: Expression, by: Stride): void {
  const keep = (): void => void sum.rest.push({ of: e, stride: by });
  if (e.kind === "constant") {
    if (e.value === 0) return;
    if (isConstant(by)) sum.constant += by.factor * e.value;
    else keep();
  } else if (e.kind === "variable") {
    const before = sum.variables.get(e.variable);
    if (!before) sum.variables.set(e.variable, by);
    else if (isConstant(before) && isConstant(by))
      sum.variables.set(e.variable, unit(before.factor + by.factor));
    else keep();
  } else if (e.kind === "binary" && (e.fn === "add" || e.fn === "sub")) {
    addTo(sum, e.left, by);
    addTo(sum, e.right, e.fn === "add" ? by : scale(by, unit(-1)));
  } else if (e.kind === "unary" && e.fn === "neg") {
    addTo(sum, e.operand, scale(by, unit(-1)));
  } else if (e.kind === "binary" && e.fn === "mul" && e.right.kind === "constant") {
    addTo(sum, e.left, scale(by, unit(e.right.value)));
  } else if (e.kind === "binary" && e.fn === "mul" && e.left.kind === "constant") {
    addTo(sum, e.right, scale(by, unit(e.left.value)));
  } else keep();
}

export function affine(index: readonly Expression[], steps: readonly Stride[]): Affine {
  const sum: Sum = { constant: 0, variables: new Map(), rest: [] };
  index.forEach((e, d) => addTo(sum, e, steps[d]!));
  for (const [variable, stride] of sum.variables) if (stride.factor === 0) sum.variables.delete(variable);
  return sum;
}

export function position({ buffer, index }: Access): Position {
  if (buffer.layout.kind === "rows") return { kind: "rows", offset: affine(index, strides(buffer)) };
  const { rows, columns, K } = panels(buffer);
  return {
    kind: "panels",
    row: affine(index.slice(0, rows.length), rows.map(unit)),
    column: affine(index.slice(rows.length), columns.map(unit)),
    K,
  };
}
