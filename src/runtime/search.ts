/**
 * What all searches over a decoder have in common, and the simplest: one choice after another, the most probable or drawn.
 */
import type { Decoder } from "./decoder.ts";

export interface Search {
  /** The entry that ends a sequence; -1: none. */
  readonly stop: number;
  /** Entries that are never chosen. */
  readonly avoid: ReadonlySet<number>;
  /** By example: at most so many choices, the one of the end among them. */
  readonly most: readonly number[];
  /** Whether a sequence is whole with just so many choices, as tags of words are; else it is cut off there. */
  readonly whole: boolean;
}

export interface Hypothesis {
  /** Without the entry that ends it. */
  readonly ids: readonly number[];
  /** Of all choices, that of the end among them. */
  readonly logProbability: number;
  /** What hypotheses are ranked by. */
  readonly score: number;
  /** False where it was cut off. */
  readonly ended: boolean;
}

/** The entry chosen from a row of probabilities. */
export type Chooser = (probabilities: Float32Array, position: number, sample: number) => number;

interface Walk {
  readonly example: number;
  readonly sample: number;
  readonly ids: number[];
  logProbability: number;
  ended: boolean;
  row: number;
}

/** Walks on for each example, as many as `samples`; gives the choices of each step as they are made, `stop` among them. */
export function* chooseSteps(
  decoder: Decoder,
  search: Search,
  choose: Chooser,
  samples = 1,
): Generator<readonly number[], readonly (readonly Hypothesis[])[]> {
  const { most, stop, whole } = search;
  const walks = most.map((limit, example) =>
    Array.from({ length: samples }, (_, sample): Walk => ({
      example,
      sample,
      ids: [],
      logProbability: 0,
      ended: whole && limit === 0,
      row: example,
    })),
  );
  let open = walks.flat().filter(({ example }) => most[example]! > 0);
  let rows = open.length > 0 ? decoder.first() : new Float32Array();
  for (let position = 0; open.length > 0; position++) {
    const choices = open.map((walk) => {
      const row = rows.subarray(walk.row * decoder.classes, (walk.row + 1) * decoder.classes);
      const id = choose(row, position, walk.sample);
      walk.logProbability += Math.log(row[id]!);
      if (id !== stop) walk.ids.push(id);
      walk.ended = id === stop || (whole && position + 1 === most[walk.example]!);
      return id;
    });
    yield choices;
    const goesOn = open.map(({ ended, example }) => !ended && position + 1 < most[example]!);
    const last = choices.filter((_, k) => goesOn[k]);
    open = open.filter((_, k) => goesOn[k]);
    if (open.length === 0) break;
    rows = decoder.next(
      open.map(({ row }) => row),
      last,
    );
    open.forEach((walk, row) => (walk.row = row));
  }
  return walks.map((some) =>
    some.map(({ ids, logProbability, ended }) => ({ ids, logProbability, score: logProbability, ended })),
  );
}

/** All steps at once. */
export function chooseAll(...of: Parameters<typeof chooseSteps>): readonly (readonly Hypothesis[])[] {
  const steps = chooseSteps(...of);
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}
