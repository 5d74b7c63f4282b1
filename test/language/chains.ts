/** Linear chains by going through every path: what a conditional random field and all that reads it must agree with. */
import type { Rows } from "./emissions.ts";

export interface Chain {
  readonly emissions: Rows;
  /** `transitions[i][j]`: from i to j. */
  readonly transitions: Rows;
  readonly start: readonly number[];
  readonly end: readonly number[];
}

export interface Enumerated {
  readonly logZ: number;
  /** The best path; of equals the first, counting the first step's label as the highest digit. */
  readonly best: readonly number[];
  readonly bestScore: number;
  /** The expectations of what a path goes through: emissions, transitions, start, end. */
  readonly expected: Chain;
}

export function* pathsOf(steps: number, labels: number): Generator<readonly number[]> {
  if (steps === 0) yield [];
  else for (const before of pathsOf(steps - 1, labels)) for (let k = 0; k < labels; k++) yield [...before, k];
}

export const scoreOf = ({ emissions, transitions, start, end }: Chain, path: readonly number[]): number =>
  path.reduce(
    (sum, k, t) => sum + emissions[t]![k]! + (t === 0 ? start[k]! : transitions[path[t - 1]!]![k]!),
    0,
  ) + (path.length > 0 ? end[path.at(-1)!]! : 0);

/** One for whatever a path goes through. */
export function featuresOf({ emissions, transitions, start }: Chain, path: readonly number[]): Chain {
  const zeros = (rows: Rows): number[][] => rows.map((row) => row.map(() => 0));
  const found = {
    emissions: zeros(emissions),
    transitions: zeros(transitions),
    start: start.map((_, k) => (k === path[0] ? 1 : 0)),
    end: start.map((_, k) => (k === path.at(-1) ? 1 : 0)),
  };
  path.forEach((k, t) => {
    found.emissions[t]![k]! += 1;
    if (t > 0) found.transitions[path[t - 1]!]![k]! += 1;
  });
  return found;
}

export function enumerate(chain: Chain): Enumerated {
  const labels = chain.start.length;
  const scored = [...pathsOf(chain.emissions.length, labels)].map((path) => ({
    path,
    score: scoreOf(chain, path),
  }));
  const best = scored.reduce((a, b) => (b.score > a.score ? b : a));
  const total = scored.reduce((sum, { score }) => sum + Math.exp(score - best.score), 0);
  const logZ = best.score + Math.log(total);
  const expected = scored
    .map(({ path, score }) => scale(featuresOf(chain, path), Math.exp(score - logZ)))
    .reduce((a, b) => combine(a, b, (x, y) => x + y));
  return { logZ, best: best.path, bestScore: best.score, expected };
}

export const scale = (chain: Chain, by: number): Chain => combine(chain, chain, (x) => by * x);

/** Number by number. */
export function combine(a: Chain, b: Chain, f: (x: number, y: number) => number): Chain {
  const rows = (x: Rows, y: Rows): Rows => x.map((row, t) => row.map((value, k) => f(value, y[t]![k]!)));
  return {
    emissions: rows(a.emissions, b.emissions),
    transitions: rows(a.transitions, b.transitions),
    start: rows([a.start], [b.start])[0]!,
    end: rows([a.end], [b.end])[0]!,
  };
}
