/**
 * The order of passes over a kernel program, with the reason for each place, and what runs them. The program is
 * verified as it comes in and after each pass, so that a fault is blamed on the pass that made it.
 */
import type { KernelProgram } from "../ir/kernel/types.ts";
import { verifyKernels } from "../ir/kernel/verify.ts";
import { fuse } from "./fuse.ts";
import { joinStages } from "./join-stages.ts";
import { planMemory } from "./plan-memory.ts";
import { segment } from "./segment.ts";
import { apartInLoops, share } from "./share.ts";

/** `sparse-rows` comes before them, with the optimiser, which it changes too. */
export const kernelPassNames = ["sparse-rows", "fuse", "join-stages", "share", "plan-memory"] as const;

export interface KernelOptions {
  /** Names of passes to leave out; without `plan-memory` no two buffers share memory. */
  readonly without?: ReadonlySet<string>;
  /** Training goes through long sequences in segments. */
  readonly segments?: boolean;
  /** For a GPU as well: stages stay apart. */
  readonly device?: boolean;
  /** For several threads. */
  readonly threads?: boolean;
  /** Sees the program as lowered (`lower`), after `fuse`, and in the end (`kernels`). */
  readonly observe?: (
    stage: "lower" | "segment" | "fuse" | "join-stages" | "share" | "plan-memory" | "kernels",
    program: KernelProgram,
  ) => void;
}

/** From what `lower` made to what a backend emits: fused, with a memory plan. */
export function compileKernels(lowered: KernelProgram, options: KernelOptions = {}): KernelProgram {
  const { without = new Set<string>(), segments = false, device = false, threads = false, observe } = options;
  let program = verifyKernels(lowered, "lower");
  observe?.("lower", program);
  if (segments) {
    // Before fuse, while each statement computes one thing, so that what runs again is no more than what is wanted.
    program = verifyKernels(segment(program), "segment");
    observe?.("segment", program);
  }
  if (!without.has("fuse")) {
    // First, since it takes buffers away that a plan would lay out.
    program = verifyKernels(fuse(program), "fuse");
    observe?.("fuse", program);
  }
  if (!device && !without.has("join-stages")) {
    // After fuse, which makes the rows of several kernels stages of one.
    program = verifyKernels(joinStages(program), "join-stages");
    observe?.("join-stages", program);
  }
  if (threads && !without.has("share")) {
    // After fuse: a kernel that has become part of another is not divided by itself.
    program = verifyKernels(share(program), "share");
    observe?.("share", program);
  }
  // Last: lifetimes are those of the statements that are emitted.
  program = planMemory(program, { reuse: !without.has("plan-memory"), apart: apartInLoops(program) });
  observe?.("plan-memory", program);
  observe?.("kernels", program);
  return program;
}
