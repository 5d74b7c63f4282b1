/** How a model makes its choices, from the command line: instead of what `decode { … }` of the program says. */
import { type Command } from "commander";
import type { DecodeOptions } from "../runtime/decode-options.ts";
import { numberBetween, seedOption, wholeNumber } from "./options.ts";

export interface ChoiceOptions {
  readonly greedy?: boolean;
  readonly beam?: number;
  readonly lengthPenalty?: number;
  readonly exhaustive?: boolean;
  readonly viterbi?: boolean;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed?: number;
  readonly samples?: number;
  readonly max?: number;
}

/** For models that answer. */
export function addChoices(command: Command): Command {
  return addDrawing(addSearches(command))
    .option("--samples <N>", "draw so many answers", wholeNumber(1))
    .option("--max <N>", "at most so many choices, the end among them", wholeNumber(1))
    .addOption(seedOption());
}

export function addSearches(command: Command): Command {
  return command
    .option("--greedy", "always take the likeliest")
    .option("--beam <N>", "go on with the N likeliest beginnings at once", wholeNumber(1))
    .option(
      "--length-penalty <X>",
      "above 0 a beam favours long answers (Wu et al. 2016)",
      numberBetween(0, 10),
    )
    .option("--exhaustive", "look at all answers: exact, for small vocabularies")
    .option("--viterbi", "exact for a model that remembers its last choice alone");
}

export function addDrawing(command: Command): Command {
  return command
    .option(
      "--temperature <X>",
      "below 1 more likely, above 1 more daring; 0 the likeliest",
      numberBetween(0, 100),
    )
    .option("--top-k <N>", "choose among the N likeliest", wholeNumber(1))
    .option("--top-p <P>", "choose among the likeliest that hold the share P", numberBetween(1e-6, 1));
}

export function choicesOf(options: ChoiceOptions): DecodeOptions {
  const { greedy, beam, lengthPenalty, exhaustive, viterbi } = options;
  const { temperature, topK, topP, seed, samples, max } = options;
  const all = {
    greedy,
    beam,
    lengthPenalty,
    exhaustive,
    viterbi,
    temperature,
    topK,
    topP,
    seed,
    samples,
    max,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
