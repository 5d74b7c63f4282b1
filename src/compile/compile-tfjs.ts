/** The kernel program of a model for the target `tfjs`: shaders for GPUs, and the WASM module for the host. */
import { apartOn } from "../backends/tfjs/apart.ts";
import { deviceProgram } from "../backends/tfjs/device-program.ts";
import { splitRows } from "../backends/tfjs/split-rows.ts";
import { emitWebgl } from "../backends/tfjs/webgl.ts";
import { emitWebgpu } from "../backends/tfjs/webgpu.ts";
import { place } from "../ir/kernel/addresses.ts";
import type { KernelProgram } from "../ir/kernel/types.ts";
import { verifyKernels } from "../ir/kernel/verify.ts";
import { stableHash } from "../passes/hash.ts";
import { planMemory } from "../passes/plan-memory.ts";
import { base64 } from "../runtime/base64.ts";
import type { HostModuleInfo, TfjsProgram } from "../runtime/tfjs/program.ts";

export interface TfjsCompilation {
  readonly tfjs: TfjsProgram;
  /** With the memory plan of the device. */
  readonly program: KernelProgram;
}

/** `wasm` is the module of the same program. */
export function compileTfjs(fused: KernelProgram, wasm: Uint8Array): TfjsCompilation {
  const device = verifyKernels(deviceProgram(fused), "split-sums");
  const program = planMemory(device, { apart: apartOn(device) });
  const tfjs: TfjsProgram = {
    webgpu: emitWebgpu(program),
    webgl: emitWebgl(verifyKernels(splitRows(program), "split-rows")),
    host: hostModule(fused, wasm),
    hash: hashOf(wasm),
  };
  return { tfjs, program };
}

/** Of the whole program, and of nothing else. */
const hashOf = (wasm: Uint8Array): string => (stableHash(base64(wasm)) >>> 0).toString(16).padStart(8, "0");

/** All shaders one after another, each under its name. */
export const shaderText = (shaders: readonly { readonly name: string; readonly code: string }[]): string =>
  shaders.map(({ name, code }, k) => `// ${k} ${name}\n${code}`).join("\n");

function hostModule(program: KernelProgram, wasm: Uint8Array): HostModuleInfo {
  const shown = program.buffers.filter((b) => b.role !== "temporary" && b.within === null);
  const places = Object.fromEntries(shown.map((b) => [b.name, place(program.plan!, b)]));
  return { wasm: base64(wasm), places };
}
