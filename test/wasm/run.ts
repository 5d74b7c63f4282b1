/** Runs a kernel program in the interpreter and in a module, on the same random data, for the tests of the emitter. */
import { fixedElements, isFixed, rowDims } from "../../src/ir/kernel/build.ts";
import { makeMachine } from "../../src/ir/kernel/eval.ts";
import { indices, storage, type Sizes } from "../../src/ir/kernel/layout.ts";
import type {
  Buffer,
  KernelProgram,
  MemoryPlan,
  Statement,
  SizeSymbol,
  Term,
} from "../../src/ir/kernel/types.ts";
import { root, touches } from "../../src/ir/kernel/walk.ts";
import { random } from "../../src/ir/random.ts";
import { emit, type EmitOptions } from "../../src/backends/wasm/emit.ts";
import { isConstantSize, place } from "../../src/ir/kernel/addresses.ts";
import { slotBases } from "../../src/backends/wasm/layout.ts";

/** The size of a buffer as a sum of monomials. */
function terms(buffer: Buffer): readonly Term[] {
  const outer = buffer.layout.kind === "panels" ? 0 : buffer.dims.length - rowDims(buffer.dims);
  return buffer.dims
    .slice(0, outer)
    .reduce<readonly Term[]>(
      (sum, d) =>
        sum.flatMap(({ factor, symbols }) => [
          ...(isFixed(d) ? [] : [{ factor: factor * d.times, symbols: [...symbols, d.symbol!] }]),
          ...(d.plus !== 0 ? [{ factor: factor * d.plus, symbols }] : []),
        ]),
      [{ factor: fixedElements(buffer), symbols: [] }],
    );
}

/** A slot for each buffer. */
export function planOf(buffers: readonly Buffer[]): MemoryPlan {
  const roots = [...new Set(buffers.map(root))];
  const slots = roots
    .map((buffer) => ({ buffer, size: terms(buffer) }))
    .sort((a, b) => Number(isConstantSize(b.size)) - Number(isConstantSize(a.size)));
  return {
    slots: slots.map(({ size }) => ({ size })),
    slotOf: new Map(slots.map(({ buffer }, i) => [buffer, i])),
  };
}

export function programOf(
  body: readonly Statement[],
  symbols: readonly SizeSymbol[] = ["B", "T"],
): KernelProgram {
  const buffers = [...new Set(body.flatMap((s) => touches(s)).map((t) => t.access.buffer))];
  const all = [...new Set([...buffers, ...buffers.map(root)])];
  return { name: "test", symbols, buffers: all, entries: [{ name: "run", body }], plan: planOf(all) };
}

export interface Instance {
  readonly run: () => void;
  readonly read: (buffer: Buffer) => number[];
  readonly write: (buffer: Buffer, data: ArrayLike<number>) => void;
  /** All elements, padding included. */
  readonly raw: (buffer: Buffer) => Float32Array | Int32Array;
}

export function instantiate(program: KernelProgram, sizes: Sizes, options?: EmitOptions): Instance {
  return instantiateModule(program, compileProgram(program, options), sizes);
}

export const compileProgram = (program: KernelProgram, options?: EmitOptions): WebAssembly.Module =>
  new WebAssembly.Module(emit(program, options) as BufferSource);

export function instantiateModule(
  program: KernelProgram,
  module: WebAssembly.Module,
  sizes: Sizes,
): Instance {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const f = exports as Record<string, (...x: number[]) => number>;
  const end = f["reserve"]!(...program.symbols.map((s) => sizes[s]!));
  const { bases, end: expected } = slotBases(program.plan!, sizes);
  if (end !== expected) throw new Error(`reserve gave ${end}, not ${expected}`);
  bases.forEach((base, slot) => {
    if (f["base"]!(slot) !== base) throw new Error(`slot ${slot} at ${f["base"]!(slot)}, not ${base}`);
  });
  const view = (buffer: Buffer): Float32Array | Int32Array => {
    const { slot, offset } = place(program.plan!, buffer);
    const make = buffer.dtype === "f32" ? Float32Array : Int32Array;
    return new make(memory.buffer, bases[slot]! + 4 * offset, storage(buffer, sizes).elements);
  };
  return {
    run: () => void f["run"]!(),
    raw: view,
    read: (buffer) => {
      const s = storage(buffer, sizes);
      return Array.from(indices(s.sizes), (i) => view(buffer)[s.offset(i)]!);
    },
    write: (buffer, data) => {
      const s = storage(buffer, sizes);
      let next = 0;
      for (const i of indices(s.sizes)) view(buffer)[s.offset(i)] = data[next++]!;
    },
  };
}

/** Numbers in [-1, 1) that depend on nothing but `seed`. */
export function numbers(count: number, seed: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.fround(2 * random("uniform", seed, 7, i, 0) - 1));
}

export type Data = ReadonlyMap<Buffer, ArrayLike<number>>;

export interface Comparison {
  readonly expected: ReadonlyMap<Buffer, readonly number[]>;
  readonly actual: ReadonlyMap<Buffer, readonly number[]>;
}

/** The buffers written, as the interpreter and as the module leave them; padding is checked to be zero. */
export const compare = (body: readonly Statement[], sizes: Sizes, data: Data = new Map()): Comparison =>
  comparer(body, Object.keys(sizes))(sizes, data);

/** The same for several sizes of one module. */
export function comparer(
  body: readonly Statement[],
  symbols: readonly SizeSymbol[],
): (sizes: Sizes, data?: Data) => Comparison {
  const program = programOf(body, symbols);
  const module = compileProgram(program);
  return (sizes, data = new Map()) => compareWith(body, program, module, sizes, data);
}

function compareWith(
  body: readonly Statement[],
  program: KernelProgram,
  module: WebAssembly.Module,
  sizes: Sizes,
  data: Data,
): Comparison {
  const machine = makeMachine(program, sizes, { random });
  const instance = instantiateModule(program, module, sizes);
  program.buffers.forEach((buffer, i) => {
    if (buffer.within) return;
    const count = storage(buffer, sizes).sizes.reduce((a, b) => a * b, 1);
    const given = data.get(buffer) ?? (buffer.dtype === "f32" ? numbers(count, i) : new Array(count).fill(0));
    machine.write(buffer, given);
    instance.write(buffer, given);
  });
  machine.run("run");
  instance.run();
  const written = [
    ...new Set(body.flatMap((s) => touches(s)).flatMap((t) => (t.write ? [t.access.buffer] : []))),
  ];
  for (const buffer of program.buffers) checkPadding(buffer, instance.raw(buffer), sizes);
  return {
    expected: new Map(written.map((b) => [b, [...machine.read(b)]])),
    actual: new Map(written.map((b) => [b, instance.read(b)])),
  };
}

function checkPadding(buffer: Buffer, raw: ArrayLike<number>, sizes: Sizes): void {
  const s = storage(buffer, sizes);
  const logical = new Set(Array.from(indices(s.sizes), (i) => s.offset(i)));
  for (let k = 0; k < s.elements; k++)
    if (!logical.has(k) && !Object.is(Math.abs(raw[k]!), 0))
      throw new Error(`padding of ${buffer.name} holds ${raw[k]} at ${k}`);
}

/** Fails unless all elements agree to `tolerance` relative to the larger of 1 and the value. */
export function expectClose({ expected, actual }: Comparison, tolerance = 2e-6): void {
  for (const [buffer, want] of expected) {
    const got = actual.get(buffer)!;
    want.forEach((x, i) => {
      const y = got[i]!;
      const same = Object.is(x, y) || x === y || Math.abs(x - y) <= tolerance * Math.max(1, Math.abs(x));
      if (!same) throw new Error(`${buffer.name}[${i}] is ${y}, not ${x}`);
    });
  }
}
