/**
 * Measures of models of the next character or word. Their loss is in nats a step: its exponential is the perplexity, in
 * units of ln 2 it is bits for each character or word.
 */
import { endEntry, splitCharacters, splitWords, type Vocabulary } from "../../runtime/vocabulary.ts";
import type { Model } from "../../runtime/load.ts";
import type { EncodedRecord } from "../data/examples.ts";
import type { Field } from "../data/field.ts";
import type { DataRecord } from "../data/record.ts";
import { textsOf } from "../data/vocabularies.ts";
import { makeMeasure, type Measure, type Score } from "./score.ts";

export type Unit = "character" | "word";

/** The unit if the model is one of what comes next, and nothing else. */
export function languageUnit({ metadata }: Pick<Model, "metadata">, fields: readonly Field[]): Unit | null {
  const [output] = metadata.outputs;
  const derived = metadata.data.some(({ derived }) => derived?.kind === "next");
  if (!derived || metadata.outputs.length !== 1 || output!.meaning !== "probabilities") return null;
  const base = fields.find(({ name }) => name === output!.target)?.base;
  return base === "char" ? "character" : base === "token" ? "word" : null;
}

/** `loss`: in nats a step. */
export const languageMeasures = (loss: number, unit: Unit): readonly Measure[] => [
  makeMeasure("perplexity", "perplexity", Math.exp(loss), 3),
  makeMeasure(`bits_per_${unit}`, `bits per ${unit}`, loss / Math.LN2),
];

export const perplexity = (loss: number): Score => ({
  ...makeMeasure("perplexity", "perplexity", Math.exp(loss), 3),
  loss,
});

/** The loss averages over the steps of each example; here every step counts alike, so examples of one length go together. */
export function stepLoss(
  examples: readonly EncodedRecord[],
  evaluate: (some: readonly EncodedRecord[]) => number,
): { readonly loss: number; readonly steps: number } {
  const byLength = new Map<number, EncodedRecord[]>();
  for (const example of examples) {
    const same = byLength.get(example.length);
    if (same === undefined) byLength.set(example.length, [example]);
    else same.push(example);
  }
  let [sum, steps] = [0, 0];
  for (const [length, same] of byLength)
    for (let from = 0; from < same.length; from += 32) {
      const some = same.slice(from, from + 32);
      sum += evaluate(some) * length * some.length;
      steps += length * some.length;
    }
  return { loss: sum / steps, steps };
}

/** How much of what a model reads its vocabulary does not know; null where all is numbers. */
export function unknownMeasure(
  vocabularies: ReadonlyMap<string, Vocabulary>,
  records: readonly DataRecord[],
  fields: readonly Field[],
): Measure | null {
  let [unknown, all, words] = [0, 0, false];
  for (const field of fields) {
    const known = vocabularies.get(field.vocabulary ?? "");
    if (field.role !== "input" || known === undefined || known.unknown < 0) continue;
    const characters = field.base === "char";
    words ||= !characters;
    for (const record of records)
      for (const text of textsOf(record, field))
        for (const entry of typeof text === "string"
          ? (characters ? splitCharacters : splitWords)(text)
          : text) {
          all++;
          if (!known.has(entry) && entry !== endEntry) unknown++;
        }
  }
  return all === 0
    ? null
    : makeMeasure("unknown", `unknown ${words ? "words" : "characters"}`, unknown / all);
}
