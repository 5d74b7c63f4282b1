/** Small constructors for kernel programs: extents, buffers with their strides, expressions. */
import type {
  Access,
  BinaryFunction,
  Buffer,
  BufferRole,
  DType,
  Expression,
  Extent,
  Kernel,
  Loop,
  Product,
  Stage,
  UnaryFunction,
  Variable,
} from "./types.ts";

type Store = Extract<Stage, { kind: "store" }>;

export const fixed = (size: number): Extent => ({ symbol: null, times: 0, plus: size });
export const symbolic = (symbol: string, times = 1, plus = 0): Extent => ({ symbol, times, plus });
export const isFixed = (extent: Extent): boolean => extent.symbol === null;
export const sameExtent = (a: Extent, b: Extent): boolean =>
  a.symbol === b.symbol && a.plus === b.plus && (a.symbol === null || isMultiple(a, b));

/** Whether two extents of one symbol differ at most in what is added. */
export const isMultiple = (a: Extent, b: Extent): boolean =>
  a.times === b.times && (a.by ?? 1) === (b.by ?? 1);

const roundUp = (n: number, multiple: number): number => Math.ceil(n / multiple) * multiple;

/** How many of the trailing dims form the row: the fixed ones. */
export function rowDims(dims: readonly Extent[]): number {
  let count = 0;
  while (count < dims.length && isFixed(dims[dims.length - 1 - count]!)) count++;
  return count;
}

/** Elements of a row with its innermost dim padded to 4. */
export function paddedRow(dims: readonly Extent[]): number {
  const count = rowDims(dims);
  if (count === 0) return 1;
  const row = dims.slice(dims.length - count).map((d) => d.plus);
  return row.slice(0, -1).reduce((a, b) => a * b, 1) * roundUp(row[row.length - 1]!, 4);
}

export function rowsBuffer(name: string, dtype: DType, dims: readonly Extent[], role: BufferRole): Buffer {
  const row = paddedRow(dims);
  const many = dims.length > rowDims(dims);
  // Strides of a multiple of 512 bytes make the rows of a tile collide in the cache.
  const rowStride = many && row % 128 === 0 ? row + 16 : row;
  return { name, dtype, dims, layout: { kind: "rows", rowStride }, role, within: null };
}

export function panelsBuffer(
  name: string,
  dims: readonly Extent[],
  columns: number,
  role: BufferRole,
): Buffer {
  return { name, dtype: "f32", dims, layout: { kind: "panels", columns }, role, within: null };
}

/** Elements of 4 bytes that a buffer of fixed extents takes up. */
export function fixedElements(buffer: Buffer): number {
  if (buffer.layout.kind === "rows") return buffer.layout.rowStride;
  const { columns } = buffer.layout;
  const rows = buffer.dims.slice(0, buffer.dims.length - columns).reduce((n, d) => n * d.plus, 1);
  return rows * roundUp(paddedRow(buffer.dims.slice(buffer.dims.length - columns)), 8);
}

export const variable = (name: string): Variable => ({ name });
export const loop = (name: string, extent: Extent): Loop => ({ variable: variable(name), extent });

export const f32 = (value: number): Expression => ({ kind: "constant", dtype: "f32", value });
export const i32 = (value: number): Expression => ({ kind: "constant", dtype: "i32", value });
export const bool = (value: boolean): Expression => ({
  kind: "constant",
  dtype: "bool",
  value: value ? 1 : 0,
});
export const at = (v: Variable): Expression => ({ kind: "variable", dtype: "i32", variable: v });
export const size = (extent: Extent): Expression => ({ kind: "extent", dtype: "i32", extent });
export const load = (from: Access): Expression => ({ kind: "load", dtype: from.buffer.dtype, from });
export const access = (buffer: Buffer, index: readonly Expression[]): Access => ({ buffer, index });

export const store = (to: Access, value: Expression, loops: readonly Loop[] = []): Store => ({
  kind: "store",
  loops,
  to,
  value,
  accumulate: false,
});

/** One element at each point of the loops. */
export const storeKernel = (name: string, loops: readonly Loop[], to: Access, value: Expression): Kernel => ({
  kind: "kernel",
  name,
  loops,
  stages: [store(to, value)],
});

/** What a product starts from, stored into its result. */
export const productStart = ({ name, m, n, start, to }: Product): Kernel =>
  storeKernel(`${name} start`, [...m, ...n], to, start ? load(start) : f32(0));

const comparisons: ReadonlySet<BinaryFunction> = new Set(["lt", "le", "gt", "ge", "eq", "ne"]);

export function unary(fn: UnaryFunction, operand: Expression): Expression {
  const dtype = fn === "float" ? "f32" : fn === "int" ? "i32" : operand.dtype;
  return { kind: "unary", dtype, fn, operand };
}

export function binary(fn: BinaryFunction, left: Expression, right: Expression): Expression {
  return { kind: "binary", dtype: comparisons.has(fn) ? "bool" : left.dtype, fn, left, right };
}

export const select = (condition: Expression, then: Expression, otherwise: Expression): Expression => ({
  kind: "select",
  dtype: then.dtype,
  condition,
  then,
  else: otherwise,
});
