/**
 * What the evaluator knows besides values: sizes, lengths, and which examples are still running. Padding is what
 * lies past an example's end; `validity` marks what counts in a sum.
 */
import { batch, isRagged } from "./build.ts";
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import type { RandomSource } from "../random.ts";
import type { Tensor } from "./tensor.ts";
import { offsets, product } from "./tensor.ts";
import type { Axis } from "./types.ts";

export interface Environment {
  /** The number of examples. */
  readonly batch: number;
  /** By the names of the graph's inputs. Ragged axes are stored at the longest length; padding may hold anything. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** By the names of the parameters, those of merged ones too. */
  readonly params: ReadonlyMap<string, Tensor>;
  /** The length of each example, by the name of the ragged axis. */
  readonly lengths: ReadonlyMap<Axis["name"], Int32Array | readonly number[]>;
  readonly random: RandomSource;
}

export interface Context {
  readonly environment: Environment;
  readonly size: (axis: Axis) => number;
  /** Of a ragged axis: one an example. */
  readonly lengths: (axis: Axis) => Int32Array;
  /** Where the enclosing scans stand. */
  readonly positions: ReadonlyMap<Axis, number>;
  /** Inside scans: the examples whose end has not come; null: all. */
  readonly running: Uint8Array | null;
}

export function makeContext(environment: Environment): Context {
  const known = new Map<Axis, Int32Array>();
  const lengths = (axis: Axis): Int32Array => {
    const before = known.get(axis);
    if (before) return before;
    const found = axisLengths(axis, environment, lengths, size);
    known.set(axis, found);
    return found;
  };
  const size = (axis: Axis): number => {
    if (axis.size.kind === "fixed") return axis.size.size;
    if (axis.size.kind === "batch") return environment.batch;
    return lengths(axis).reduce((a, b) => Math.max(a, b), 0);
  };
  return { environment, size, lengths, positions: new Map(), running: null };
}

function axisLengths(
  axis: Axis,
  environment: Environment,
  lengths: (axis: Axis) => Int32Array,
  size: (axis: Axis) => number,
): Int32Array {
  if (axis.size.kind === "linear") {
    const { of, times, plus } = axis.size;
    const length = (n: number): number => Math.max(0, times * n + plus);
    return isRagged(of) ? lengths(of).map(length) : new Int32Array(environment.batch).fill(length(size(of)));
  }
  const given = environment.lengths.get(axis.name);
  if (given?.length !== environment.batch)
    throw new CompilerBug(
      `axis ${axis.name}: ${given?.length ?? "no"} lengths for ${environment.batch} examples`,
    );
  return Int32Array.from(given);
}

/**
 * For every point of `axes`: whether it counts when `reduced` are summed over. A sum over a ragged axis counts what
 * lies within the length; a sum over the batch counts no padding of any axis and, inside a scan, only examples
 * still running. Null: all count.
 */
export function validity(
  axes: readonly Axis[],
  sizes: readonly number[],
  reduced: readonly Axis[],
  context: Context,
): Uint8Array | null {
  if (!axes.includes(batch)) return null;
  const overBatch = reduced.includes(batch);
  const masked = (overBatch ? axes : reduced).filter((axis) => isRagged(axis) && axes.includes(axis));
  const running = overBatch ? context.running : null;
  const short = masked.filter((axis) => context.lengths(axis).some((n) => n < context.size(axis)));
  if (short.length === 0 && running === null) return null;
  const valid = new Uint8Array(product(sizes)).fill(1);
  const example = offsets(axes, sizes, (axis) => (axis === batch ? 1 : 0));
  for (const axis of short) {
    const lengths = context.lengths(axis);
    const position = offsets(axes, sizes, (other) => (other === axis ? 1 : 0));
    for (let i = 0; i < valid.length; i++) if (position[i]! >= lengths[example[i]!]!) valid[i] = 0;
  }
  if (running) for (let i = 0; i < valid.length; i++) if (!running[example[i]!]) valid[i] = 0;
  return valid;
}

/** The tensor with something else in its padding: NaN to prove that nobody reads it, 0 to compare. */
export function fillPadding(tensor: Tensor, value: number, context: Context): Tensor {
  const valid = validity(tensor.axes, tensor.sizes, tensor.axes.filter(isRagged), context);
  return valid ? { ...tensor, data: tensor.data.map((x, i) => (valid[i] ? x : value)) } : tensor;
}
