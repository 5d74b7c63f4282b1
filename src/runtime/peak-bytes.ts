/** How much memory a module takes for given sizes, exactly: what its `reserve` computes. */
import { largestMemory } from "./module.ts";
import type { Sizes } from "./layout.ts";
import type { PeakMemory } from "./metadata.ts";

/** What a module can have. */
export const largestBytes = largestMemory * 65536;

const alignment = 64;
const slack = 64;

/** The address at which memory ends; the module has as many pages of 64 KiB as that takes. Fails on a size that is missing. */
export function peakBytes({ fixed, slots }: PeakMemory, sizes: Sizes): number {
  const end = slots.reduce((sum, terms) => {
    const bytes = terms.reduce((n, term) => n + term.symbols.reduce((x, s) => x * sizes[s]!, term.bytes), 0);
    return sum + Math.ceil((Math.max(0, bytes) + slack) / alignment) * alignment;
  }, fixed);
  return end + slack;
}
