/** The parts of a `.d.ts` about choices: texts that a model makes up, answers that it makes entry by entry. */

const decodeOptions = `/** How choices are made, in place of what the program's \`decode { … }\` says. */
export interface DecodeOptions {
  /** Take the most probable entry at each step. */
  readonly greedy?: boolean;
  /** Go on with so many beginnings at once. */
  readonly beam?: number;
  /** Above 0 a beam favours long answers (Wu et al. 2016). Default 0. */
  readonly lengthPenalty?: number;
  /** Look at all answers that could be the best: exact, for small vocabularies. */
  readonly exhaustive?: boolean;
  /** Exact for models that remember their last choice alone. */
  readonly viterbi?: boolean;
  /** Below 1 sharpens the distribution that is drawn from, above 1 flattens it; 0 is greedy. */
  readonly temperature?: number;
  /** Only the so many most probable entries. */
  readonly topK?: number;
  /** Only the most probable entries that together have this probability. */
  readonly topP?: number;
  /** At most so many choices, the end among them. Default 200. */
  readonly max?: number;
  /** Entries or ids that are never chosen. */
  readonly avoid?: readonly (string | number)[];
  /** An entry or id that ends a sequence and is not part of it; null: none. */
  readonly stop?: string | number | null;
  /** The same seed gives the same draws. Default 0. */
  readonly seed?: number;
}`;

export const generation = `${decodeOptions}

export interface GenerateOptions extends DecodeOptions {
  /** What comes before, as text or ids. Default: \`<eos>\`, as at the start of a text. */
  readonly prompt?: string | ArrayLike<number> | readonly (number | string)[];
  /** The same as \`max\`. */
  readonly length?: number;
}`;

/** `attends`: whether the model looks at the words of a source. */
export const answers = (attends: boolean): string => `${decodeOptions}

export interface AnswerOptions extends DecodeOptions {
  /** Draw so many answers. */
  readonly samples?: number;${
    attends
      ? `
  /** Each \`<unk>\` becomes the word of the source that was looked at most, or what the table has for it. */
  readonly replaceUnk?: boolean | ReadonlyMap<string, string>;`
      : ""
  }
}

/** What the model chose for one example, without the entry that ends it. */
export interface Answer<Labels, Shape extends readonly number[], Nested>
  extends Result<Int32Array, Shape, Nested>, Labelled<Labels> {
  /** Characters side by side, words with blanks between; of a document a line a sentence. */
  text(): string;
  /** The logarithm of its probability, of a beam divided by its length penalty. */
  readonly score: number;
  readonly logProbability: number;
  /** False where it was cut off. */
  readonly ended: boolean;
}

/** The first of \`best\`. */
export interface Decoded<Labels, Shape extends readonly number[], Nested> extends Answer<Labels, Shape, Nested> {
  /** Of a beam the best first, of samples in the order of their drawing. */
  readonly best: readonly Answer<Labels, Shape, Nested>[];
}`;

export const hypotheses = `export interface SearchOptions {
  /** How many beginnings are kept at each step. Default: what \`decode { beam(n) }\` says. */
  readonly width?: number;
  /** At most so many hypotheses are given. Default: \`width\`. */
  readonly best?: number;
  /** What a continuation is worth beyond the emissions: the logarithm of a (weighted) probability. \`null\`: the end. */
  readonly scorer?: (ids: readonly number[], next: number | null) => number;
}

/** One sequence of labels. */
export interface Hypothesis {
  readonly ids: readonly number[];
  /** Entries of the vocabulary where there is one, else ids. */
  readonly labels: readonly (string | number)[];
  /** The logarithm of the probability of all the paths that spell it, plus what the scorer adds. */
  readonly score: number;
  /** The step at which each label begins, on the likeliest path. */
  readonly times: readonly number[];
}`;

/** What a call gives: on a device, whose results have to come back, a promise of it. */
export const given = (type: string, onDevice: boolean): string => (onDevice ? `Promise<${type}>` : type);

export const searchingMethod = (
  onDevice: boolean,
): string => `  /** The likeliest labels of each example, best first. */
  hypotheses(inputs: Inputs, options?: SearchOptions): ${given("readonly Hypothesis[]", onDevice)};
  hypotheses(inputs: BatchInputs, options?: SearchOptions): ${given("readonly (readonly Hypothesis[])[]", onDevice)};
`;

/** `predict` of a model that answers; of an autoencoder the sequence that it makes is an input. */
export function answeringPredict(isInput: boolean, onDevice: boolean): string {
  const [outputs, batch, forced, forcedBatch] = [
    "Outputs",
    "BatchOutputs",
    "ForcedOutputs",
    "ForcedBatchOutputs",
  ].map((type) => given(type, onDevice));
  const reading = isInput
    ? `  /** With \`forced\` it reads the true entries in place of its own choices, and gives probabilities. */
  predict(inputs: Inputs, options: { readonly forced: true }): ${forced};
  predict(inputs: BatchInputs, options: { readonly forced: true }): ${forcedBatch};`
    : `  /** With the targets: probabilities after the true entries. */
  predict(inputs: Inputs & Targets): ${forced};
  predict(inputs: BatchInputs & BatchTargets): ${forcedBatch};`;
  return `${reading}
  /** Its own choices. Fails with an \`RnncError\` that says which input is wrong. */
  predict(inputs: Inputs, options?: AnswerOptions): ${outputs};
  predict(inputs: BatchInputs, options?: AnswerOptions): ${batch};`;
}
