/**
 * The most probable sequence of a model that remembers its last choice alone (Viterbi 1967): for each entry the best way
 * that ends in it, from the best ways of the step before. A row of the decoder is an example and its last choice.
 */
import type { Decoder } from "./decoder.ts";
import { fail } from "./errors.ts";
import { nothingLeft } from "./sample.ts";
import type { Hypothesis, Search } from "./search.ts";

interface Way {
  readonly ids: readonly number[];
  readonly logProbability: number;
}

interface Lattice {
  readonly most: number;
  /** The best ways to each entry that can be the last. */
  ways: readonly Way[];
  best: Hypothesis;
}

export function searchChains(decoder: Decoder, search: Search): readonly (readonly Hypothesis[])[] {
  const { stop, avoid, whole } = search;
  const lattices = search.most.map((most): Lattice => ({
    most,
    ways: [{ ids: [], logProbability: 0 }],
    best: hypothesis({ ids: [], logProbability: most === 0 ? 0 : -Infinity }, whole && most === 0),
  }));
  const goesOn = (lattice: Lattice, length: number): boolean =>
    length < lattice.most && lattice.ways.some(({ logProbability }) => logProbability > lattice.best.score);
  let open = lattices.filter((lattice) => goesOn(lattice, 0));
  let rows = open.length > 0 ? decoder.first() : new Float32Array();
  let rowOf = new Map(lattices.map((lattice, row) => [lattice, row]));
  for (let length = 1; open.length > 0; length++) {
    for (const lattice of open) extend(lattice, rowOf.get(lattice)!, length);
    open = open.filter((lattice) => goesOn(lattice, length));
    if (open.length === 0) break;
    const parents = open.flatMap((lattice) => lattice.ways.map(() => rowOf.get(lattice)!));
    const choices = open.flatMap(({ ways }) => ways.map(({ ids }) => ids.at(-1)!));
    let row = 0;
    rowOf = new Map(open.map((lattice) => [lattice, (row += lattice.ways.length) - lattice.ways.length]));
    rows = decoder.next(parents, choices);
  }
  return lattices.map(({ best }) => [best]);

  /** The best ways that are one choice longer; `row` is that of the first way. */
  function extend(lattice: Lattice, row: number, length: number): void {
    const ways: Way[] = [];
    for (let id = 0; id < decoder.classes; id++) {
      if (avoid.has(id)) continue;
      const scores = lattice.ways.map(
        ({ logProbability }, k) => logProbability + Math.log(rows[(row + k) * decoder.classes + id]!),
      );
      const from = scores.reduce((best, score, k) => (score > scores[best]! ? k : best), 0);
      const way = { ids: [...lattice.ways[from]!.ids, id], logProbability: scores[from]! };
      if (way.logProbability === -Infinity) continue;
      if (id !== stop) ways.push(way);
      else if (way.logProbability > lattice.best.score)
        lattice.best = hypothesis({ ...way, ids: way.ids.slice(0, -1) }, true);
    }
    if (ways.length === 0 && !lattice.best.ended) fail(nothingLeft);
    lattice.ways = ways;
    if (length < lattice.most || lattice.best.ended) return;
    const [first] = [...ways].sort((a, b) => b.logProbability - a.logProbability);
    if (first) lattice.best = hypothesis(first, whole);
  }
}

const hypothesis = ({ ids, logProbability }: Way, ended: boolean): Hypothesis => ({
  ids,
  logProbability,
  score: logProbability,
  ended,
});
