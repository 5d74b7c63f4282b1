/**
 * Where elements lie in the module's memory: the strides of a buffer for the sizes of a call, and copies between them
 * and dense arrays. Counted in elements of 4 bytes.
 */
import type { BufferInfo, ExtentInfo, ParameterInfo } from "./metadata.ts";

export type Sizes = Readonly<Record<string, number>>;
export type Numbers = Float32Array | Int32Array;

export const extent = ({ symbol, times, plus, by = 1 }: ExtentInfo, sizes: Sizes): number =>
  symbol === null ? plus : Math.max(0, Math.floor((times * sizes[symbol]! + plus) / by));

export const strides = (buffer: BufferInfo, sizes: Sizes): number[] =>
  buffer.strides.map(({ factor, extents }) => extents.reduce((n, e) => n * extent(e, sizes), factor));

/** Elements from the first to the last of a buffer, padding included. */
export const span = (buffer: BufferInfo, sizes: Sizes): number =>
  buffer.dims.length === 0 ? 1 : extent(buffer.dims[0]!, sizes) * strides(buffer, sizes)[0]!;

/**
 * Which dims of a buffer the axes of some data are, in the data's order: by name, then those without a name (the
 * feature) in order. Axes that the buffer does not have (the sequence, in one step of it) are left out.
 */
export function dimsOf(buffer: BufferInfo, axes: readonly { readonly name: string }[]): readonly number[] {
  const named = axes
    .map(({ name }) => buffer.dims.findIndex((dim) => dim.axis === name))
    .filter((dim) => dim >= 0);
  const rest = buffer.dims
    .map((_, dim) => dim)
    .filter((dim) => !isBatchDim(buffer.dims[dim]!) && !named.includes(dim));
  return [...named, ...rest];
}

const isBatchDim = (dim: BufferInfo["dims"][number]): boolean => dim.symbol === "B";

export const batchDim = (buffer: BufferInfo): number => buffer.dims.findIndex(isBatchDim);

/** Copies dense elements into memory; gives the number of those copied. */
export function scatter(
  memory: Numbers,
  at: number,
  steps: readonly number[],
  shape: readonly number[],
  dense: Numbers,
  from = 0,
  level = 0,
): number {
  const size = shape[level];
  const step = steps[level]!;
  if (size === undefined) memory[at] = dense[from]!;
  else if (level < shape.length - 1)
    for (let k = 0, done = from; k < size; k++)
      done += scatter(memory, at + k * step, steps, shape, dense, done, level + 1);
  else if (step === 1) memory.set(dense.subarray(from, from + size), at);
  else for (let k = 0; k < size; k++) memory[at + k * step] = dense[from + k]!;
  return shape.slice(level).reduce((n, s) => n * s, 1);
}

/** Copies elements of memory into a dense array; gives the number of those copied. */
export function gather(
  memory: Numbers,
  at: number,
  steps: readonly number[],
  shape: readonly number[],
  dense: Numbers,
  to = 0,
  level = 0,
): number {
  const size = shape[level];
  const step = steps[level]!;
  if (size === undefined) dense[to] = memory[at]!;
  else if (level < shape.length - 1)
    for (let k = 0, done = to; k < size; k++)
      done += gather(memory, at + k * step, steps, shape, dense, done, level + 1);
  else if (step === 1) dense.set(memory.subarray(at, at + size), to);
  else for (let k = 0; k < size; k++) dense[to + k] = memory[at + k * step]!;
  return shape.slice(level).reduce((n, s) => n * s, 1);
}

/** Calls back with the place of each element of a parameter within its flat buffer, in row-major order. */
export function eachPlace({ shape, offset, layout }: ParameterInfo, visit: (place: number) => void): void {
  const walk = (level: number, row: number, column: number): void => {
    if (level === shape.length) {
      const panel = layout.kind === "panels" ? ((column >> 3) * layout.rows + row) * 8 + (column & 7) : row;
      visit(offset + panel);
      return;
    }
    const rowStep = layout.kind === "panels" ? layout.rowStrides[level]! : layout.strides[level]!;
    const columnStep = layout.kind === "panels" ? layout.columnStrides[level]! : 0;
    for (let k = 0; k < shape[level]!; k++) walk(level + 1, row + k * rowStep, column + k * columnStep);
  };
  walk(0, 0, layout.kind === "panels" ? layout.columnStart : 0);
}
