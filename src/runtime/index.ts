/** What ships beside an emitted module, and what the library exports of it. */
export type { Batch, Inputs } from "./batch.ts";
export type { ChunkOptions, Sequences } from "./chunks.ts";
export type { Position } from "./checkpoint.ts";
export type { DecodeOptions } from "./decode-options.ts";
export type { Dense, Value } from "./encode.ts";
export { RnncError } from "./errors.ts";
export type { Answer, Decoded, GenerateOptions } from "./generate.ts";
export { type LabelledHypothesis, load, type LoadOptions, type Model, type PredictOptions } from "./load.ts";
export type { States } from "./machine.ts";
export type { Metadata, PeakMemory } from "./metadata.ts";
export { openPackage, type PackageOptions, type PackageParts } from "./open-package.ts";
export { ngram, type NgramOptions } from "./ngram.ts";
export { type Hypothesis, prefixBeam, type Scorer, type SearchOptions } from "./prefix-beam.ts";
export type { Nested, Result } from "./results.ts";
export { choose, draw, type SampleOptions } from "./sample.ts";
export { peakBytes } from "./peak-bytes.ts";
export { inSegments } from "./segments.ts";
export { readSafetensors, type Safetensors, type Tensor, writeSafetensors } from "./safetensors.ts";
export type { Stream, StreamOptions } from "./stream.ts";
export type {
  BatchSettings,
  EpochReport,
  Evaluation,
  RunSettings,
  StepReport,
  Trainer,
  TrainerOptions,
} from "./trainer.ts";
export {
  characterVocabulary,
  decode,
  encode,
  endEntry,
  splitCharacters,
  splitWords,
  unknownEntry,
  vocabulary,
  type Vocabulary,
  type VocabularyOptions,
  wordVocabulary,
} from "./vocabulary.ts";
