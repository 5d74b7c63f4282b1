/** How choices are made: what `decode { … }` of the program says, and what a caller says instead. */
import type { Batch } from "./batch.ts";
import { lengthFrom } from "./bounded.ts";
import { fail } from "./errors.ts";
import type { Item } from "./items.ts";
import type { DecodeInfo, GenerationInfo, LengthInfo } from "./metadata.ts";
import type { SampleOptions } from "./sample.ts";
import type { Search } from "./search.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface DecodeOptions extends Omit<SampleOptions, "avoid"> {
  /** Draw, as many answers of each example as said; the other options of drawing imply it. */
  readonly samples?: number;
  /** Go on with so many beginnings at once. */
  readonly beam?: number;
  /** The α of Wu et al. 2016: above 0 favours long answers of a beam. Default 0. */
  readonly lengthPenalty?: number;
  /** Look at all answers that could be the best: exact, for small vocabularies. */
  readonly exhaustive?: boolean;
  /** Exact for models that remember their last choice alone. */
  readonly viterbi?: boolean;
  /** At most so many choices, the end among them. Default 200. */
  readonly max?: number;
  /** Entries (or ids) that are never chosen. */
  readonly avoid?: readonly (string | number)[];
  /** The entry (or id) that ends a sequence and is not part of it; null: none. */
  readonly stop?: string | number | null;
}

export type Strategy = "greedy" | "sample" | "beam" | "exhaustive" | "viterbi";

const strategies: readonly string[] = ["greedy", "sample", "beam", "exhaustive", "viterbi"];

/** All that a search needs to know, each option with its value. */
export interface Decoding extends SampleOptions {
  readonly strategy: Strategy;
  readonly width: number;
  readonly samples: number;
  readonly penalty: number;
  readonly max: number | LengthInfo;
  /** An id; -1: none. */
  readonly stop: number;
  readonly avoid: readonly number[];
}

export function decodingOf(
  own: readonly DecodeInfo[],
  given: DecodeOptions,
  { step, end }: { readonly step: GenerationInfo["step"]; readonly end: number },
  vocabulary: Vocabulary | null,
): Decoding {
  const said = own.find(({ kind }) => strategies.includes(kind));
  const strategy = strategyOf(given) ?? (said?.kind as Strategy) ?? (step === "step" ? "sample" : "greedy");
  // What belongs to another strategy than the one used does not count.
  const same = said?.kind === strategy;
  const option = (name: string, shared = false) => (same || shared ? said?.options[name] : undefined);
  const number = (name: string): number | undefined => {
    const value = option(name);
    return typeof value === "number" ? value : undefined;
  };
  const word = (name: string): string | number | undefined => {
    const value = option(name, true);
    return typeof value === "object" ? undefined : value;
  };
  const id = idIn(vocabulary);
  const max = given.max ?? option("max", true);
  const avoid = given.avoid ?? [word("avoid")].filter((entry) => entry !== undefined);
  const stop = given.stop === undefined ? word("stop") : given.stop;
  const width = given.beam ?? number("n") ?? 4;
  const samples = given.samples ?? 1;
  if (!(Number.isInteger(width) && width >= 1)) fail(`a beam is 1 wide or more, not ${width}`);
  if (!(Number.isInteger(samples) && samples >= 1)) fail(`there can be 1 sample or more, not ${samples}`);
  return {
    strategy,
    width,
    samples,
    penalty: given.lengthPenalty ?? number("length_penalty") ?? 0,
    greedy: strategy === "greedy",
    temperature: given.temperature ?? number("temperature"),
    topK: given.topK ?? number("top_k"),
    topP: given.topP ?? number("top_p"),
    seed: given.seed,
    max: typeof max === "number" || typeof max === "object" ? max : 200,
    stop: stop === undefined ? end : stop === null ? -1 : (id(stop) ?? -1),
    avoid: avoid.map(id).filter((x) => x !== null),
  };
}

/** The strategy that the caller asks for, if any. */
function strategyOf(given: DecodeOptions): Strategy | null {
  const asked: readonly Strategy[] = [
    ...(given.greedy ? (["greedy"] as const) : []),
    ...(given.beam !== undefined ? (["beam"] as const) : []),
    ...(given.exhaustive ? (["exhaustive"] as const) : []),
    ...(given.viterbi ? (["viterbi"] as const) : []),
  ];
  if (asked.length > 1) fail(`one strategy is used, not ${asked.map((name) => `\`${name}\``).join(" and ")}`);
  if (asked[0]) return asked[0];
  // Who gives a temperature or the like wants draws.
  const draws = [given.temperature, given.topK, given.topP, given.samples].some((x) => x !== undefined);
  return draws ? "sample" : null;
}

/** `eos` and `unk` are short for the special entries; null where the vocabulary lacks them. */
const idIn =
  (vocabulary: Vocabulary | null) =>
  (entry: string | number): number | null => {
    if (typeof entry === "number") return entry;
    if (!vocabulary) return fail(`there is no vocabulary that would tell which entry \`${entry}\` is`);
    if (vocabulary.has(entry)) return vocabulary.id(entry);
    const special = entry === "eos" ? vocabulary.end : entry === "unk" ? vocabulary.unknown : null;
    if (special === null) fail(`\`${entry}\` is not in the vocabulary`);
    return special < 0 ? null : special;
  };

/** Where each item of a batch ends. */
export function searchOf(
  { stop, avoid, max }: Decoding,
  items: readonly Item[],
  batch: Pick<Batch, "lengths">,
): Search {
  const whole = stop < 0 && items.every(({ length }) => length !== null);
  return {
    stop,
    avoid: new Set(avoid),
    most: items.map((item) => (whole ? item.length! : Math.max(1, lengthFrom(max, batch, item.example)))),
    whole,
  };
}
