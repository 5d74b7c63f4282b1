/**
 * Decoding one entry at a time: the most probable, or drawn at a temperature, from the `topK` most probable or the
 * smallest set that holds `topP` of the probability (nucleus sampling, Holtzman et al. 2020).
 *
 * Draws are a function of seed and position, so the same seed gives the same text on every machine.
 */
import type { Value } from "./encode.ts";
import { fail, names } from "./errors.ts";
import type { Model } from "./load.ts";
import type { DecodeInfo } from "./metadata.ts";
import { highest } from "./results.ts";
import { splitCharacters, splitWords, type Vocabulary } from "./vocabulary.ts";

export interface SampleOptions {
  /** Take the most probable entry, the lowest id among equals, instead of drawing. */
  readonly greedy?: boolean;
  /** Below 1 sharpens the distribution, above 1 flattens it. 0 is greedy. Default 1. */
  readonly temperature?: number;
  /** Only the so many most probable entries. */
  readonly topK?: number;
  /** Only the most probable entries that together have this probability. */
  readonly topP?: number;
  /** Ids that are never chosen. */
  readonly avoid?: readonly number[];
  /** Default 0. */
  readonly seed?: number;
}

export interface GenerateOptions extends Omit<SampleOptions, "avoid"> {
  /** What comes before, as text or ids. Default: `<eos>`, as at the start of a text. */
  readonly prompt?: Value;
  /** At most so many entries. Default 200. */
  readonly length?: number;
  /** Entries (or ids) that are never chosen. */
  readonly avoid?: readonly (string | number)[];
  /** An entry (or id) that ends the text and is not part of it; null: none. */
  readonly stop?: string | number | null;
}

/** A number in [0, 1) from a seed and a position: two rounds of the finaliser of MurmurHash3. */
export function draw(seed: number, position: number): number {
  const mix = (x: number): number => {
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return x ^ (x >>> 16);
  };
  return (mix(mix(seed + 0x9e3779b9) + Math.imul(position + 1, 0x9e3779b9)) >>> 0) / 2 ** 32;
}

/** The id chosen at a position. `probabilities` need not sum to 1. */
export function choose(probabilities: ArrayLike<number>, options: SampleOptions, position: number): number {
  const { temperature = 1, topK = Infinity, topP = 1, avoid = [], seed = 0 } = options;
  if (!(temperature >= 0)) fail(`a temperature is 0 or more, not ${temperature}`);
  if (!(topK >= 1)) fail(`top_k is 1 or more, not ${topK}`);
  if (!(topP > 0)) fail(`top_p is more than 0, not ${topP}`);
  const weights = Float64Array.from(probabilities);
  if (weights.some(Number.isNaN)) fail("the probabilities are not numbers (NaN): the training has diverged");
  for (const id of avoid) weights[id] = 0;
  const best = highest(weights, 0, weights.length);
  if (options.greedy || temperature === 0) return best;
  // Relative to the largest, so that a low temperature leaves at least that one.
  const largest = weights[best]!;
  const powered = weights.map((p) => (p > 0 ? (p / largest) ** (1 / temperature) : 0));
  const all = Array.from(powered, (_, id) => id);
  const cut = topK < all.length || topP < 1;
  if (cut) all.sort((a, b) => powered[b]! - powered[a]! || a - b);
  const kept = nucleus(all.slice(0, topK), powered, topP);
  const total = kept.reduce((sum, id) => sum + powered[id]!, 0);
  let rest = draw(seed, position) * total;
  for (const id of kept) {
    rest -= powered[id]!;
    if (rest < 0 && powered[id]! > 0) return id;
  }
  return best;
}

/** The first of the ids, most probable first, that together hold the share; at least one. */
function nucleus(ids: readonly number[], weights: ArrayLike<number>, share: number): readonly number[] {
  if (share >= 1) return ids;
  const wanted = share * ids.reduce((sum, id) => sum + weights[id]!, 0);
  let sum = 0;
  const end = ids.findIndex((id) => (sum += weights[id]!) >= wanted);
  return end < 0 ? ids : ids.slice(0, end + 1);
}

/** Entries that a language model makes up after a prompt: words, characters, or ids where there is no vocabulary. */
export function* generate(model: Model, options: GenerateOptions = {}): Generator<string | number, void> {
  const { metadata } = model;
  const output = metadata.outputs.find(
    (o) => o.meaning === "probabilities" && o.step !== null && o.vocabulary,
  );
  const inputs = metadata.data.filter(({ role }) => role === "input");
  const [input] = inputs;
  if (
    !output?.vocabulary ||
    !input?.vocabulary ||
    inputs.length > 1 ||
    input.vocabulary.of !== output.vocabulary.of
  )
    return fail("only a model of one sequence that predicts what comes next in it can generate");
  const vocabulary = model.vocabularies.get(output.vocabulary.of) ?? null;
  const settings = mergeDecode(metadata.decode, options);
  const id = idIn(vocabulary);
  const avoid = (settings.avoid ?? []).map(id).filter((x) => x !== null);
  const stop = settings.stop === undefined || settings.stop === null ? null : id(settings.stop);
  const stream = model.stream();
  let next: ArrayLike<number> = [];
  for (const entry of Array.from(promptOf(settings.prompt, input.base === "char", vocabulary)))
    next = stream.step(entry)[output.name]!;
  for (let position = 0; position < (settings.length ?? 200); position++) {
    const chosen = choose(next, { ...settings, avoid }, position);
    if (chosen === stop) return;
    yield vocabulary?.entries[chosen] ?? chosen;
    next = stream.step(chosen)[output.name]!;
  }
}

/** `eos` and `unk` are short for the special entries. */
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

function promptOf(
  prompt: Value | undefined,
  characters: boolean,
  vocabulary: Vocabulary | null,
): ArrayLike<Value> {
  const list = typeof prompt === "string" ? (characters ? splitCharacters : splitWords)(prompt) : prompt;
  if (list !== undefined && typeof list === "object" && "length" in list && list.length > 0)
    return list as ArrayLike<Value>;
  if (typeof list === "number") return [list];
  return vocabulary && vocabulary.end >= 0
    ? [vocabulary.end]
    : fail(`a prompt is wanted, for the vocabulary has no ${names(["<eos>"])} to start from`);
}

/** The model's `decode { greedy }` or `decode { sample(…) }`, overridden. */
function mergeDecode(decode: readonly DecodeInfo[], options: GenerateOptions): GenerateOptions {
  const own = decode.find(({ kind }) => kind === "sample" || kind === "greedy");
  const number = (name: string): number | undefined => {
    const value = own?.options[name];
    return typeof value === "number" ? value : undefined;
  };
  const { stop, avoid } = own?.options ?? {};
  const defaults: GenerateOptions = {
    greedy: own?.kind === "greedy",
    temperature: number("temperature"),
    topK: number("top_k"),
    topP: number("top_p"),
    stop,
    avoid: avoid === undefined ? [] : [avoid],
  };
  // Who gives a temperature or the like wants draws.
  const draws = [options.temperature, options.topK, options.topP].some((x) => x !== undefined);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return { ...defaults, greedy: defaults.greedy && !draws, ...given };
}
