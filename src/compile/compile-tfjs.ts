/** The kernel program of a model for the target `tfjs`: shaders for GPUs, and the module that draws the first weights. */
import { apartOn } from "../backends/tfjs/apart.ts";
import { deviceProgram, initialiserOf } from "../backends/tfjs/emit.ts";
import { splitRows } from "../backends/tfjs/split-rows.ts";
import { emitWebgl } from "../backends/tfjs/webgl.ts";
import { emitWebgpu } from "../backends/tfjs/webgpu.ts";
import { printKernels } from "../ir/kernel/print.ts";
import { place } from "../ir/kernel/addresses.ts";
import type { KernelProgram } from "../ir/kernel/types.ts";
import { verifyKernels } from "../ir/kernel/verify.ts";
import { stableHash } from "../passes/hash.ts";
import { planMemory } from "../passes/plan-memory.ts";
import { base64 } from "../runtime/base64.ts";
import type { InitialiserInfo, TfjsProgram } from "../runtime/tfjs/program.ts";

export interface TfjsCompilation {
  readonly tfjs: TfjsProgram;
  /** With the memory plan of the device. */
  readonly program: KernelProgram;
}

/** `emit` is the WASM backend's, which loads Binaryen. */
export function compileTfjs(
  fused: KernelProgram,
  emit: (program: KernelProgram) => Uint8Array,
): TfjsCompilation {
  const device = verifyKernels(deviceProgram(fused), "split-sums");
  const program = planMemory(device, { apart: apartOn(device) });
  const tfjs: TfjsProgram = {
    hash: (stableHash(printKernels(program)) >>> 0).toString(16).padStart(8, "0"),
    webgpu: emitWebgpu(program),
    webgl: emitWebgl(verifyKernels(splitRows(program), "split-rows")),
    initialiser: makeInitialiser(planMemory(initialiserOf(fused)), emit),
  };
  return { tfjs, program };
}

/** All shaders one after another, each under its name. */
export const shaderText = (shaders: readonly { readonly name: string; readonly code: string }[]): string =>
  shaders.map(({ name, code }, k) => `// ${k} ${name}\n${code}`).join("\n");

function makeInitialiser(
  program: KernelProgram,
  emit: (program: KernelProgram) => Uint8Array,
): InitialiserInfo | null {
  const slot = (name: string): number =>
    place(
      program.plan!,
      program.buffers.find((b) => b.name === name)!,
    ).slot;
  if (program.entries.length === 0) return null;
  return { wasm: base64(emit(program)), parameters: slot("parameters"), counters: slot("counters") };
}
