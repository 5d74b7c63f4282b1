/**
 * What a training runs over: the batches of each epoch in their order, and the loss and the task's own measure on the
 * validation data. A model trained on chunks takes its long sequences in order, any other its examples shuffled by seed
 * and epoch.
 */
import type { Batch, DataSpecs } from "../../runtime/batch.ts";
import { cutChunks } from "../../runtime/chunks.ts";
import { RnncError } from "../../runtime/errors.ts";
import type { Value } from "../../runtime/encode.ts";
import type { Model } from "../../runtime/load.ts";
import type { Evaluation, Trainer } from "../../runtime/trainer.ts";
import { batchOf, encodeRecord, type EncodedRecord } from "../data/examples.ts";
import type { Field } from "../data/field.ts";
import { batchesOf } from "../data/order.ts";
import type { DataRecord } from "../data/record.ts";
import { Failure } from "../failure.ts";
import { labelScore } from "../metrics/labels.ts";
import { languageUnit, perplexity, stepLoss } from "../metrics/language.ts";
import { measuredOutputs, scoreOutputs } from "../metrics/outputs.ts";
import type { Score } from "../metrics/score.ts";

export interface Validation {
  readonly loss: number;
  /** The task's own measure, which then decides what is best; null where there is none, or several. */
  readonly score: Score | null;
}

export interface Course {
  readonly stepsPerEpoch: number;
  readonly batch: (epoch: number, index: number) => Batch;
  /** Null where nothing is kept for validation. */
  readonly validate: ((trainer: Trainer) => Validation) | null;
  /** What is counted for the speed, and how many of it a batch has. */
  readonly unit: string;
  readonly amount: (batch: Batch) => number;
  /** Which examples of a batch have an impossible target; empty where that can't be told one by one. */
  readonly impossible: (trainer: Trainer, batch: Batch) => readonly DataRecord[];
}

export interface CourseData {
  readonly specs: DataSpecs;
  readonly fields: readonly Field[];
  readonly train: readonly DataRecord[];
  readonly validation: readonly DataRecord[];
}

export const makeCourse = (model: Model, data: CourseData): Course =>
  data.specs.metadata.chunked ? chunkCourse(model, data) : exampleCourse(model, data);

function exampleCourse(model: Model, { specs, fields, train, validation }: CourseData): Course {
  const { batch: size, seed } = specs.metadata.train;
  const examples = train.map((record) => encodeRecord(specs, fields, record, true));
  const lengths = examples.map(({ length }) => length);
  let current = { epoch: -1, batches: batchesOf(lengths, size, seed, 0) };
  const checks = validation.map((record) => ({ record, example: encodeRecord(specs, fields, record, true) }));
  const held = checks.map(({ example }) => example);
  const { vocabularies } = specs.metadata;
  const unit = languageUnit(model, fields);
  const [only, ...others] = measuredOutputs(model);
  // To make answers takes many steps, so what makes them is judged by its loss.
  const answers = model.metadata.generation?.step === "next";
  const labels = only !== undefined && others.length === 0 && only.info.base !== "f32" && !answers;
  const score = (trainer: Trainer): Score | null => {
    if (unit !== null) return perplexity(stepLoss(held, (some) => lossOf(trainer, specs, some)).loss);
    if (!labels) return null;
    const [scores] = scoreOutputs(model, checks, fields, vocabularies, size);
    return scores?.labels ? labelScore(scores.labels) : null;
  };
  return {
    stepsPerEpoch: Math.ceil(examples.length / size),
    batch: (epoch, index) => {
      if (current.epoch !== epoch) current = { epoch, batches: batchesOf(lengths, size, seed, epoch) };
      const ids = current.batches[index]!;
      return batchOf(
        specs,
        ids.map((id) => examples[id]!),
        ids,
      );
    },
    validate:
      checks.length === 0
        ? null
        : (trainer) => ({ loss: meanLoss(trainer, specs, held, size).loss, score: score(trainer) }),
    unit: "examples",
    amount: ({ count }) => count,
    impossible: (trainer, { ids }) =>
      [...ids]
        .filter((id) => trainer.evaluate(batchOf(specs, [examples[id]!], [id])).impossible > 0)
        .map((id) => train[id]!),
  };
}

/** Of examples that go together in one batch. */
export const lossOf = (trainer: Trainer, specs: DataSpecs, examples: readonly EncodedRecord[]): number =>
  trainer.evaluate(
    batchOf(
      specs,
      examples,
      examples.map((_, k) => k),
    ),
  ).loss;

/** Over the examples whose target is possible, batch by batch. */
export function meanLoss(
  trainer: Trainer,
  specs: DataSpecs,
  examples: readonly EncodedRecord[],
  size: number,
): Evaluation {
  let [sum, count, impossible] = [0, 0, 0];
  for (let from = 0; from < examples.length; from += size) {
    const part = examples.slice(from, from + size);
    const ids = part.map((_, k) => from + k);
    const found = trainer.evaluate(batchOf(specs, part, ids));
    if (found.count > 0) sum += found.loss * found.count;
    count += found.count;
    impossible += found.impossible;
  }
  return { loss: count > 0 ? sum / count : Infinity, count, impossible };
}

function chunkCourse(model: Model, { specs, fields, train, validation }: CourseData): Course {
  const settings = specs.metadata.train;
  const batches = train.flatMap((record) =>
    chunksOf(record, () => [...cutChunks(specs, settings, sequences(record, fields))]),
  );
  const words = fields.length === 1 && fields[0]!.base !== "f32";
  return {
    stepsPerEpoch: batches.length,
    batch: (_, index) => batches[index]!,
    validate:
      validation.length === 0
        ? null
        : (trainer) => {
            const { loss } = chunkLoss(trainer, validation, fields, settings.batch);
            return { loss, score: languageUnit(model, fields) === null ? null : perplexity(loss) };
          },
    unit: words ? (fields[0]!.base === "char" ? "chars" : "words") : "steps",
    amount: stepsIn,
    impossible: () => [],
  };
}

const stepsIn = ({ lengths }: Batch): number =>
  lengths
    .values()
    .next()
    .value?.reduce((sum, length) => sum + length, 0) ?? 0;

/** Over all steps. Fewer streams where the data are too short for as many as the training has. */
export function chunkLoss(
  trainer: Trainer,
  records: readonly DataRecord[],
  fields: readonly Field[],
  batch: number,
): { readonly loss: number; readonly count: number } {
  let loss = 0;
  let count = 0;
  for (const record of records) {
    const values = sequences(record, fields);
    const evaluate = (streams: number) => () => trainer.evaluateChunks(values, { batch: streams });
    const result = chunksOf(record, () => {
      try {
        return evaluate(batch)();
      } catch (error) {
        if (batch === 1 || !(error instanceof RnncError)) throw error;
        return evaluate(1)();
      }
    });
    loss += result.loss * result.count;
    count += result.count;
  }
  return { loss: loss / count, count };
}

const sequences = (record: DataRecord, fields: readonly Field[]): Readonly<Record<string, Value>> =>
  Object.fromEntries(fields.map(({ name }) => [name, record.values[name] as Value]));

/** What the runtime has against the data is said with their file. */
function chunksOf<T>(record: DataRecord, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof RnncError) throw new Failure(`${record.file}: ${error.message}.`);
    throw error;
  }
}
