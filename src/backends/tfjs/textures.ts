/** Buffers as textures: where an element lies in one, and which element a texel is. */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { panels, type Panels, strides } from "../../ir/kernel/addresses.ts";
import { fixedElements, rowDims } from "../../ir/kernel/build.ts";
import type { Buffer, Extent } from "../../ir/kernel/types.ts";
import { root, startOf } from "../../ir/kernel/walk.ts";
import type { TextureInfo } from "../../runtime/tfjs/program.ts";
import { type Code, extentText } from "./code.ts";

/** What every WebGL2 device can have. */
const widest = 2048;
/** Of buffers of constant size: a power of two, so that lines are told by shifts. */
const lineBits = 10;

export function textureOf(buffer: Buffer): TextureInfo {
  if (buffer.within) throw new CompilerBug(`${buffer.name} lies within another buffer`);
  const { name, dtype, dims } = buffer;
  const outer = outerDims(buffer);
  const stride = fixedElements(buffer);
  if (outer.length === 0)
    return {
      name,
      dtype,
      width: 1 << lineBits,
      perRow: Math.ceil(stride / (1 << lineBits)),
      rows: [],
      stride,
    };
  const width = Math.min(stride, widest);
  return { name, dtype, width, perRow: Math.ceil(stride / width), rows: dims.slice(0, outer.length), stride };
}

/** The dims that number rows. */
export const outerDims = (buffer: Buffer): readonly Extent[] =>
  buffer.layout.kind === "rows" ? buffer.dims.slice(0, buffer.dims.length - rowDims(buffer.dims)) : [];

/** Rows from one index of each outer dim to the next. */
export const rowSteps = (buffer: Buffer): readonly (readonly Extent[])[] =>
  outerDims(buffer).map((_, d, all) => all.slice(d + 1));

const sum = (terms: readonly string[]): string => (terms.length === 0 ? "0" : terms.join(" + "));
const scaled = (x: string, factor: number): string => (factor === 1 ? x : `${x} * ${factor}`);

/** The texel of an element, as an `ivec2`. */
export function texel(code: Pick<Code, "target">, buffer: Buffer, index: readonly string[]): string {
  const { dialect } = code.target;
  const outer = outerDims(buffer).length;
  if (outer === 0) {
    const element =
      buffer.layout.kind === "panels" ? panelElement(panels(buffer), index) : inner(buffer, 0, index);
    return `line(${sum([String(startOf(buffer)), element])})`;
  }
  const row = sum(
    rowSteps(buffer).map((step, d) =>
      [`(${index[d]})`, ...step.map((e) => extentText(e, dialect))].join(" * "),
    ),
  );
  const column = inner(buffer, outer, index);
  const { width, perRow } = textureOf(root(buffer));
  return perRow === 1
    ? `ivec2(${column}, ${row})`
    : `ivec2((${column}) % ${width}, (${row}) * ${perRow} + (${column}) / ${width})`;
}

const inner = (buffer: Buffer, outer: number, index: readonly string[]): string =>
  sum(
    strides(buffer)
      .slice(outer)
      .map(({ factor }, d) => scaled(`(${index[outer + d]})`, factor)),
  );

function panelElement({ rows, columns, K }: Panels, index: readonly string[]): string {
  const row = sum(rows.map((s, d) => scaled(`(${index[d]})`, s)));
  const column = sum(columns.map((s, d) => scaled(`(${index[rows.length + d]})`, s)));
  return `(((${column}) >> 3) * ${K} + ${row}) * 8 + ((${column}) & 7)`;
}

export const texelHelpers = `ivec2 line(int e) { return ivec2(e & ${(1 << lineBits) - 1}, e >> ${lineBits}); }`;

export interface Place {
  readonly index: readonly string[];
  /** Holds for texels that are elements of the buffer, and not padding. */
  readonly inside: readonly string[];
}

/** The index of the element that lies at the texel `at`. */
export function placeOf(code: Code, buffer: Buffer): Place {
  const { dialect } = code.target;
  const made: string[] = [];
  const inside: string[] = [];
  const name = (value: string): string => {
    const fresh = code.fresh("j");
    code.lines.push(dialect.value("i32", fresh, value));
    return fresh;
  };
  /** The digits of a number, the last dim the fastest; the first is what is left. */
  const digits = (number: string, sizes: readonly string[]): string[] => {
    const result: string[] = [];
    let rest = number;
    for (let d = sizes.length - 1; d > 0; d--) {
      const next = name(`${rest} / ${sizes[d]}`);
      result.unshift(name(`${rest} - ${next} * ${sizes[d]}`));
      rest = next;
    }
    return sizes.length > 0 ? [rest, ...result] : [];
  };
  const fixed = (number: string, dims: readonly Extent[], padded: boolean): string[] => {
    const sizes = dims.map((d, k) => (padded && k === dims.length - 1 ? Math.ceil(d.plus / 4) * 4 : d.plus));
    const found = digits(number, sizes.map(String));
    found.forEach((x, k) => {
      if (k === 0 || sizes[k] !== dims[k]!.plus) inside.push(`${x} < ${dims[k]!.plus}`);
    });
    if (dims.length === 0) inside.push(`${number} == 0`);
    return found;
  };

  const outer = outerDims(buffer);
  const texture = textureOf(root(buffer));
  if (outer.length === 0) {
    const element = name(`(at.y << ${lineBits}) + at.x - ${startOf(buffer)}`);
    inside.push(`${element} >= 0`, `${element} < ${fixedElements(buffer)}`);
    if (buffer.layout.kind === "rows") made.push(...fixed(element, buffer.dims, true));
    else {
      const { K } = panels(buffer);
      const split = buffer.dims.length - buffer.layout.columns;
      const eighth = name(`${element} >> 3`);
      const panel = name(`${eighth} / ${K}`);
      const row = name(`${eighth} - ${panel} * ${K}`);
      const column = name(`${panel} * 8 + (${element} & 7)`);
      made.push(
        ...fixed(row, buffer.dims.slice(0, split), false),
        ...fixed(column, buffer.dims.slice(split), true),
      );
    }
  } else {
    const { width, perRow } = texture;
    const row = perRow === 1 ? "at.y" : name(`at.y / ${perRow}`);
    const column = perRow === 1 ? "at.x" : name(`(at.y - ${row} * ${perRow}) * ${width} + at.x`);
    made.push(
      ...digits(
        row,
        outer.map((e) => extentText(e, dialect)),
      ),
    );
    const rest = buffer.dims.slice(outer.length);
    if (rest.length > 0) made.push(...fixed(column, rest, true));
  }
  return { index: made, inside };
}
