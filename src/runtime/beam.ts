/**
 * Beam search: of all beginnings of an answer, the `width` most probable are gone on with, those of all examples in one
 * call of the module a step. With a width without limit it is exact.
 *
 * The score of an answer Y is log P(Y) / lp(Y), where lp(Y) = ((5 + |Y|) / 6)^α (Wu et al. 2016, equation 14) and |Y| counts
 * the end. A search goes on until no beginning can become better than the worst of the `keep` answers that it has: at best
 * what follows is certain, and as long as may be, which an α above 0 favours.
 */
import type { Decoder } from "./decoder.ts";
import { fail } from "./errors.ts";
import { highestOf, nothingLeft } from "./sample.ts";
import type { Hypothesis, Search } from "./search.ts";

export interface BeamOptions {
  readonly width: number;
  /** So many answers, the best first. */
  readonly keep: number;
  /** α. */
  readonly penalty: number;
}

interface Beginning {
  readonly ids: readonly number[];
  readonly logProbability: number;
  readonly row: number;
}

interface Candidate {
  readonly from: Beginning;
  readonly id: number;
  readonly logProbability: number;
}

interface Beam {
  readonly most: number;
  live: readonly Beginning[];
  readonly done: Hypothesis[];
}

export function searchBeams(
  decoder: Decoder,
  search: Search,
  options: BeamOptions,
): readonly (readonly Hypothesis[])[] {
  const beams = search.most.map((most, row): Beam => {
    const nothing: Hypothesis = { ids: [], logProbability: 0, score: 0, ended: search.whole };
    return most === 0
      ? { most, live: [], done: [nothing] }
      : { most, live: [{ ids: [], logProbability: 0, row }], done: [] };
  });
  const living = (): readonly Beginning[] => beams.flatMap(({ live }) => live);
  let rows = living().length > 0 ? decoder.first() : new Float32Array();
  for (let length = 1; living().length > 0; length++) {
    for (const beam of beams) if (beam.live.length > 0) goOn(beam, rows, length);
    const live = living();
    if (live.length === 0) break;
    rows = decoder.next(
      live.map(({ row }) => row),
      live.map(({ ids }) => ids.at(-1)!),
    );
    let row = 0;
    for (const beam of beams) beam.live = beam.live.map((beginning) => ({ ...beginning, row: row++ }));
  }
  if (beams.some(({ done }) => done.length === 0)) fail(nothingLeft);
  return beams.map(({ done }) => done.slice(0, options.keep));

  /** One step of an example: its candidates become answers, beginnings, or nothing. */
  function goOn(beam: Beam, rows: Float32Array, length: number): void {
    const candidates = candidatesOf(beam.live, rows, decoder.classes, search, options.width);
    const live: Beginning[] = [];
    for (const [rank, { from, id, logProbability }] of candidates.entries()) {
      if (id === search.stop) {
        // An end that is less probable than all that the beam goes on with is no answer of this beam.
        if (rank < options.width) finish(beam, from.ids, logProbability, length, true);
      } else if (live.length < options.width)
        live.push({ ids: [...from.ids, id], logProbability, row: from.row });
    }
    if (length < beam.most) {
      const worst = beam.done[options.keep - 1];
      const hopes = ({ logProbability }: Beginning): boolean =>
        worst === undefined || logProbability / penaltyOf(beam.most, options.penalty) > worst.score;
      beam.live = live.filter(hopes);
      return;
    }
    beam.live = [];
    // What is cut off is an answer only where there are too few others.
    const others = [...beam.done];
    beam.done.length = 0;
    for (const { ids, logProbability } of live) finish(beam, ids, logProbability, length, search.whole);
    beam.done.unshift(...others);
  }

  function finish(
    { done }: Beam,
    ids: readonly number[],
    logProbability: number,
    length: number,
    ended: boolean,
  ): void {
    const score = logProbability / penaltyOf(length, options.penalty);
    const place = done.findIndex((other) => other.score < score);
    done.splice(place < 0 ? done.length : place, 0, { ids, logProbability, score, ended });
  }
}

const penaltyOf = (length: number, α: number): number => ((5 + length) / 6) ** α;

/** The best continuations, the most probable first; of equals that of the earlier row, then of the lower id. */
function candidatesOf(
  live: readonly Beginning[],
  rows: Float32Array,
  classes: number,
  { avoid }: Search,
  width: number,
): readonly Candidate[] {
  const candidates = live.flatMap((from) => {
    const row = rows.subarray(from.row * classes, (from.row + 1) * classes);
    for (const id of avoid) row[id] = 0;
    // One of them may be the end, so one more than the beam is wide.
    return highestOf(row, width + 1).map((id): Candidate => {
      if (Number.isNaN(row[id])) fail("the probabilities are not numbers (NaN): the training has diverged");
      return { from, id, logProbability: from.logProbability + Math.log(row[id]!) };
    });
  });
  return candidates.sort((a, b) => b.logProbability - a.logProbability);
}
