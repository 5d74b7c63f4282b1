/**
 * What the evaluator knows besides values: sizes, lengths, and which examples are still running. Padding is what
 * lies past an example's end; `validity` marks what counts in a sum.
 */
import { batch, isRagged, lengthAxes, lengthRule } from "./build.ts";
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import type { RandomSource } from "../random.ts";
import type { Tensor } from "./tensor.ts";
import { offsets, product, strides } from "./tensor.ts";
import type { Axis } from "./types.ts";

export interface Environment {
  /** The number of examples. */
  readonly batch: number;
  /** By the names of the graph's inputs. Ragged axes are stored at the longest length; padding may hold anything. */
  readonly inputs: ReadonlyMap<string, Tensor>;
  /** By the names of the parameters, those of merged ones too. */
  readonly params: ReadonlyMap<string, Tensor>;
  /** By the name of the ragged axis: one an example, within another axis one for each of its positions and examples. */
  readonly lengths: ReadonlyMap<Axis["name"], Int32Array | readonly number[]>;
  readonly random: RandomSource;
}

export interface Context {
  readonly environment: Environment;
  readonly size: (axis: Axis) => number;
  readonly lengths: (axis: Axis) => Lengths;
  /** Where the enclosing scans stand. */
  readonly positions: ReadonlyMap<Axis, number>;
  /** The scans around, where not all that they run over reach this step. */
  readonly running: readonly Running[];
}

/** The lengths along a ragged axis: one an example, or over the axes that it lies within too. */
export interface Lengths {
  readonly axes: readonly Axis[];
  readonly sizes: readonly number[];
  readonly data: Int32Array;
}

/** A scan at a step: what is longer than `step` still runs. */
export interface Running {
  readonly lengths: Lengths;
  readonly step: number;
}

export function makeContext(environment: Environment): Context {
  const known = new Map<Axis, Lengths>();
  const lengths = (axis: Axis): Lengths => {
    const before = known.get(axis);
    if (before) return before;
    const found = axisLengths(axis, environment, lengths, size);
    known.set(axis, found);
    return found;
  };
  const size = (axis: Axis): number => {
    if (axis.size.kind === "fixed") return axis.size.size;
    if (axis.size.kind === "batch") return environment.batch;
    return lengths(axis).data.reduce((a, b) => Math.max(a, b), 0);
  };
  return { environment, size, lengths, positions: new Map(), running: [] };
}

function axisLengths(
  axis: Axis,
  environment: Environment,
  lengths: (axis: Axis) => Lengths,
  size: (axis: Axis) => number,
): Lengths {
  if (axis.size.kind === "linear") {
    const { source, times, plus, by } = lengthRule(axis);
    const length = (n: number): number => Math.max(0, Math.floor((times * n + plus) / by));
    if (!isRagged(source)) return { axes: [], sizes: [], data: Int32Array.of(length(size(source))) };
    const given = lengths(source);
    return { ...given, data: given.data.map(length) };
  }
  const axes = lengthAxes(axis);
  const sizes = axes.map(size);
  const given = environment.lengths.get(axis.name);
  if (given?.length !== product(sizes))
    throw new CompilerBug(`axis ${axis.name}: ${given?.length ?? "no"} lengths, wanted ${product(sizes)}`);
  return { axes, sizes, data: Int32Array.from(given) };
}

/**
 * For every point of `axes`: whether it counts when `reduced` are summed over. A sum over a ragged axis counts what
 * lies within the length; a sum over the batch counts no padding of any axis and, inside a scan, only what is
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
  const knows = (lengths: Lengths): boolean => lengths.axes.every((axis) => axes.includes(axis));
  const running = overBatch ? context.running.filter((scan) => knows(scan.lengths)) : [];
  const short = masked.filter((axis) => {
    const lengths = context.lengths(axis);
    return knows(lengths) && lengths.data.some((n) => n < context.size(axis));
  });
  if (short.length === 0 && running.length === 0) return null;
  const valid = new Uint8Array(product(sizes)).fill(1);
  const mask = (lengths: Lengths, position: (i: number) => number): void => {
    const place = offsets(axes, sizes, strides(lengths));
    for (let i = 0; i < valid.length; i++) if (position(i) >= lengths.data[place[i]!]!) valid[i] = 0;
  };
  for (const axis of short) {
    const position = offsets(axes, sizes, (other) => (other === axis ? 1 : 0));
    mask(context.lengths(axis), (i) => position[i]!);
  }
  for (const { lengths, step } of running) mask(lengths, () => step);
  return valid;
}

/** The tensor with something else in its padding: NaN to prove that nobody reads it, 0 to compare. */
export function fillPadding(tensor: Tensor, value: number, context: Context): Tensor {
  const valid = validity(tensor.axes, tensor.sizes, tensor.axes.filter(isRagged), context);
  return valid ? { ...tensor, data: tensor.data.map((x, i) => (valid[i] ? x : value)) } : tensor;
}
