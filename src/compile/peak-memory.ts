/** A memory plan as the package tells it: what inference takes, and what training does. */
import { slotBases } from "../backends/wasm/layout.ts";
import { isConstantSize } from "../ir/kernel/addresses.ts";
import type { KernelProgram, MemorySlot } from "../ir/kernel/types.ts";
import { formula } from "../passes/plan-memory.ts";
import type { Metadata, PeakMemory } from "../runtime/metadata.ts";

/** A slot's slack and what ends the memory, in bytes. */
const slack = 64;

export function peakMemory({ entries, plan }: KernelProgram): Metadata["memory"] {
  const { slots } = plan!;
  const learns = entries.some(({ training }) => training);
  const { end } = slotBases(
    { slots: slots.filter(({ size }) => isConstantSize(size)), slotOf: new Map() },
    {},
  );
  const open = slots.filter(({ size }) => !isConstantSize(size));
  const peak = (counted: readonly MemorySlot[]): PeakMemory => ({
    formula: formula(
      counted.flatMap(({ size }) => size),
      end + slack * counted.length,
    ),
    fixed: end - slack,
    slots: counted.map(({ size }) => size.map(({ factor, symbols }) => ({ bytes: 4 * factor, symbols }))),
  });
  return { inference: peak(open.filter(({ training }) => !training)), training: learns ? peak(open) : null };
}
