/**
 * plan-memory: where each buffer lies. Temporaries that never live at the same time share a slot if their sizes are
 * the same monomial of the run-time sizes (T·B, B, …), so that a slot's size stays a formula; entries run one at a
 * time, so their temporaries share too. What persists never does.
 *
 *   add : T·B·24, select : T·B·8, dh : B·8      becomes     slot 3: 24*T*B (add, select), slot 4: 8*B (dh)
 *
 * What only inference or only training needs has slots of its own: either lies over the other.
 *
 * Needs: a row whose innermost dim is stored whole is stored with its padding, as backends do; temporaries in panels,
 * whose padding nobody writes, keep a slot of their own. Makes true: every buffer that lies in no other has a slot.
 */
import type { Buffer, KernelProgram, MemoryPlan, MemoryUse, Term } from "../ir/kernel/types.ts";
import { isConstantSize } from "../ir/kernel/addresses.ts";
import { fixedElements, rowDims } from "../ir/kernel/build.ts";
import { type Lifetime, lifetimes } from "./lifetimes.ts";

export interface PlanOptions {
  /** Whether temporaries share slots; they do, unless this is false. */
  readonly reuse?: boolean;
  /** Whether two temporaries may not share a slot although they never live at the same time. */
  readonly apart?: (a: Buffer, b: Buffer) => boolean;
}

export function planMemory(program: KernelProgram, options: PlanOptions = {}): KernelProgram {
  const roots = program.buffers.filter((b) => b.within === null);
  const entries = program.entries.map(lifetimes);
  const useOf = (b: Buffer): MemoryUse | null => {
    const users = program.entries.filter((_, k) => entries[k]!.has(b));
    const isLeft = b.role === "temporary" || b.role === "output";
    if (!isLeft || isConstantSize(sizeOf(b))) return null;
    if (users.every((e) => e.training)) return "training";
    return users.some((e) => e.training) ? null : "inference";
  };
  const isShared = (b: Buffer): boolean =>
    (options.reuse ?? true) && b.role === "temporary" && b.layout.kind === "rows";
  const { apart = () => false } = options;
  const slots: Slot[] = [];
  for (const buffer of ordered(roots)) {
    const size = sizeOf(buffer);
    const use = useOf(buffer);
    const fits = (slot: Slot): boolean =>
      slot.shared &&
      slot.key === shapeOf(size) &&
      slot.use === use &&
      slot.tenants.every(
        (other) =>
          !apart(buffer, other) && entries.every((lives) => !meet(lives.get(buffer), lives.get(other))),
      );
    const slot = isShared(buffer) ? slots.find(fits) : undefined;
    if (slot) {
      slot.tenants.push(buffer);
      slot.size = largest(slot.size, size);
    } else slots.push({ key: shapeOf(size), shared: isShared(buffer), tenants: [buffer], size, use });
  }
  const rank = ({ size, use }: Slot): number =>
    isConstantSize(size) ? 0 : use === null ? 1 : use === "inference" ? 2 : 3;
  const sorted = slots.toSorted((a, b) => rank(a) - rank(b));
  const slotOf = new Map(sorted.flatMap((slot, k) => slot.tenants.map((b) => [b, k] as const)));
  const plan: MemoryPlan = { slots: sorted.map(({ size, use }) => ({ size, use })), slotOf };
  return { ...program, plan };
}

interface Slot {
  readonly key: string;
  readonly shared: boolean;
  readonly tenants: Buffer[];
  size: readonly Term[];
  readonly use: MemoryUse | null;
}

const meet = (a: Lifetime | undefined, b: Lifetime | undefined): boolean =>
  a !== undefined && b !== undefined && a.first <= b.last && b.first <= a.last;

/** What persists in the order of the program, then temporaries, the large before the small. */
function ordered(buffers: readonly Buffer[]): readonly Buffer[] {
  const weight = (b: Buffer): number => sizeOf(b).reduce((n, t) => n + t.factor, 0);
  const temporaries = buffers.filter((b) => b.role === "temporary");
  const rest = buffers.filter((b) => b.role !== "temporary");
  return [...rest, ...temporaries.sort((a, b) => weight(b) - weight(a))];
}

// ---- sizes --------------------------------------------------------------------------------------------------

/** The elements that a buffer takes up, as a sum of products of run-time sizes, the highest first. */
export function sizeOf(buffer: Buffer): readonly Term[] {
  const outer =
    buffer.layout.kind === "rows" ? buffer.dims.slice(0, buffer.dims.length - rowDims(buffer.dims)) : [];
  let terms: readonly Term[] = [{ factor: fixedElements(buffer), symbols: [] }];
  for (const { symbol, times, plus, by = 1 } of outer) {
    // What is rounded down is at most the sum of its parts, each rounded up.
    const share = (n: number): number => Math.ceil(n / by);
    const many = terms.map((t): Term => ({
      factor: t.factor * share(times),
      symbols: symbol === null ? t.symbols : [...t.symbols, symbol].sort(),
    }));
    const few = terms.map((t): Term => ({ ...t, factor: t.factor * share(plus) }));
    terms = collected(symbol === null ? few : [...many, ...few]);
  }
  return terms;
}

function collected(terms: readonly Term[]): readonly Term[] {
  const sums = new Map<string, Term>();
  for (const t of terms) {
    const key = t.symbols.join("*");
    sums.set(key, { ...t, factor: t.factor + (sums.get(key)?.factor ?? 0) });
  }
  return [...sums.values()]
    .filter((t) => t.factor !== 0)
    .sort((a, b) => b.symbols.length - a.symbols.length || (a.symbols.join() < b.symbols.join() ? -1 : 1));
}

/** The highest term's symbols: what sizes of one slot have in common. */
const shapeOf = (size: readonly Term[]): string => size[0]?.symbols.join("*") ?? "";

/** At least as long as both: by each monomial. */
function largest(a: readonly Term[], b: readonly Term[]): readonly Term[] {
  const keys = new Map([...a, ...b].map((t) => [t.symbols.join("*"), t.symbols]));
  const factor = (terms: readonly Term[], key: string): number =>
    terms.find((t) => t.symbols.join("*") === key)?.factor ?? 0;
  return collected(
    [...keys].map(([key, symbols]) => ({ symbols, factor: Math.max(factor(a, key), factor(b, key)) })),
  );
}

/** Bytes as a formula of the run-time sizes: `384*B*T + 1280`. */
export function formula(elements: readonly Term[], bytes = 0): string {
  const terms = collected([
    ...elements.map((t) => ({ ...t, factor: 4 * t.factor })),
    { factor: bytes, symbols: [] },
  ]);
  const text = terms.map((t) => [t.factor, ...t.symbols].join("*")).join(" + ");
  return text === "" ? "0" : text;
}

/** The memory of all slots as a formula of the run-time sizes, in bytes, slack not counted. */
export const peakBytes = (plan: MemoryPlan): string => formula(plan.slots.flatMap((s) => s.size));
