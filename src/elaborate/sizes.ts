/**
 * Sizes by unification. Elaboration runs more than once: in the first run a size that nothing has determined yet
 * is a placeholder, a number far above any real size, and meeting another size binds it. The next run
 * starts with what was learned, under the same keys, until no placeholder is left. So no rule of elaboration
 * ever waits for a size.
 */
import type { Origin } from "./values.ts";

const firstPlaceholder = 2 ** 31;

export const isPlaceholder = (size: number): boolean => size >= firstPlaceholder;

export interface Sizes {
  /** The size known under this key, or its placeholder. Keys are stable between runs. */
  readonly fresh: (key: string, origin: Origin, what: string, way?: string) => number;
  /** Makes two sizes one; false if both are known and differ. */
  readonly unify: (a: number, b: number) => boolean;
  readonly resolve: (size: number) => number;
  /** Notes that something holds, for the next run; whether an earlier one noted it. */
  readonly note: (fact: string) => void;
  readonly noted: (fact: string) => boolean;
  /** Whether this run noted what no earlier one had. */
  readonly hasNewFacts: () => boolean;
  /** Whether this run has placeholders: then a number beyond all sizes may come from one. */
  readonly isOpen: () => boolean;
  /** What this run learned, for the next. */
  readonly solved: () => ReadonlyMap<string, number>;
  readonly unsolved: () => readonly {
    readonly key: string;
    readonly origin: Origin;
    readonly what: string;
    /** How a program says it. */
    readonly way: string;
  }[];
}

export function makeSizes(known: ReadonlyMap<string, number>): Sizes {
  const keys: { key: string; origin: Origin; what: string; way: string }[] = [];
  const numbers = new Map<string, number>();
  const bound = new Map<number, number>();
  const facts = new Set<string>();
  const resolve = (size: number): number => {
    let current = size;
    for (let next = bound.get(current); next !== undefined; next = bound.get(current)) current = next;
    return current;
  };
  return {
    fresh(key, origin, what, way = "") {
      const before = known.get(key) ?? numbers.get(key);
      if (before !== undefined) return resolve(before);
      const placeholder = firstPlaceholder + keys.length;
      keys.push({ key, origin, what, way });
      numbers.set(key, placeholder);
      return placeholder;
    },
    unify(a, b) {
      const [x, y] = [resolve(a), resolve(b)];
      if (x === y) return true;
      if (isPlaceholder(x)) bound.set(x, y);
      else if (isPlaceholder(y)) bound.set(y, x);
      else return false;
      return true;
    },
    resolve,
    note: (fact) => void facts.add(fact),
    noted: (fact) => known.has(fact),
    hasNewFacts: () => [...facts].some((fact) => !known.has(fact)),
    isOpen: () => keys.length > 0,
    solved() {
      const found = new Map(known);
      for (const [key, number] of numbers) {
        const size = resolve(number);
        if (!isPlaceholder(size)) found.set(key, size);
      }
      for (const fact of facts) found.set(fact, 1);
      return found;
    },
    /** Of sizes that are one, the first. */
    unsolved() {
      const roots = new Map<number, (typeof keys)[number]>();
      for (const entry of keys) {
        const root = resolve(numbers.get(entry.key)!);
        if (isPlaceholder(root) && !roots.has(root)) roots.set(root, entry);
      }
      return [...roots.values()];
    },
  };
}
