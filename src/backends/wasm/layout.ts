/**
 * Where elements lie in the module's memory: the offset of one element, the bases of a plan's slots. The emitted module
 * computes the same numbers in `reserve`; tests use these. Bases count bytes.
 */
import { type Sizes, storage } from "../../ir/kernel/layout.ts";
import type { Buffer, MemoryPlan, MemoryUse, Term } from "../../ir/kernel/types.ts";

/** The bytes below this address are nobody's. */
export const firstAddress = 1024;
const alignment = 64;
const slack = 64;

const roundUp = (n: number, multiple: number): number => Math.ceil(n / multiple) * multiple;

/** Where an element lies, counted from the buffer's first. */
export const elementOffset = (buffer: Buffer, index: readonly number[], sizes: Sizes): number =>
  storage(buffer, sizes).offset(index);

const slotBytes = (size: readonly Term[], sizes: Sizes): number =>
  4 * size.reduce((sum, t) => sum + t.symbols.reduce((product, s) => product * sizes[s]!, t.factor), 0);

/** Where the slot after one at `base` starts. */
export const nextBase = (base: number, bytes: number): number => roundUp(base + bytes + slack, alignment);

/** What `reserve` computes: the address of each slot, and the end of all that some uses need. */
export function slotBases(
  plan: MemoryPlan,
  sizes: Sizes,
  uses: readonly MemoryUse[] = ["inference", "training"],
): { readonly bases: readonly number[]; readonly end: number } {
  const bases: number[] = [];
  let common = firstAddress;
  const ends = new Map<MemoryUse, number>();
  for (const { size, use = null } of plan.slots) {
    const base = (use && ends.get(use)) ?? common;
    bases.push(base);
    const next = nextBase(base, slotBytes(size, sizes));
    if (use === null) common = next;
    else ends.set(use, next);
  }
  const end = uses.reduce((most, use) => Math.max(most, ends.get(use) ?? 0), common);
  return { bases, end: end + slack };
}
