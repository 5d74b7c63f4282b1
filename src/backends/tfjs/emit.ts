/**
 * A kernel program for the GPU backends of tfjs. What draws the first weights is left out: it runs once, step by step, and
 * is the WASM target's (`initialiserOf`).
 */
import type { KernelProgram } from "../../ir/kernel/types.ts";
import { root, touches } from "../../ir/kernel/walk.ts";
import { splitSums } from "./split-sums.ts";

/** What runs on the device, as far as it is the same for all devices; without a memory plan. */
export function deviceProgram(program: KernelProgram): KernelProgram {
  return splitSums(onlyEntries(program, (name) => name !== "initialise"));
}

export const initialiserOf = (program: KernelProgram): KernelProgram =>
  onlyEntries(program, (name) => name === "initialise");

/** A program with some of its entries, and the buffers that those touch; what the host reads and writes stays. */
function onlyEntries(program: KernelProgram, wanted: (name: string) => boolean): KernelProgram {
  const entries = program.entries.filter((e) => wanted(e.name));
  const used = new Set(
    entries.flatMap((e) =>
      e.body.flatMap((s) => touches(s)).flatMap(({ access: { buffer } }) => [buffer, root(buffer)]),
    ),
  );
  return {
    ...program,
    entries,
    buffers: program.buffers.filter((b) => b.role !== "temporary" || used.has(b)),
    plan: null,
  };
}
