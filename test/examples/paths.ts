/** What all paths through emissions spell, the blank being the last entry of a step, with the probability of each. */
import type { Rows } from "../language/emissions.ts";
import { softmax } from "./reference.ts";

/** By the labels, with spaces between. */
export function pathsThat(emissions: Rows): ReadonlyMap<string, number> {
  const rows = emissions.map(softmax);
  const blank = rows[0]!.length - 1;
  const found = new Map<string, number>();
  const walk = (path: readonly number[], probability: number): void => {
    const row = rows[path.length];
    if (row) return row.forEach((p, k) => walk([...path, k], probability * p));
    const labels = path.filter((k, t) => k !== blank && k !== path[t - 1]).join(" ");
    found.set(labels, (found.get(labels) ?? 0) + probability);
  };
  walk([], 1);
  return found;
}
