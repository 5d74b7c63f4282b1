/** Which level of recomputation training gets: the one asked for, or the first that fits into the memory there is. */
import type { Sizes } from "../ir/kernel/layout.ts";
import type { KernelProgram } from "../ir/kernel/types.ts";
import { operations } from "../passes/operations.ts";
import { peakBytes } from "../runtime/peak-bytes.ts";
import { inSegments } from "../runtime/segments.ts";
import { peakMemory, segmentedInfo } from "./peak-memory.ts";
import type { Recompute, RecomputeChoice, RecomputeCost } from "./types.ts";

const levels: readonly Recompute[] = ["none", "gates", "segments"];

export interface Choice<P extends { readonly fused: KernelProgram }> {
  readonly made: P;
  readonly choice: RecomputeChoice;
}

/** Steps of sequences that nothing tells the length of. */
const assumedSteps = 50;

/** `make` compiles up to the kernel program at a level; `sizes` are those of a step of training, any other size is `steps`. */
export function chooseRecompute<P extends { readonly fused: KernelProgram }>(
  make: (level: Recompute) => P,
  wanted: { readonly recompute?: Recompute; readonly maxMemory?: number },
  sizes: Sizes,
  steps = assumedSteps,
): Choice<P> {
  const { recompute, maxMemory = Infinity } = wanted;
  const tried = recompute === undefined && maxMemory < Infinity ? levels : [recompute ?? "none"];
  const attempt = (k: number, before: readonly RecomputeCost[]): Choice<P> => {
    const level = tried[k]!;
    const made = make(level);
    const costs = [...before, costOf(level, made.fused, sizes, steps)];
    const fits = costs[k]!.bytes <= maxMemory;
    return fits || k === tried.length - 1 ? { made, choice: { level, fits, costs } } : attempt(k + 1, costs);
  };
  return attempt(0, []);
}

function costOf(level: Recompute, program: KernelProgram, sizes: Sizes, steps: number): RecomputeCost {
  const { training, inference } = peakMemory(program);
  const given = Object.fromEntries(program.symbols.map((symbol) => [symbol, sizes[symbol] ?? steps]));
  const all = inSegments({ segmented: segmentedInfo(program, given["B"]!) }, given);
  const own = program.entries.filter((e) => /^gradients/u.test(e.name));
  return {
    level,
    bytes: peakBytes(training ?? inference, all),
    operations: own.reduce((sum, e) => sum + operations(e, all), 0),
  };
}
