/**
 * How well labels are predicted: accuracy over all of them, of sequences also the share that is right as a whole, and of
 * tags of spans their F1. Labels that are not one a step (what was said in a recording) have error rates instead, and
 * answers that a model makes word by word their BLEU.
 */
import { bleu } from "./bleu.ts";
import { errorRate, wordsOf } from "./edits.ts";
import { areSpanTags, scoreSpans, type SpanScores } from "./spans.ts";
import { makeMeasure, type Measure, type Score } from "./score.ts";

/** Ids of the labels of one example. */
export type Labels = ArrayLike<number>;

export interface LabelScores {
  /** Of labels in their places; null where there are error rates alone. */
  readonly accuracy: number | null;
  readonly errors: ErrorRates | null;
  /** Of answers in words. */
  readonly bleu: number | null;
  /** The share of examples with every label right. */
  readonly exact: number;
  readonly sequences: boolean;
  readonly spans: SpanScores | null;
}

/** Edits over all that was wanted. */
export interface ErrorRates {
  /** What the labels are. */
  readonly unit: "character" | "word" | "label";
  readonly labels: number;
  /** Of the words that characters make; null where the labels are none. */
  readonly words: number | null;
}

export interface LabelKind {
  /** What the ids stand for; null where they are numbers. */
  readonly entries: readonly string[] | null;
  /** An example has many labels. */
  readonly sequences: boolean;
  /** They run along the same steps as those wanted. */
  readonly aligned: boolean;
  readonly characters: boolean;
  /** They are an answer as long as the model made it. */
  readonly answered?: boolean;
}

export interface LabelPair {
  readonly found: Labels;
  readonly wanted: Labels;
}

export function scoreLabels(
  pairs: readonly LabelPair[],
  { entries, sequences, aligned, characters, answered = false }: LabelKind,
): LabelScores {
  let [right, all, exact, together] = [0, 0, 0, aligned];
  for (const { found, wanted } of pairs) {
    let same = 0;
    for (let k = 0; k < wanted.length; k++) if (found[k] === wanted[k]) same++;
    together &&= found.length === wanted.length;
    if (found.length === wanted.length && same === wanted.length) exact++;
    right += same;
    all += wanted.length;
  }
  const words = (ids: Labels): readonly string[] => Array.from(ids, (id) => entries?.[id] ?? "");
  const inWords = ({ found, wanted }: LabelPair) => ({
    found: wordsOf(words(found)),
    wanted: wordsOf(words(wanted)),
  });
  const labels = together || (answered && !characters) ? null : errorRate(pairs);
  return {
    accuracy: (together || answered) && all > 0 ? right / all : null,
    bleu: answered && !characters ? bleu(pairs) : null,
    errors:
      labels === null
        ? null
        : {
            unit: characters ? "character" : entries === null ? "label" : "word",
            labels,
            words: characters ? errorRate(pairs.map(inWords)) : null,
          },
    exact: exact / pairs.length,
    sequences,
    spans:
      together && sequences && entries !== null && areSpanTags(entries)
        ? scoreSpans(pairs.map(({ found, wanted }) => [words(found), words(wanted)] as const))
        : null,
  };
}

/** `target`: named where a model has several. */
export function labelMeasures(
  { accuracy, errors, bleu, exact, sequences, spans }: LabelScores,
  target: string | null,
): readonly Measure[] {
  const measure = (key: string, name: string, value: number): Measure =>
    target === null
      ? makeMeasure(key, name, value)
      : makeMeasure(`${key}_${target}`, `${name} of ${target}`, value);
  return [
    ...(spans === null
      ? []
      : [
          measure("f1", "F1 of spans", spans.f1),
          measure("precision", "precision", spans.precision),
          measure("recall", "recall", spans.recall),
        ]),
    ...(errors === null
      ? []
      : [measure(rateNames[errors.unit].key, rateNames[errors.unit].name, errors.labels)]),
    ...(errors === null || errors.words === null
      ? []
      : [measure(rateNames.word.key, rateNames.word.name, errors.words)]),
    ...(bleu === null ? [] : [measure("bleu", "BLEU", bleu)]),
    ...(accuracy === null ? [] : [measure("accuracy", "accuracy", accuracy)]),
    ...(sequences || accuracy === null ? [measure("exact", "whole sequences right", exact)] : []),
  ];
}

/** As recognisers are measured. */
const rateNames = {
  character: { key: "cer", name: "character error rate" },
  word: { key: "wer", name: "word error rate" },
  label: { key: "ler", name: "label error rate" },
} as const;

/** The task's own: F1 of spans, else accuracy, else an error rate, else whole sequences. */
export function labelScore({ accuracy, errors, exact, spans }: LabelScores): Score {
  const score = (key: string, name: string, value: number): Score => ({
    ...makeMeasure(key, name, value),
    loss: 1 - value,
  });
  return spans !== null
    ? score("f1", "F1", spans.f1)
    : accuracy !== null
      ? score("accuracy", "accuracy", accuracy)
      : errors !== null
        ? {
            ...makeMeasure(rateNames[errors.unit].key, rateNames[errors.unit].name, errors.labels),
            loss: errors.labels,
          }
        : score("exact", "whole sequences", exact);
}
