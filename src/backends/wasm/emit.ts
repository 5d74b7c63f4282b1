/**
 * A kernel program as a WebAssembly module. It imports its memory (`env.memory`) and exports `reserve(sizes…)`, which lays
 * out the slots and grows the memory, `base(slot)`, and a function without parameters for each entry. Nothing is
 * allocated after `reserve`.
 *
 * The one module of the compiler that loads Binaryen (0.3 s): import it when there is something to emit.
 */
import binaryen from "binaryen";
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import type { Kernel, KernelProgram, Statement } from "../../ir/kernel/types.ts";
import { expressions, kernelRoots } from "../../ir/kernel/walk.ts";
import { writeEntry } from "./entry.ts";
import { place } from "../../ir/kernel/addresses.ts";
import { twoOverPi, twoOverPiAddress } from "./math.ts";
import { mostPages, slotPlaces, writeMemory } from "./memory.ts";
import { runName, writeCall, writeThreads } from "./threads.ts";
import type { ModuleWriter } from "./writer.ts";

export interface EmitOptions {
  /** Run the passes below: they change no speed, and save a tenth of the size for a hundredth of a second. */
  readonly optimize?: boolean;
  /** Relaxed SIMD: products are faster where a machine multiplies and adds at once; their last bits are the machine's. */
  readonly relaxed?: boolean;
  /** For several threads over one shared memory: of a program that `share` has divided. */
  readonly threads?: boolean;
}

/**
 * All of `-O2` takes ten times as long for less, and inlines products into their callers, where an engine compiles them
 * late and badly. `simplify-locals` would save another twentieth, and take longer than these together.
 */
const passes = ["duplicate-function-elimination", "coalesce-locals", "vacuum"];

const features =
  binaryen.Features.SIMD128 |
  binaryen.Features.BulkMemory |
  binaryen.Features.BulkMemoryOpt |
  binaryen.Features.MutableGlobals |
  binaryen.Features.NontrappingFPToInt |
  binaryen.Features.SignExt;

/** The module's bytes. */
export function emit(program: KernelProgram, options: EmitOptions = {}): Uint8Array {
  return withModule(program, options, (m) => {
    const bytes = m.emitBinary();
    // The engine takes a tenth of Binaryen's time to check it, but may not know what the module is allowed to use.
    if (!WebAssembly.validate(bytes as BufferSource) && !m.validate())
      throw new CompilerBug(`the module of ${program.name} is not valid`);
    return bytes;
  });
}

/** The module as text, for `--emit wat`. */
export function emitText(program: KernelProgram, options: EmitOptions = {}): string {
  return withModule(program, options, (m) => m.emitText());
}

function withModule<T>(
  program: KernelProgram,
  { optimize = true, relaxed = false, threads = false }: EmitOptions,
  result: (m: binaryen.Module) => T,
): T {
  const m = new binaryen.Module();
  try {
    const more = [
      ...(relaxed ? [binaryen.Features.RelaxedSIMD] : []),
      ...(threads ? [binaryen.Features.Atomics] : []),
    ];
    m.setFeatures(more.reduce((all, feature) => all | feature, features));
    build(m, program, { relaxed, threads });
    if (optimize) m.runPasses(passes);
    return result(m);
  } finally {
    m.dispose();
  }
}

function build(
  m: binaryen.Module,
  program: KernelProgram,
  { relaxed, threads }: { readonly relaxed: boolean; readonly threads: boolean },
): void {
  const { plan } = program;
  if (plan === null) throw new CompilerBug(`${program.name} has no memory plan`);
  const written = new Set<string>();
  const places = slotPlaces(plan);
  const writer: ModuleWriter = {
    m,
    relaxed,
    threads,
    base: (buffer) => {
      const { slot, offset } = place(plan, buffer);
      const { global, address } = places[slot]!;
      return { global, offset: address + 4 * offset };
    },
    slot: (buffer) => place(plan, buffer).slot,
    once: (key, write) => {
      if (written.has(key)) return key;
      written.add(key);
      write(key);
      return key;
    },
  };
  importMemory(m, program, threads);
  writeMemory(m, program, plan);
  if (threads) writeThreads(m, program);
  program.entries.forEach((entry, index) => {
    if (!threads) return writeEntry(writer, entry, `entry ${entry.name}`, entry.name);
    writeEntry(writer, entry, runName(entry), null);
    writeCall(m, program, entry, index);
  });
}

/** The smallest memory will do: `reserve` grows it. One that is shared has a largest size too, that of all addresses. */
function importMemory(m: binaryen.Module, program: KernelProgram, isShared: boolean): void {
  const table = new Uint8Array(Uint32Array.from(twoOverPi).buffer);
  const segments = usesTurns(program) ? [{ offset: m.i32.const(twoOverPiAddress), data: table }] : [];
  m.setMemory(1, isShared ? mostPages : -1, null, segments, isShared, false, "memory");
  m.addMemoryImport("memory", "env", "memory");
}

function usesTurns({ entries }: KernelProgram): boolean {
  const kernels = (statements: readonly Statement[]): readonly Kernel[] =>
    statements.flatMap((s) =>
      s.kind === "kernel"
        ? [s]
        : s.kind === "loop"
          ? kernels(s.body)
          : s.kind === "if"
            ? kernels(s.then)
            : [],
    );
  const roots = entries.flatMap((e) => kernels(e.body)).flatMap(kernelRoots);
  return expressions(roots).some((e) => e.kind === "unary" && (e.fn === "sin" || e.fn === "cos"));
}
