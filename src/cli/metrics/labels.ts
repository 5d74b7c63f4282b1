/**
 * How well labels are predicted: accuracy over all of them, of sequences also the share that is right as a whole, and of
 * tags of spans their F1.
 */
import { areSpanTags, scoreSpans, type SpanScores } from "./spans.ts";
import { makeMeasure, type Measure, type Score } from "./score.ts";

/** Ids of the labels of one example. */
export type Labels = ArrayLike<number>;

export interface LabelScores {
  /** Null where the lengths of found and wanted sequences differ. */
  readonly accuracy: number | null;
  /** The share of examples with every label right. */
  readonly exact: number;
  readonly sequences: boolean;
  readonly spans: SpanScores | null;
}

export interface LabelPair {
  readonly found: Labels;
  readonly wanted: Labels;
}

/** `entries`: what the ids stand for; null where they are numbers. `sequences`: an example has many labels. */
export function scoreLabels(
  pairs: readonly LabelPair[],
  { entries, sequences }: { readonly entries: readonly string[] | null; readonly sequences: boolean },
): LabelScores {
  let [right, all, exact, aligned] = [0, 0, 0, true];
  for (const { found, wanted } of pairs) {
    let same = 0;
    for (let k = 0; k < wanted.length; k++) if (found[k] === wanted[k]) same++;
    aligned &&= found.length === wanted.length;
    if (found.length === wanted.length && same === wanted.length) exact++;
    right += same;
    all += wanted.length;
  }
  const words = (ids: Labels): readonly string[] => Array.from(ids, (id) => entries?.[id] ?? "");
  return {
    accuracy: aligned && all > 0 ? right / all : null,
    exact: exact / pairs.length,
    sequences,
    spans:
      aligned && sequences && entries !== null && areSpanTags(entries)
        ? scoreSpans(pairs.map(({ found, wanted }) => [words(found), words(wanted)] as const))
        : null,
  };
}

/** `target`: named where a model has several. */
export function labelMeasures(
  { accuracy, exact, sequences, spans }: LabelScores,
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
    ...(accuracy === null ? [] : [measure("accuracy", "accuracy", accuracy)]),
    ...(sequences || accuracy === null ? [measure("exact", "whole sequences right", exact)] : []),
  ];
}

/** The task's own: F1 of spans, else accuracy, else whole sequences. */
export function labelScore({ accuracy, exact, spans }: LabelScores): Score {
  const score = (key: string, name: string, value: number): Score => ({
    ...makeMeasure(key, name, value),
    loss: 1 - value,
  });
  return spans !== null
    ? score("f1", "F1", spans.f1)
    : accuracy !== null
      ? score("accuracy", "accuracy", accuracy)
      : score("exact", "whole sequences", exact);
}
