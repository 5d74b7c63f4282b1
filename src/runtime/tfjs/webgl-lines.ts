/** Where the rows of a buffer lie in the lines of its texture, and numbers from the one form to the other. */
import { extent, type Numbers, type Sizes } from "../layout.ts";
import type { HostIndex, Region, TextureInfo } from "./program.ts";

/** The lines of a texture that a draw may write. */
export function linesIn(
  region: Region,
  texture: TextureInfo,
  sizes: Sizes,
  time: readonly number[],
): { readonly from: number; readonly count: number } {
  if (region.kind === "lines") return region;
  const at = (index: HostIndex): number =>
    (index.time === null ? 0 : time[index.time]!) +
    (index.extent === null ? 0 : extent(index.extent, sizes)) +
    index.plus;
  let first = 0;
  let last = 0;
  for (const { from, count, step } of region.dims) {
    const rows = step.reduce((n, e) => n * extent(e, sizes), 1);
    first += at(from) * rows;
    last += (at(from) + extent(count, sizes) - 1) * rows;
  }
  return { from: first * texture.perRow, count: (last - first + 1) * texture.perRow };
}

/** Rows of `stride` elements as rows of `line` texels. */
export function toLines(data: Numbers, line: number, stride: number): Numbers {
  if (line === stride) return data;
  const rows = Math.ceil(data.length / stride);
  const made = data instanceof Float32Array ? new Float32Array(rows * line) : new Int32Array(rows * line);
  for (let r = 0; r < rows; r++) made.set(data.subarray(r * stride, (r + 1) * stride), r * line);
  return made;
}

/** The first of each four numbers, rows of `line` as rows of `stride`. */
export function fromLines(texels: Numbers, line: number, stride: number): Numbers {
  const rows = texels.length / 4 / line;
  const made =
    texels instanceof Float32Array ? new Float32Array(rows * stride) : new Int32Array(rows * stride);
  for (let r = 0; r < rows; r++)
    for (let k = 0; k < stride; k++) made[r * stride + k] = texels[4 * (r * line + k)]!;
  return made;
}
