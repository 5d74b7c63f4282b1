/** Texts that a model of what comes next makes up, and answers of a model that reads its own choices. */
import { assemble, type Batch, type DataSpecs } from "./batch.ts";
import { searchBeams } from "./beam.ts";
import { endOf } from "./choice-data.ts";
import { type Decoder, openDecoder } from "./decoder.ts";
import { type DecodeOptions, type Decoding, decodingOf, searchOf } from "./decode-options.ts";
import { encodeExample, type Example, type Value } from "./encode.ts";
import { fail, names } from "./errors.ts";
import { itemsOf, rowsOf } from "./items.ts";
import type { Machine, States } from "./machine.ts";
import type { GenerationInfo, Metadata } from "./metadata.ts";
import { makeResult, type Nested, type Result } from "./results.ts";
import { choose } from "./sample.ts";
import { chooseAll, chooseSteps, type Chooser, type Hypothesis, type Search } from "./search.ts";
import { searchChains } from "./viterbi.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** What a decoder chose for one example: ids, and by `labels()` the entries of the vocabulary. */
export interface Answer extends Result {
  /** The entries as one text: characters side by side, words with blanks between. */
  readonly text: () => string;
  /** The logarithm of its probability, of a beam divided by its length penalty. */
  readonly score: number;
  readonly logProbability: number;
  /** False where it was cut off. */
  readonly ended: boolean;
}

/** The first of `best`. */
export interface Decoded extends Answer {
  /** All answers found: of a beam the best first, of samples in the order of their drawing. */
  readonly best: readonly Answer[];
}

/** Whether a prediction is left to the model's own choices. */
export function chooses(
  { generation, data, outputs, cannotGenerate, unbounded }: Metadata,
  { columns }: Batch,
  { forced, ...decoding }: DecodeOptions & { readonly forced?: boolean },
): boolean {
  if (cannotGenerate && !columns.has(cannotGenerate.data)) fail(cannotGenerate.why);
  if (generation?.step !== "next") {
    const spells = outputs.some(({ spelling }) => spelling);
    const known = ["seed", ...(spells ? ["beam"] : []), ...(unbounded.length > 0 ? ["max"] : [])];
    const [asked] = Object.keys(decoding).filter((key) => !known.includes(key));
    if (asked !== undefined) fail(`\`${asked}\` is for models that read their own choices, by \`prev(…)\``);
    return false;
  }
  const given = columns.has(generation.data);
  if (forced && !given)
    fail(`\`${generation.data}\` is missing, to be read in place of the model's own choices`);
  const isInput = data.some(({ name, role }) => name === generation.data && role === "input");
  return !(forced ?? (given && !isInput));
}

/** The batch with the answers as what is read in place of choices; what is given stays as it is. */
export function withAnswers(of: DataSpecs, batch: Batch, answers: readonly Answer[]): Batch {
  const info = of.metadata.generation!;
  if (batch.columns.has(info.data)) return batch;
  const end = endOf(of, info);
  const column = answers.map((answer) => {
    const several = info.within !== null;
    const rows = (several ? answer.nested() : [answer.nested()]) as readonly (readonly number[])[];
    return rowsOf(answer.ended && end >= 0 ? rows.map((ids) => [...ids, end]) : rows, several);
  });
  const { single, fresh, ids } = batch;
  return assemble(of, new Map([...batch.columns, [info.data, column]]), single, { fresh, ids });
}

/** An answer for each example of a batch of inputs. `states`: what `stateful` layers go on from. */
export function answer(
  machine: Machine,
  of: DataSpecs,
  batch: Batch,
  options: DecodeOptions,
  states: States | null = null,
): readonly Decoded[] {
  const info = generationOf(machine);
  const vocabulary = vocabularyOf(of, info);
  const end = endOf(of, info);
  const decoding = decodingOf(machine.metadata.decode, options, { step: info.step, end }, vocabulary);
  const items = itemsOf(of, batch, info);
  const decoder = openDecoder(machine, of, batch, { states });
  const found = hypotheses(decoder, searchOf(decoding, items, batch), decoding, info);
  decoder.close();
  const output = machine.metadata.outputs.find(({ name }) => name === info.output)!;
  const between = of.specs.get(info.data)!.info.base === "char" ? "" : " ";
  const copied = output.copies === null ? null : batch.columns.get(output.copies)!;
  const joined = (entries: Nested<string | number>, levels: readonly string[]): string =>
    Array.isArray(entries)
      ? entries.map((entry) => joined(entry as Nested<string | number>, levels.slice(1))).join(levels[0])
      : String(entries);
  const separators = info.within === null ? [between] : ["\n", between];
  const shown = (parts: readonly Hypothesis[], example: number): Answer => {
    const sum = (of: "score" | "logProbability"): number =>
      parts.reduce((total, part) => total + part[of], 0);
    const { data, shape, inner } = rowsOf(
      parts.map(({ ids }) => ids),
      info.within !== null,
      -1,
    );
    const words = withWords(vocabulary, copied?.[example]?.words ?? []);
    const result = makeResult({ ...output, meaning: "labels" }, data, shape, words, inner);
    return {
      ...result,
      text: () => joined(result.labels(), separators),
      score: sum("score"),
      logProbability: sum("logProbability"),
      ended: parts.every(({ ended }) => ended),
    };
  };
  return Array.from({ length: batch.count }, (_, example) => {
    const parts = found.filter((_, item) => items[item]!.example === example);
    // Of a document each sentence has its own best answers; the best of all is one of them together.
    const best = info.within === null ? parts[0]!.map((one) => [one]) : [parts.map(([one]) => one!)];
    const answers = best.map((one) => shown(one, example));
    return { ...answers[0]!, best: answers };
  });
}

/** Beyond the vocabulary's entries lie the words of a source. */
const withWords = (vocabulary: Vocabulary | null, words: readonly string[]): Vocabulary | null =>
  vocabulary && words.length > 0 ? { ...vocabulary, entries: [...vocabulary.entries, ...words] } : vocabulary;

function hypotheses(
  decoder: Decoder,
  search: Search,
  decoding: Decoding,
  info: GenerationInfo,
): readonly (readonly Hypothesis[])[] {
  const { strategy, width, penalty, samples } = decoding;
  switch (strategy) {
    case "greedy":
    case "sample":
      return chooseAll(decoder, search, chooser(decoding), strategy === "sample" ? samples : 1);
    case "beam":
      return searchBeams(decoder, search, { width, keep: width, penalty });
    case "exhaustive":
      return searchBeams(decoder, search, { width: Infinity, keep: 1, penalty: 0 });
    case "viterbi":
      checkChain(info);
      return searchChains(decoder, search);
    default:
      return strategy satisfies never;
  }
}

/** Each sample has its own random numbers; an example has the same in every batch. */
const chooser =
  (decoding: Decoding): Chooser =>
  (probabilities, position, sample) =>
    choose(probabilities, { ...decoding, seed: (decoding.seed ?? 0) + sample * 0x9e3779b9 }, position);

/** The step's number is no memory: it is the same whatever was chosen. */
function checkChain({ states }: GenerationInfo): void {
  const memory = states.filter((name) => !name.endsWith("state:position"));
  if (memory.length > 0)
    fail(
      `\`viterbi\` is for models that remember their last choice alone; this one has the ` +
        `states ${names(memory.map((name) => name.replace(/^.*state:/u, "")))}: use a beam`,
    );
}

// ---- texts --------------------------------------------------------------------------------------------------------

export interface GenerateOptions extends DecodeOptions {
  /** What comes before, as text or ids. Default: `<eos>`, as at the start of a text. */
  readonly prompt?: Value;
  /** The same as `max`. */
  readonly length?: number;
}

/** Entries that a language model makes up after a prompt: words, characters, or ids where there is no vocabulary. */
export function* generate(
  machine: Machine,
  of: DataSpecs,
  options: GenerateOptions,
): Generator<string | number, void> {
  const info = generationOf(machine);
  if (info.step !== "step") fail(`this model answers its inputs: \`${info.data}\` comes from \`predict\``);
  const vocabulary = vocabularyOf(of, info);
  const given = options.length === undefined ? options : { ...options, max: options.length };
  const decoding = decodingOf(machine.metadata.decode, given, { step: info.step, end: -1 }, vocabulary);
  const prompt = promptOf(of, info, options.prompt, vocabulary);
  const single: Example = { data: prompt.slice(0, 1), shape: [1], inner: new Map() };
  const batch = assemble(of, new Map([[info.data, [single]]]), true, {});
  const decoder = openDecoder(machine, of, batch, { prompt: [...prompt] });
  const search = searchOf(decoding, [{ example: 0, place: 0, length: null }], batch);
  const entry = (id: number): string | number => vocabulary?.entries[id] ?? id;
  try {
    if (decoding.strategy === "greedy" || decoding.strategy === "sample") {
      for (const [id] of chooseSteps(decoder, search, chooser(decoding)))
        if (id !== search.stop) yield entry(id!);
    } else {
      const [found] = hypotheses(decoder, search, decoding, info);
      yield* found![0]!.ids.map(entry);
    }
  } finally {
    decoder.close();
  }
}

function promptOf(
  of: DataSpecs,
  { data }: GenerationInfo,
  prompt: Value | undefined,
  vocabulary: Vocabulary | null,
): Int32Array {
  const list = typeof prompt === "number" ? [prompt] : (prompt ?? []);
  const { data: ids } = encodeExample(of.specs.get(data)!, list, "prompt");
  if (ids.length > 0) return Int32Array.from(ids);
  return vocabulary && vocabulary.end >= 0
    ? Int32Array.of(vocabulary.end)
    : fail(`a prompt is wanted, for the vocabulary has no ${names(["<eos>"])} to start from`);
}

function generationOf({ metadata }: Machine): GenerationInfo {
  return (
    metadata.generation ??
    fail(
      metadata.cannotGenerate?.why ??
        "only a model of one sequence that predicts what comes next in it can generate",
    )
  );
}

const vocabularyOf = (of: DataSpecs, { data }: GenerationInfo): Vocabulary | null =>
  of.specs.get(data)!.vocabulary;
