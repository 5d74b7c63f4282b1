/**
 * What the entries of a program share while it is lowered: its list of buffers, size symbols and names; inputs,
 * lengths, examples' ids and counters, each made when first asked for.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { lengthAxes } from "../ir/graph/build.ts";
import type { Axis, DType, Role } from "../ir/graph/types.ts";
import { fixed, rowsBuffer, sameExtent, symbolic } from "../ir/kernel/build.ts";
import type { Buffer, BufferRole, Extent } from "../ir/kernel/types.ts";
import type { Parameters } from "./lower-parameters.ts";
import { bufferType, extentOf, lengthSource } from "./lower-place.ts";

export interface NamedBuffer {
  readonly name: string;
  readonly buffer: Buffer;
  /** The axes that the buffer's dims run along. */
  readonly axes: readonly Axis[];
  readonly dtype: DType;
}

export interface OutputBuffer extends NamedBuffer {
  readonly entry: string;
  readonly role: Role;
}

export interface LengthBuffer {
  readonly axis: Axis;
  readonly symbol: string;
  readonly buffer: Buffer;
}

export interface Shared {
  readonly parameters: Parameters;
  readonly counters: () => Buffer;
  readonly example: () => Buffer;
  readonly length: (axis: Axis) => Buffer;
  readonly input: (name: string, dtype: DType, axes: readonly Axis[]) => Buffer;
  readonly output: (entry: string, name: string, role: Role, dtype: DType, axes: readonly Axis[]) => Buffer;
  readonly temporary: (name: string, dtype: DType, dims: readonly Extent[]) => Buffer;
  /** Lists a buffer made elsewhere; its name is made unique. */
  readonly list: (buffer: Buffer) => Buffer;
  readonly found: () => {
    readonly buffers: readonly Buffer[];
    readonly symbols: readonly string[];
    readonly inputs: readonly NamedBuffer[];
    readonly outputs: readonly OutputBuffer[];
    readonly lengths: readonly LengthBuffer[];
    readonly counters: Buffer | null;
    readonly example: Buffer | null;
  };
}

/** `carried`: the names of inputs that some entry's `carry` output writes. `counters`: 2 or more i32, see `lower`. */
export function shareProgram(
  parameters: Parameters,
  carried: ReadonlySet<string>,
  countersGiven: Buffer | null,
): Shared {
  const buffers: Buffer[] = [];
  const names = new Set<string>();
  const symbols = new Set<string>();
  const inputs: NamedBuffer[] = [];
  const outputs: OutputBuffer[] = [];
  const lengths: LengthBuffer[] = [];
  let counters: Buffer | null = null;
  let example: Buffer | null = null;

  const list = (buffer: Buffer): Buffer => {
    let { name } = buffer;
    for (let k = 2; names.has(name); k++) name = `${buffer.name}.${k}`;
    names.add(name);
    for (const { symbol } of buffer.dims) if (symbol !== null) symbols.add(symbol);
    const named = name === buffer.name ? buffer : { ...buffer, name };
    buffers.push(named);
    return named;
  };
  const make = (name: string, dtype: DType, dims: readonly Extent[], role: BufferRole): Buffer =>
    list(rowsBuffer(name, bufferType(dtype), dims, role));

  if (parameters.flat) {
    list(parameters.flat.parameters);
    list(parameters.flat.gradients);
    for (const { buffer } of parameters.placed) if (!buffers.includes(buffer)) list(buffer);
    for (const { gradient } of parameters.placed) if (!buffers.includes(gradient)) list(gradient);
    if (parameters.placed.some((p) => !buffers.includes(p.buffer)))
      throw new CompilerBug("a parameter's name is taken by another buffer");
  }

  return {
    parameters,
    list,
    temporary: (name, dtype, dims) => make(name, dtype, dims, "temporary"),
    counters: () => (counters ??= list(countersGiven ?? rowsBuffer("counters", "i32", [fixed(2)], "state"))),
    example: () => (example ??= make("example", "i32", [symbolic("B")], "input")),
    length: (axis) => {
      const source = lengthSource(axis);
      if (!source) throw new CompilerBug(`axis ${axis.name} has no lengths`);
      const known = lengths.find((l) => l.symbol === source.name);
      if (known) return known.buffer;
      const buffer = make(`${source.name}.length`, "i32", lengthAxes(source).map(extentOf), "input");
      symbols.add(source.name);
      lengths.push({ axis: source, symbol: source.name, buffer });
      return buffer;
    },
    input: (name, dtype, axes) => {
      const known = inputs.find((x) => x.name === name);
      const dims = axes.map(extentOf);
      if (known) {
        if (
          known.buffer.dims.length !== dims.length ||
          !dims.every((d, k) => sameExtent(d, known.buffer.dims[k]!))
        )
          throw new CompilerBug(`input ${name} has two shapes`);
        return known.buffer;
      }
      const buffer = make(name, dtype, dims, carried.has(name) ? "state" : "input");
      inputs.push({ name, buffer, axes, dtype });
      return buffer;
    },
    output: (entry, name, role, dtype, axes) => {
      const dims = axes.map(extentOf);
      // Entries run one at a time: outputs of one name and shape are one buffer.
      const same = outputs.find(
        (o) =>
          o.name === name &&
          o.role === role &&
          o.entry !== entry &&
          o.dtype === dtype &&
          o.buffer.dims.length === dims.length &&
          dims.every((d, k) => sameExtent(d, o.buffer.dims[k]!)),
      );
      const buffer = same?.buffer ?? make(name, dtype, dims, "output");
      outputs.push({ entry, name, role, buffer, axes, dtype });
      return buffer;
    },
    found: () => ({ buffers, symbols: [...symbols].sort(), inputs, outputs, lengths, counters, example }),
  };
}
