/**
 * Prefix beam search: the labels that are likeliest over all the paths that spell them (Graves 2012, section 7.5; with a
 * scorer of what follows what, Graves & Jaitly 2014, Hannun et al. 2014).
 *
 * A path has one entry a step; it spells its labels with runs of equals as one and blanks left out. Prefixes are nodes of a
 * tree. For each of them that is alive: the probabilities of the paths so far that spell it and end in a blank, and in its
 * last label, for only after a blank does the same label begin anew. Probabilities are logarithms.
 */

/** What a continuation is worth beyond the emissions: the logarithm of a (weighted) probability. `null`: the end. */
export type Scorer = (labels: readonly number[], next: number | null) => number;

export interface SearchOptions {
  /** How many prefixes are kept at each step. Default: the model's own, `decode { beam(n) }`. */
  readonly width?: number;
  /** At most so many hypotheses are given. Default: `width`. */
  readonly best?: number;
  readonly scorer?: Scorer;
}

/** One sequence of labels. */
export interface Hypothesis {
  readonly ids: readonly number[];
  /** The logarithm of the probability of its paths, plus what the scorer adds. */
  readonly score: number;
  /** The step at which each label begins, on the likeliest of the paths. */
  readonly times: readonly number[];
}

/** The steps at which labels began, the last one first. */
interface Times {
  readonly step: number;
  readonly before: Times | null;
}

/** The sum over paths with the same end, and the likeliest of them. */
interface Ending {
  total: number;
  best: number;
  times: Times | null;
}

interface Prefix {
  readonly ids: readonly number[];
  readonly children: Map<number, Prefix>;
  /** What the scorer gave for it. */
  readonly scored: number;
  blank: Ending;
  label: Ending;
  /** The step that the endings belong to. */
  step: number;
}

const none = (): Ending => ({ total: -Infinity, best: -Infinity, times: null });

const sumOf = (a: number, b: number): number => {
  const [high, low] = a > b ? [a, b] : [b, a];
  return low === -Infinity ? high : high + Math.log1p(Math.exp(low - high));
};

/** Adds paths to an ending: `total` is the logarithm of their sum, `best` of the likeliest. */
function extend(to: Ending, total: number, best: number, times: Times | null): void {
  to.total = sumOf(to.total, total);
  if (best > to.best) {
    to.best = best;
    to.times = times;
  }
}

const totalOf = ({ blank, label }: Prefix): number => sumOf(blank.total, label.total);

/** `emissions`: row-major, `classes` a step, logarithms of probabilities up to a constant a step. Best hypotheses first. */
export function prefixBeam(
  emissions: ArrayLike<number>,
  classes: number,
  blank: number,
  { width = 8, best = width, scorer }: SearchOptions,
): readonly Hypothesis[] {
  const steps = emissions.length / classes;
  const root: Prefix = {
    ids: [],
    children: new Map(),
    scored: 0,
    blank: { total: 0, best: 0, times: null },
    label: none(),
    step: -1,
  };
  let beam: readonly Prefix[] = [root];
  for (let step = 0; step < steps; step++) {
    const p = logSoftmax(emissions, step * classes, classes);
    const alive: Prefix[] = [];
    const last = beam.map((prefix) => ({ prefix, blank: prefix.blank, label: prefix.label }));
    const at = (prefix: Prefix): Prefix => {
      if (prefix.step === step) return prefix;
      alive.push(Object.assign(prefix, { step, blank: none(), label: none() }));
      return prefix;
    };
    for (const { prefix, blank: b, label: l } of last) {
      const own = at(prefix);
      const [all, likelier] = [sumOf(b.total, l.total), b.best > l.best ? b : l];
      extend(own.blank, all + p[blank]!, likelier.best + p[blank]!, likelier.times);
      const end = prefix.ids.at(-1);
      if (end !== undefined) extend(own.label, l.total + p[end]!, l.best + p[end]!, l.times);
      for (let k = 0; k < classes; k++) {
        if (k === blank || p[k] === -Infinity) continue;
        const [total, from] = k === end ? [b.total, b] : [all, likelier];
        if (total === -Infinity) continue;
        const next = at(childOf(prefix, k, scorer));
        extend(next.label, total + p[k]!, from.best + p[k]!, { step, before: from.times });
      }
    }
    beam = highest(alive, width, (prefix) => totalOf(prefix) + prefix.scored);
  }
  const found = beam.map((prefix): Hypothesis => ({
    ids: prefix.ids,
    score: totalOf(prefix) + prefix.scored + (scorer?.(prefix.ids, null) ?? 0),
    times: timesOf(prefix.blank.best > prefix.label.best ? prefix.blank.times : prefix.label.times),
  }));
  return highest(found, best, ({ score }) => score);
}

function childOf(prefix: Prefix, id: number, scorer: Scorer | undefined): Prefix {
  const before = prefix.children.get(id);
  if (before) return before;
  const child: Prefix = {
    ids: [...prefix.ids, id],
    children: new Map(),
    scored: prefix.scored + (scorer?.(prefix.ids, id) ?? 0),
    blank: none(),
    label: none(),
    step: -1,
  };
  prefix.children.set(id, child);
  return child;
}

/** The `count` highest, in order; equals as they stood. */
function highest<T>(list: readonly T[], count: number, score: (x: T) => number): readonly T[] {
  const scored = list.map((value) => ({ value, score: score(value) }));
  scored.sort((a, b) => b.score - a.score);
  return scored
    .filter((x) => x.score > -Infinity)
    .slice(0, count)
    .map(({ value }) => value);
}

function logSoftmax(values: ArrayLike<number>, from: number, size: number): Float64Array {
  const row = Float64Array.from({ length: size }, (_, k) => values[from + k]!);
  const largest = row.reduce((a, b) => Math.max(a, b));
  const total = Math.log(row.reduce((sum, x) => sum + Math.exp(x - largest), 0)) + largest;
  return row.map((x) => x - total);
}

function timesOf(last: Times | null): readonly number[] {
  const times: number[] = [];
  for (let at = last; at; at = at.before) times.push(at.step);
  return times.reverse();
}
