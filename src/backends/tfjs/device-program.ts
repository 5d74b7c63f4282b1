/**
 * What of a kernel program runs on a GPU, as far as it is the same for WebGL and WebGPU. What draws the first weights is left
 * out: it runs once, and step by step; the host does it.
 */
import type { KernelProgram } from "../../ir/kernel/types.ts";
import { root, touches } from "../../ir/kernel/walk.ts";
import { splitSums } from "./split-sums.ts";

/** Without a memory plan. What the host reads and writes stays, other buffers only if they are used. */
export function deviceProgram(program: KernelProgram): KernelProgram {
  const entries = program.entries.filter((e) => e.name !== "initialise");
  const accesses = entries.flatMap((e) => e.body.flatMap((s) => touches(s)).map((t) => t.access.buffer));
  const used = new Set(accesses.flatMap((buffer) => [buffer, root(buffer)]));
  const buffers = program.buffers.filter((b) => b.role !== "temporary" || used.has(b));
  return splitSums({ ...program, entries, buffers, plan: null });
}
