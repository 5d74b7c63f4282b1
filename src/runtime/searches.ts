/**
 * What searches among many labels or answers. It is handed to a model, so that packages of models without choices do not
 * carry it.
 */
import type { Batch } from "./batch.ts";
import { bounded } from "./bounded.ts";
import { choiceData } from "./choice-data.ts";
import { answer, chooses, generate, withAnswers } from "./generate.ts";
import type { ModelCore, Outputs, PredictOptions } from "./model.ts";
import type { SearchOptions } from "./prefix-beam.ts";
import { candidatesOf } from "./risk.ts";
import { findLabels, type LabelledHypothesis, readSpelled, spellingOf } from "./spellings.ts";
import { replaceUnknown } from "./unknown-words.ts";

/** What a model gives for a batch: its own answers, or the likeliest labels, or what is computed. */
function resultsOf(core: ModelCore, given: Batch, options: PredictOptions): Outputs {
  const { metadata } = core.of;
  const batch = bounded(core.of, given, options.max);
  if (chooses(metadata, batch, options)) return answersOf(core, batch, options);
  const width = options.beam === undefined ? {} : { width: options.beam };
  return core.outputsOf(batch, (...given) => readSpelled(...given, width), options.seed);
}

/**
 * Its own choices; what else the model gives is computed with them as given, and so are the states that `stateful` layers go
 * on from the next time.
 */
function answersOf(core: ModelCore, batch: Batch, { replaceUnk, ...options }: PredictOptions): Outputs {
  const { machine, of, outputsOf } = core;
  const { outputs, generation, states } = of.metadata;
  const before = states.length > 0 ? core.states(batch.count) : null;
  const chosen = answer(machine, of, batch, options, before);
  const table = typeof replaceUnk === "object" ? replaceUnk : new Map<string, string>();
  const found = replaceUnk ? replaceUnknown(core, batch, chosen, table) : chosen;
  const own = { [generation!.output]: found };
  if (outputs.length === 1 && states.length === 0) return own;
  core.goOnFrom(before);
  return { ...outputsOf(bounded(of, withAnswers(of, batch, chosen), options.max), readSpelled), ...own };
}

function hypotheses(
  { machine, of, outputsOf }: ModelCore,
  batch: Batch,
  options?: SearchOptions,
): readonly LabelledHypothesis[] | readonly (readonly LabelledHypothesis[])[] {
  const info = spellingOf(of.metadata);
  // What the run leaves is searched, rather than read.
  outputsOf(bounded(of, batch), () => []);
  const found = findLabels(machine, of, info, batch, options);
  return batch.single ? found[0]! : found;
}

export const searches = { candidatesOf, choiceData, generate, hypotheses, resultsOf };
export type Searches = typeof searches;
