/**
 * How buffers and slots are addressed, as formulas of the run-time sizes: the strides of a buffer in rows, the numbering
 * of one in panels, the slot and offset of a buffer in a memory plan. What backends and the package's metadata share;
 * `layout.ts` has the same as numbers, for sizes that are given.
 *
 * Offsets and strides count elements of 4 bytes.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { rowDims } from "./build.ts";
import type { Buffer, Extent, MemoryPlan, Term } from "./types.ts";
import { root } from "./walk.ts";

/** `factor` times the product of run-time sizes, in elements. */
export interface Stride {
  readonly factor: number;
  readonly extents: readonly Extent[];
}

const roundUp = (n: number, multiple: number): number => Math.ceil(n / multiple) * multiple;

/** Strides within the fixed `dims`, the innermost of them padded to `padding`. */
function dense(dims: readonly Extent[], padding: number): readonly number[] {
  const result: number[] = [];
  let stride = 1;
  for (let d = dims.length - 1; d >= 0; d--) {
    result.unshift(stride);
    stride *= d === dims.length - 1 ? roundUp(dims[d]!.plus, padding) : dims[d]!.plus;
  }
  return result;
}

/** One stride a dim of a buffer in rows. */
export function strides(buffer: Buffer): readonly Stride[] {
  if (buffer.layout.kind !== "rows") throw new CompilerBug(`${buffer.name} is in panels and has no strides`);
  const { dims, layout } = buffer;
  const outer = dims.length - rowDims(dims);
  const result: Stride[] = dense(dims.slice(outer), 4).map((factor) => ({ factor, extents: [] }));
  let stride: Stride = { factor: layout.rowStride, extents: [] };
  for (let d = outer - 1; d >= 0; d--) {
    result.unshift(stride);
    const extent = dims[d]!;
    stride =
      extent.symbol === null
        ? { factor: stride.factor * extent.plus, extents: stride.extents }
        : { factor: stride.factor, extents: [...stride.extents, extent] };
  }
  return result;
}

/** How the dims of a buffer in panels number its K rows and its columns. */
export interface Panels {
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  readonly K: number;
}

export function panels(buffer: Buffer): Panels {
  if (buffer.layout.kind !== "panels") throw new CompilerBug(`${buffer.name} is not in panels`);
  const split = buffer.dims.length - buffer.layout.columns;
  const rows = buffer.dims.slice(0, split);
  const K = rows.reduce((n, d) => n * d.plus, 1);
  return { rows: dense(rows, 1), columns: dense(buffer.dims.slice(split), 4), K };
}

/** The slot that holds a buffer, and how many elements into it the buffer starts. */
export function place(plan: MemoryPlan, buffer: Buffer): { readonly slot: number; readonly offset: number } {
  const slot = plan.slotOf.get(root(buffer));
  if (slot === undefined) throw new CompilerBug(`the plan has no slot for ${root(buffer).name}`);
  let offset = 0;
  for (let part = buffer.within; part !== null; part = part.buffer.within) offset += part.offset;
  return { slot, offset };
}

export const isConstantSize = (size: readonly Term[]): boolean => size.every((t) => t.symbols.length === 0);
