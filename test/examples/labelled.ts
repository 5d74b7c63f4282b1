/**
 * The examples that predict sequences of labels: what they score, the loss of it and what they predict, as sums and maxima
 * over all paths.
 */
import { enumerate, scoreOf, type Chain } from "../language/chains.ts";
import type { Rows } from "../language/emissions.ts";
import { pathsThat } from "./paths.ts";
import { both, lstm } from "./recurrent.ts";
import { add, affine, unrollBack, zeros, type Vector, type Weights } from "./reference.ts";

export interface Answer {
  readonly loss: number;
  readonly labels: readonly number[];
}

/** Of one example, from what goes in and the labels wanted. */
export type Reference = (
  w: Weights,
  given: readonly (number | Vector)[],
  labels: readonly number[],
) => Answer;

const row = (w: Weights, name: string, k: number, size: number): Vector =>
  w(name).slice(k * size, (k + 1) * size);
const matrix = (values: Vector, size: number): Rows =>
  Array.from({ length: values.length / size }, (_, k) => values.slice(k * size, (k + 1) * size));
const logSum = (v: Vector): number => Math.log(v.reduce((sum, x) => sum + Math.exp(x), 0));
const logSoftmax = (v: Vector): Vector => v.map((x) => x - logSum(v));

const chainOf = (w: Weights, at: string, emissions: Rows): Chain => {
  const start = w(`${at}.start`);
  return {
    emissions,
    transitions: matrix(w(`${at}.A`), start.length),
    start,
    end: w(`${at}.end`),
  };
};

const peephole = both(
  lstm("forward.lstm", { peephole: true }),
  lstm("backward.lstm", { peephole: true, run: unrollBack }),
);

const tagger: Reference = (w, words, tags) => {
  const xs = words.map((id) => row(w, "embed.E", id as number, 100));
  const hidden = both(lstm("forward.lstm"), lstm("backward.lstm", { run: unrollBack }))(w, xs);
  const chain = chainOf(
    w,
    "crf",
    hidden.map((h) => affine(w, "crf", { "": h })),
  );
  const { logZ, best } = enumerate(chain);
  return { loss: logZ - scoreOf(chain, tags), labels: best };
};

const hmm: Reference = (w, words, tags) => {
  const n = w("hmm.start").length;
  const B = matrix(w("hmm.B"), w("hmm.B").length / n).map(logSoftmax);
  const chain = {
    emissions: words.map((id) => B.map((says) => says[id as number]!)),
    transitions: matrix(w("hmm.A"), n).map(logSoftmax),
    start: logSoftmax(w("hmm.start")),
    end: zeros(n),
  };
  return { loss: -scoreOf(chain, tags), labels: enumerate(chain).best };
};

/** A word speaks for the tags of the next, of its own and of the last place. */
function window(w: Weights, at: string, words: readonly (number | Vector)[]): Chain {
  const n = w(`${at}.start`).length;
  const says = (table: string, id: number | Vector | undefined): Vector =>
    id === undefined ? zeros(n) : row(w, table, id as number, n);
  return chainOf(
    w,
    at,
    words.map((id, t) => add(says("E.1", words[t - 1]), says("E.2", id), says("E.3", words[t + 1]))),
  );
}

const perceptron: Reference = (w, words, tags) => {
  const chain = window(w, "perceptron", words);
  const { best, bestScore } = enumerate(chain);
  return { loss: bestScore - scoreOf(chain, tags), labels: best };
};

const svm: Reference = (w, words, tags) => {
  const chain = window(w, "svm", words);
  const costly = chain.emissions.map((e, t) => e.map((x, k) => x + (k === tags[t] ? 0 : 1)));
  const { bestScore } = enumerate({ ...chain, emissions: costly });
  return { loss: bestScore - scoreOf(chain, tags), labels: enumerate(chain).best };
};

/** The entry of the highest score at each step, runs of equals as one. */
const bestPath = (scores: Rows): readonly number[] => {
  const path = scores.map((e) => e.indexOf(Math.max(...e)));
  return path.filter((k, t) => k !== path[t - 1]);
};

/** The search for likelier labels than the best path's belongs to the runtime. */
const speech: Reference = (w, audio, text) => {
  const emissions = peephole(w, audio as readonly Vector[]).map((h) => affine(w, "ctc", { "": h }));
  const blank = emissions[0]!.length - 1;
  return {
    loss: -Math.log(pathsThat(emissions).get(text.join(" "))!),
    labels: bestPath(emissions).filter((k) => k !== blank),
  };
};

const trimming: Reference = (w, audio, sounds) => {
  const scores = peephole(w, audio as readonly Vector[]).map((h) => affine(w, "trimming", { "": h }));
  const losses = scores.map((e, t) => logSum(e) - e[sounds[t]!]!);
  return {
    loss: losses.reduce((a, b) => a + b) / losses.length,
    labels: bestPath(scores),
  };
};

export const labelled: Readonly<Record<string, Reference>> = {
  "tagger-crf": tagger,
  hmm,
  perceptron,
  svm,
  speech,
  "speech-trimming": trimming,
};
