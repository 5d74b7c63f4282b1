/** What a model gives: outputs copied out of memory, each example without its padding. */
import type { Batch } from "./batch.ts";
import { fail } from "./errors.ts";
import { batchDim, dimsOf, extent, gather, strides } from "./layout.ts";
import type { Machine } from "./machine.ts";
import type { BufferInfo, OutputInfo } from "./metadata.ts";
import { elements } from "./safetensors.ts";
import type { Vocabulary } from "./vocabulary.ts";

export type Nested<Leaf> = Leaf | readonly Nested<Leaf>[];

/** One output of one example. Can be given as an input again. */
export interface Result {
  /** Row-major, without padding. */
  readonly data: Float32Array | Int32Array;
  /** The lengths of its axes in the order of the source, the feature last; empty for a single number. */
  readonly shape: readonly number[];
  /** As nested arrays; a number if there are no axes. */
  readonly nested: () => Nested<number>;
  /**
   * The most probable entry at each place (the lowest id among equals), or what the decoder chose: words where
   * there is a vocabulary, else ids. Fails for outputs that are neither probabilities nor labels.
   */
  readonly labels: () => Nested<string | number>;
}

/** What an output is for each example. */
export function readOutput(
  machine: Machine,
  info: OutputInfo,
  buffer: BufferInfo,
  batch: Sized,
  vocabulary: Vocabulary | null,
): Result[] {
  return readDense(machine, info, buffer, batch).map(({ data, shape }, k) => {
    const isPath = info.meaning === "labels" && shape.length === 1;
    const said = isPath ? (data as Int32Array).filter((id) => id >= 0) : data;
    return makeResult(
      info,
      said,
      isPath ? [said.length] : shape,
      vocabulary,
      rowsOf(machine, info, batch, k),
    );
  });
}

export type Sized = Pick<Batch, "count" | "lengths" | "columns">;

/** By level: how long each row of an example is, where rows differ. */
export type Rows = ReadonlyMap<number, Int32Array>;

function rowsOf({ metadata }: Machine, { axes }: OutputInfo, { columns }: Sized, example: number): Rows {
  const rows = new Map<number, Int32Array>();
  axes.forEach(({ name }, level) => {
    for (const info of metadata.data) {
      const inner = columns
        .get(info.name)
        ?.[example]?.inner.get(info.axes.findIndex((axis) => axis.name === name));
      if (inner && level > 0) rows.set(level, inner);
    }
  });
  return rows;
}

/** Each example's part of a buffer, without padding, its axes in the order of the source. */
export function readDense(
  machine: Machine,
  { axes }: Pick<OutputInfo, "axes">,
  buffer: BufferInfo,
  batch: Sized,
): { readonly data: Result["data"]; readonly shape: readonly number[] }[] {
  const sizes = machine.sizes();
  const steps = strides(buffer, sizes);
  const dims = dimsOf(buffer, axes);
  const own = dims.map((dim) => steps[dim]!);
  const batchStep = steps[batchDim(buffer)] ?? 0;
  const at = machine.at(buffer);
  return Array.from({ length: batch.count }, (_, k) => {
    const shape = dims.map((dim) => {
      const of = buffer.dims[dim]!;
      const length = of.symbol === null ? 0 : (batch.lengths.get(of.symbol)?.[k] ?? 0);
      return of.symbol === null ? of.plus : extent(of, { ...sizes, [of.symbol]: length });
    });
    const data = buffer.dtype === "f32" ? new Float32Array(elements(shape)) : new Int32Array(elements(shape));
    gather(machine.view(buffer), at + k * batchStep, own, shape, data);
    return { data, shape };
  });
}

export function makeResult(
  info: OutputInfo,
  data: Float32Array | Int32Array,
  shape: readonly number[],
  vocabulary: Vocabulary | null,
  rows: Rows = new Map(),
): Result {
  const isThere = (place: number): boolean => info.meaning !== "labels" || data[place]! >= 0;
  return {
    data,
    shape,
    nested: () => nest(shape, (place) => data[place]!, isThere, rows),
    labels: () => {
      const word = (id: number): string | number => vocabulary?.entries[id] ?? id;
      if (info.meaning === "labels") return nest(shape, (place) => word(data[place]!), isThere, rows);
      if (info.meaning !== "probabilities")
        return fail(`\`${info.name}\` holds values, not probabilities of labels`);
      const classes = shape.at(-1)!;
      return nest(
        shape.slice(0, -1),
        (place) => word(highest(data, place * classes, classes)),
        () => true,
        rows,
      );
    },
  };
}

/** The place of the largest of `size` numbers, counted from the first; the first of equals. */
export function highest(data: ArrayLike<number>, from: number, size: number): number {
  let best = 0;
  for (let k = 1; k < size; k++) if (data[from + k]! > data[from + best]!) best = k;
  return best;
}

/** Nested arrays; leaves that are not there (a negative label, where a path says nothing new) are left out. */
function nest<Leaf>(
  shape: readonly number[],
  leaf: (place: number) => Leaf,
  there: (place: number) => boolean,
  rows: Rows,
): Nested<Leaf> {
  const walk = (level: number, place: number): Nested<Leaf> => {
    if (level === shape.length) return leaf(place);
    const length = rows.get(level)?.[place] ?? shape[level]!;
    const places = Array.from({ length }, (_, k) => place * shape[level]! + k);
    return (level < shape.length - 1 ? places : places.filter(there)).map((p) => walk(level + 1, p));
  };
  return walk(0, 0);
}
