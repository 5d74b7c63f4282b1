/** Labels that paths spell, from what a prediction left of the paths. */
import type { DataSpecs } from "./batch.ts";
import { fail } from "./errors.ts";
import type { Machine } from "./machine.ts";
import type { BufferInfo, Metadata, OutputInfo, SpellingInfo } from "./metadata.ts";
import { type Hypothesis, prefixBeam, type SearchOptions } from "./prefix-beam.ts";
import { makeResult, readDense, readOutput, type Result, type Sized } from "./results.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** What an output is for each example; of labels that paths spell the likeliest, as `decode { beam(n) }` finds them. */
export function readSpelled(
  machine: Machine,
  info: OutputInfo,
  buffer: BufferInfo,
  batch: Sized,
  vocabulary: Vocabulary | null,
  options: SearchOptions = {},
): Result[] {
  if (!info.spelling) return readOutput(machine, info, buffer, batch, vocabulary);
  return findHypotheses(machine, info.spelling, info, batch, options).map((list): SpelledResult => {
    const ids = Int32Array.from(list[0]?.ids ?? []);
    const hypotheses = list.map((one) => labelled(one, vocabulary));
    return { ...makeResult(info, ids, [ids.length], vocabulary), hypotheses };
  });
}

/** The first of all that was found. */
export interface SpelledResult extends Result {
  readonly hypotheses: readonly LabelledHypothesis[];
}

export interface LabelledHypothesis extends Hypothesis {
  /** Words where there is a vocabulary, else ids. */
  readonly labels: readonly (string | number)[];
}

type Spelled = OutputInfo & { readonly spelling: SpellingInfo };

/** The output whose labels paths spell. */
export function spellingOf({ outputs }: Metadata): Spelled {
  return (
    outputs.find((info): info is Spelled => info.spelling !== null) ??
    fail(
      "the model does not leave what a search for labels needs: give it `decode { beam(8) }`, under an output layer such as `ctc`, and build it again",
    )
  );
}

export function findLabels(
  machine: Machine,
  of: DataSpecs,
  info: Spelled,
  batch: Sized,
  options: SearchOptions = {},
): (readonly LabelledHypothesis[])[] {
  const vocabulary = of.vocabularies.get(info.vocabulary?.of ?? "") ?? null;
  return findHypotheses(machine, info.spelling, info, batch, options).map((list) =>
    list.map((one) => labelled(one, vocabulary)),
  );
}

const labelled = (one: Hypothesis, vocabulary: Vocabulary | null): LabelledHypothesis => ({
  ...one,
  labels: one.ids.map((id) => vocabulary?.entries[id] ?? id),
});

/** Searches for the labels of each example. */
function findHypotheses(
  machine: Machine,
  { emissions, classes, blank }: SpellingInfo,
  { axes }: Pick<OutputInfo, "axes">,
  batch: Sized,
  options: SearchOptions = {},
): (readonly Hypothesis[])[] {
  const own = machine.metadata.decode.find(({ kind }) => kind === "beam")?.options["n"];
  const width = options.width ?? (typeof own === "number" ? own : undefined);
  const buffer = machine.buffer(emissions) ?? fail(`the module has no buffer \`${emissions}\``);
  return readDense(machine, { axes }, buffer, batch).map(({ data }) =>
    prefixBeam(data, classes, blank, { ...options, ...(width === undefined ? {} : { width }) }),
  );
}
