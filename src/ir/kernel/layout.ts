/**
 * Where an element lies: run-time extents and the storage offset of an index, exactly as the layout of a buffer
 * says. The one place in TypeScript that knows; the evaluator and readers of weights use it.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { fixedElements, isFixed, rowDims } from "./build.ts";
import type { Buffer, Extent, SizeSymbol } from "./types.ts";

export type Sizes = Readonly<Record<SizeSymbol, number>>;

export function extentSize(extent: Extent, sizes: Sizes): number {
  if (extent.symbol === null) return extent.plus;
  const size = sizes[extent.symbol];
  if (size === undefined) throw new CompilerBug(`no size given for ${extent.symbol}`);
  return Math.max(0, Math.floor((extent.times * size + extent.plus) / (extent.by ?? 1)));
}

/** Strides of the dims of a row (and of a panel's columns or rows): the innermost padded to 4 if it is a row. */
function strides(dims: readonly number[], padded: boolean): number[] {
  const result: number[] = [];
  let stride = 1;
  for (let d = dims.length - 1; d >= 0; d--) {
    result.unshift(stride);
    const last = d === dims.length - 1;
    stride *= padded && last ? Math.ceil(dims[d]! / 4) * 4 : dims[d]!;
  }
  return result;
}

export interface Storage {
  readonly sizes: readonly number[];
  /** Elements of storage, padding included. */
  readonly elements: number;
  /** The offset of an index that is in range. */
  readonly offset: (index: readonly number[]) => number;
}

export function storage(buffer: Buffer, runtime: Sizes): Storage {
  const sizes = buffer.dims.map((d) => extentSize(d, runtime));
  if (buffer.layout.kind === "rows") {
    const { rowStride } = buffer.layout;
    const outer = sizes.length - rowDims(buffer.dims);
    const row = strides(sizes.slice(outer), true);
    const many = strides(sizes.slice(0, outer), false).map((s) => s * rowStride);
    const all = [...many, ...row];
    const rows = sizes.slice(0, outer).reduce((a, b) => a * b, 1);
    return {
      sizes,
      elements: rows * rowStride,
      offset: (index) => index.reduce((sum, x, k) => sum + x * all[k]!, 0),
    };
  }
  if (!buffer.dims.every(isFixed)) throw new CompilerBug(`panels of ${buffer.name} have no fixed size`);
  const split = sizes.length - buffer.layout.columns;
  const rowStrides = strides(sizes.slice(0, split), false);
  const columnStrides = strides(sizes.slice(split), true);
  const rows = sizes.slice(0, split).reduce((a, b) => a * b, 1);
  return {
    sizes,
    elements: fixedElements(buffer),
    offset: (index) => {
      const k = rowStrides.reduce((sum, s, d) => sum + s * index[d]!, 0);
      const n = columnStrides.reduce((sum, s, d) => sum + s * index[split + d]!, 0);
      return ((n >> 3) * rows + k) * 8 + (n & 7);
    },
  };
}

/** Every index of the sizes given, the last dim fastest. It is one array, changed from one to the next. */
export function* indices(sizes: readonly number[]): Generator<readonly number[]> {
  const count = sizes.reduce((a, b) => a * b, 1);
  const index = sizes.map(() => 0);
  for (let n = 0; n < count; n++) {
    yield index;
    for (let d = sizes.length - 1; d >= 0; d--) {
      if (++index[d]! < sizes[d]!) break;
      index[d] = 0;
    }
  }
}
