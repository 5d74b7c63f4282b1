/**
 * Sums in the evaluator: reduce, contract, scatter. Each counts only what `validity` lets count, and skips the rest
 * instead of multiplying it by zero, so that a NaN in padding never matters and one elsewhere is never hidden.
 */
import { batch, isRagged, union, without } from "./build.ts";
import type { Context } from "./eval-context.ts";
import { validity } from "./eval-context.ts";
import type { Tensor } from "./tensor.ts";
import { offsets, product, strides } from "./tensor.ts";
import type { Axis, Node, ReduceFunction } from "./types.ts";

/** Over the values of `data` at `base + from[j]` that count. */
type Reducer = (data: Float64Array, base: number, from: Int32Array, valid: Uint8Array | null) => number;

const fold =
  (start: number, step: (a: number, x: number) => number): Reducer =>
  (data, base, from, valid) => {
    let result = start;
    for (let j = 0; j < from.length; j++) {
      const i = base + from[j]!;
      if (!valid || valid[i]) result = step(result, data[i]!);
    }
    return result;
  };

const maximum = fold(-Infinity, Math.max);

const reducers: Readonly<Record<ReduceFunction, Reducer>> = {
  sum: fold(0, (a, x) => a + x),
  prod: fold(1, (a, x) => a * x),
  max: maximum,
  logsumexp: (data, base, from, valid) => {
    const top = maximum(data, base, from, valid);
    if (!Number.isFinite(top)) return top;
    return top + Math.log(fold(0, (a, x) => a + Math.exp(x - top))(data, base, from, valid));
  },
  argmax: (data, base, from, valid) => {
    let best = 0;
    let top = -Infinity;
    for (let j = 0; j < from.length; j++) {
      const i = base + from[j]!;
      if ((!valid || valid[i]) && data[i]! > top) {
        top = data[i]!;
        best = j;
      }
    }
    return best;
  },
};

export function evaluateReduce(node: Node<"reduce">, x: Tensor, context: Context): Tensor {
  const { fn, axes: reduced } = node.attributes;
  const axes = node.type.axes;
  const sizes = axes.map(context.size);
  const kept = offsets(axes, sizes, strides(x));
  const over = offsets(reduced, reduced.map(context.size), strides(x));
  const valid = validity(x.axes, x.sizes, reduced, context);
  const reducer = reducers[fn];
  const data = new Float64Array(kept.length);
  for (let i = 0; i < kept.length; i++) data[i] = reducer(x.data, kept[i]!, over, valid);
  return { axes, sizes, data };
}

/** Every contraction is a batched matrix product over lists of offsets: a[z, m, k] b[z, k, n] → [z, m, n]. */
export function evaluateContract(node: Node<"contract">, x: Tensor, y: Tensor, context: Context): Tensor {
  const summed = node.attributes.axes;
  const axes = node.type.axes;
  const sizes = axes.map(context.size);
  // the longer innermost run belongs to b, and the examples, if one side alone has them, to a
  const [a, b] = x.axes.includes(batch) || !y.axes.includes(batch) ? [x, y] : [y, x];
  const shared = a.axes.filter((axis) => b.axes.includes(axis) && !summed.includes(axis));
  const rows = without(a.axes, [...shared, ...summed]);
  const columns = without(b.axes, [...shared, ...summed]);
  const list = (
    of: readonly Axis[],
    tensor: { axes: readonly Axis[]; sizes: readonly number[] },
  ): Int32Array => offsets(of, of.map(context.size), strides(tensor));
  const out = { axes, sizes };
  const [za, zb, zo] = [list(shared, a), list(shared, b), list(shared, out)];
  const [ma, mo] = [list(rows, a), list(rows, out)];
  const [ka, kb] = [list(summed, a), list(summed, b)];
  const [nb, no] = [list(columns, b), list(columns, out)];
  const validA = validity(a.axes, a.sizes, summed, context);
  // what both have, a's mask has said already
  const onlyB = summed.includes(batch) ? columns.some(isRagged) : !a.axes.includes(batch);
  const validB = onlyB ? validity(b.axes, b.sizes, summed, context) : null;
  const data = new Float64Array(product(sizes));
  const row = new Float64Array(nb.length);
  for (let z = 0; z < za.length; z++)
    for (let m = 0; m < ma.length; m++) {
      row.fill(0);
      for (let k = 0; k < ka.length; k++) {
        const atA = za[z]! + ma[m]! + ka[k]!;
        if (validA && !validA[atA]) continue;
        const factor = a.data[atA]!;
        const atB = zb[z]! + kb[k]!;
        for (let n = 0; n < nb.length; n++) {
          const i = atB + nb[n]!;
          if (!validB || validB[i]) row[n] = row[n]! + factor * b.data[i]!;
        }
      }
      const to = zo[z]! + mo[m]!;
      for (let n = 0; n < nb.length; n++) data[to + no[n]!] = row[n]!;
    }
  return { axes, sizes, data };
}

export function evaluateScatter(
  node: Node<"scatter">,
  indices: Tensor,
  updates: Tensor,
  context: Context,
): Tensor {
  const { axis, over } = node.attributes;
  const axes = node.type.axes;
  const sizes = axes.map(context.size);
  const all = union(indices.axes, updates.axes);
  const allSizes = all.map(context.size);
  const stride = strides({ axes, sizes });
  const to = offsets(all, allSizes, (other) => (over.includes(other) ? 0 : stride(other)));
  const index = offsets(all, allSizes, strides(indices));
  const update = offsets(all, allSizes, strides(updates));
  const valid = validity(all, allSizes, over, context);
  const limit = indexLimit(axis, all, allSizes, context);
  const step = stride(axis);
  const data = new Float64Array(product(sizes));
  for (let i = 0; i < to.length; i++) {
    if (valid && !valid[i]) continue;
    const at = indices.data[index[i]!]!;
    if (at >= 0 && at < limit(i)) data[to[i]! + at * step]! += updates.data[update[i]!]!;
  }
  return { axes, sizes, data };
}

/** For every point of `axes`: where indices into `axis` end, for its own example. */
export function indexLimit(
  axis: Axis,
  axes: readonly Axis[],
  sizes: readonly number[],
  context: Context,
): (point: number) => number {
  const size = context.size(axis);
  if (!isRagged(axis) || !axes.includes(batch)) return () => size;
  const lengths = context.lengths(axis);
  const example = offsets(axes, sizes, (other) => (other === batch ? 1 : 0));
  return (point) => lengths[example[point]!]!;
}
