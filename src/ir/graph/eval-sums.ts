/**
 * Sums in the evaluator: reduce, contract, scatter. Each counts only what `validity` lets count, and skips the rest
 * instead of multiplying it by zero, so that a NaN in padding never matters and one elsewhere is never hidden.
 */
import { batch, isRagged, union, without } from "./build.ts";
import type { Context } from "./eval-context.ts";
import { validity } from "./eval-context.ts";
import type { Tensor } from "./tensor.ts";
import { arrange, offsets, product, strides } from "./tensor.ts";
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
  // the examples, if one side alone has them, belong to a
  const [a, other] = x.axes.includes(batch) || !y.axes.includes(batch) ? [x, y] : [y, x];
  const shared = a.axes.filter((axis) => other.axes.includes(axis) && !summed.includes(axis));
  const rows = without(a.axes, [...shared, ...summed]);
  const columns = without(other.axes, [...shared, ...summed]);
  // b lies as it is read: the innermost loop is over neighbours
  const order = [...shared, ...summed, ...columns];
  const b = arrange(other, order, order.map(context.size));
  const list = (
    of: readonly Axis[],
    tensor: { axes: readonly Axis[]; sizes: readonly number[] },
  ): Int32Array => offsets(of, of.map(context.size), strides(tensor));
  const out = { axes, sizes };
  const [za, zo] = [list(shared, a), list(shared, out)];
  const [ma, mo] = [list(rows, a), list(rows, out)];
  const [ka, no] = [list(summed, a), list(columns, out)];
  const [K, N] = [ka.length, no.length];
  const validA = validity(a.axes, a.sizes, summed, context);
  // what both have, a's mask has said already
  const onlyB = summed.includes(batch) ? columns.some(isRagged) : !a.axes.includes(batch);
  const validB = onlyB ? validity(b.axes, b.sizes, summed, context) : null;
  const data = new Float64Array(product(sizes));
  const row = new Float64Array(N);
  for (let z = 0; z < za.length; z++)
    for (let m = 0; m < ma.length; m++) {
      row.fill(0);
      for (let k = 0; k < K; k++) {
        const at = za[z]! + ma[m]! + ka[k]!;
        if (validA && !validA[at]) continue;
        const from = (z * K + k) * N;
        if (validB) addMasked(row, a.data[at]!, b.data, from, validB);
        else addScaled(row, a.data[at]!, b.data, from);
      }
      const to = zo[z]! + mo[m]!;
      for (let n = 0; n < N; n++) data[to + no[n]!] = row[n]!;
    }
  return { axes, sizes, data };
}

function addScaled(row: Float64Array, factor: number, data: Float64Array, from: number): void {
  for (let n = 0; n < row.length; n++) row[n] = row[n]! + factor * data[from + n]!;
}

function addMasked(
  row: Float64Array,
  factor: number,
  data: Float64Array,
  from: number,
  valid: Uint8Array,
): void {
  for (let n = 0; n < row.length; n++) if (valid[from + n]) row[n] = row[n]! + factor * data[from + n]!;
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
  if (!isRagged(axis)) return () => size;
  const lengths = context.lengths(axis);
  if (lengths.axes.some((of) => !axes.includes(of))) return () => size;
  const place = offsets(axes, sizes, strides(lengths));
  return (point) => lengths.data[place[point]!]!;
}
