/** How a model makes its choices, from the command line: instead of what `decode { … }` of the program says. */
import { type Command } from "commander";
import type { DecodeOptions } from "../runtime/decode-options.ts";
import type { Metadata } from "../runtime/metadata.ts";
import { misuse } from "./failure.ts";
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

/** The options that a prediction of this model takes; others are a mistake of usage, whatever the data. */
export function predictionChoices(options: ChoiceOptions, metadata: Metadata): DecodeOptions {
  const choices = choicesOf(options);
  const { name, generation, cannotGenerate, outputs, unbounded } = metadata;
  if (generation?.step === "next" || cannotGenerate !== null) return choices;
  const spells = outputs.some(({ spelling }) => spelling);
  const known = ["seed", ...(spells ? ["beam"] : []), ...(unbounded.length > 0 ? ["max"] : [])];
  const asked = Object.keys(choices).find((key) => !known.includes(key));
  if (asked === undefined) return choices;
  const option = `\`--${asked.replace(/\p{Lu}/gu, (letter) => `-${letter.toLowerCase()}`)}\``;
  if (generation)
    throw misuse(
      `\`${name}\` makes choices only where it makes up a text, so ${option} has no use here.`,
      `\`rnnc sample\` makes texts, and takes ${option}.`,
    );
  throw misuse(
    `\`${name}\` makes no choices that it reads again, so ${option} has no use.`,
    spells
      ? "Its paths spell labels: `--beam N` searches among these."
      : "Programs that choose are those with `prev(…)` under an output layer, and `next(…)` in `rnnc sample`; with `ctc` and `decode { beam(4) }`, `--beam N` searches the labels; `crf` gives the best ones without being asked.",
  );
}

export function choicesOf(options: ChoiceOptions): DecodeOptions {
  const { greedy, beam, lengthPenalty, exhaustive, viterbi } = options;
  const { temperature, topK, topP, seed, samples, max } = options;
  const searches = Object.entries({ greedy, beam, exhaustive, viterbi }).filter(([, value]) => value);
  if (searches.length > 1)
    throw misuse(`One strategy is used, not ${searches.map(([name]) => `\`--${name}\``).join(" and ")}.`);
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
