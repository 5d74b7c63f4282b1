/**
 * The evaluator's values: float64 in row-major order of their axes. Operations with named axes become loops over
 * flat offsets: `offsets` lists, for every point of some axes in order, where a tensor keeps that point.
 */
import type { Axis } from "./types.ts";

export interface Tensor {
  /** In any order; the data lie in it, the last one innermost. */
  readonly axes: readonly Axis[];
  readonly sizes: readonly number[];
  readonly data: Float64Array;
}

export type Strides = (axis: Axis) => number;

export const product = (sizes: readonly number[]): number => sizes.reduce((n, size) => n * size, 1);

export function scalar(value: number): Tensor {
  return { axes: [], sizes: [], data: Float64Array.of(value) };
}

/** How far apart in a tensor neighbours along an axis lie; 0 along axes that it lacks. */
export function strides(tensor: {
  readonly axes: readonly Axis[];
  readonly sizes: readonly number[];
}): Strides {
  const byAxis = new Map<Axis, number>();
  let stride = 1;
  for (let k = tensor.axes.length - 1; k >= 0; k--) {
    byAxis.set(tensor.axes[k]!, stride);
    stride *= tensor.sizes[k]!;
  }
  return (axis) => byAxis.get(axis) ?? 0;
}

export function offsets(
  axes: readonly Axis[],
  sizes: readonly number[],
  stride: Strides,
  base = 0,
): Int32Array {
  let list = Int32Array.of(base);
  axes.forEach((axis, k) => {
    const n = sizes[k]!;
    const step = stride(axis);
    const longer = new Int32Array(list.length * n);
    for (let i = 0, at = 0; i < list.length; i++)
      for (let j = 0, from = list[i]!; j < n; j++, from += step) longer[at++] = from;
    list = longer;
  });
  return list;
}

/** The same values in the given axes, in that order; constant along those that the tensor lacks. */
export function arrange(tensor: Tensor, axes: readonly Axis[], sizes: readonly number[]): Tensor {
  if (axes.length === tensor.axes.length && axes.every((axis, k) => axis === tensor.axes[k])) return tensor;
  if (tensor.data.length === 1 && tensor.axes.length === 0)
    return { axes, sizes, data: new Float64Array(product(sizes)).fill(tensor.data[0]!) };
  return { axes, sizes, data: take(tensor.data, offsets(axes, sizes, strides(tensor))) };
}

export function take(data: Float64Array, from: Int32Array): Float64Array {
  const out = new Float64Array(from.length);
  for (let i = 0; i < from.length; i++) out[i] = data[from[i]!]!;
  return out;
}

export function put(out: Float64Array, to: Int32Array, data: Float64Array, from: Int32Array): void {
  for (let i = 0; i < to.length; i++) out[to[i]!] = data[from[i]!]!;
}
