/** A memory plan as the package tells it: what inference takes, and what training does. */
import { slotBases } from "../backends/wasm/layout.ts";
import { isConstantSize } from "../ir/kernel/addresses.ts";
import type { KernelProgram, MemoryUse } from "../ir/kernel/types.ts";
import { formula } from "../passes/plan-memory.ts";
import type { Metadata, PeakMemory, SegmentedInfo } from "../runtime/metadata.ts";

/** A slot's slack and what ends the memory, in bytes. */
const slack = 64;

export function peakMemory({ entries, plan }: KernelProgram): Metadata["memory"] {
  const { slots } = plan!;
  const learns = entries.some(({ training }) => training);
  const { end } = slotBases(
    { slots: slots.filter(({ size }) => isConstantSize(size)), slotOf: new Map() },
    {},
  );
  const peak = (use: MemoryUse): PeakMemory => {
    const counted = slots.filter((s) => !isConstantSize(s.size) && (!s.use || s.use === use));
    const elements = counted.flatMap(({ size }) => size);
    return {
      formula: formula(elements, end + slack * counted.length),
      fixed: end - slack,
      slots: counted.map(({ size }) => size.map(({ factor, symbols }) => ({ bytes: 4 * factor, symbols }))),
    };
  };
  return { inference: peak("inference"), training: learns ? peak("training") : null };
}

/** How long segments had better be: what grows with their number against what grows with their length. */
export function segmentedInfo(
  { plan, segmented = [] }: KernelProgram,
  batch: number,
): readonly SegmentedInfo[] {
  const terms = plan!.slots.flatMap(({ size, use }) => (use === "inference" ? [] : size));
  const growth = (symbol: string): number =>
    terms
      .filter(({ symbols }) => symbols.includes(symbol))
      .reduce((sum, t) => sum + t.factor * batch ** t.symbols.filter((s) => s === "B").length, 0);
  return segmented.map(({ axis, steps, segments }) => ({
    axis,
    steps,
    segments,
    ratio: Number((growth(segments) / Math.max(1, growth(steps))).toPrecision(3)),
  }));
}
