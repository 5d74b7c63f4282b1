/**
 * The measures of `rnnc eval`. The loss is the mean over examples, of chunked models over steps. For a model of the next
 * character or word it is in nats a step, which gives perplexity and bits; for labels accuracy is counted from the
 * predictions, for numbers the root of the mean squared error.
 */
import { dataSpecs } from "../runtime/batch.ts";
import { RnncError } from "../runtime/errors.ts";
import type { Model } from "../runtime/load.ts";
import type { OutputInfo } from "../runtime/metadata.ts";
import { highest, type Result } from "../runtime/results.ts";
import { batchOf, encodeRecord, type EncodedRecord } from "./data/examples.ts";
import { fieldsOfModel, type Field } from "./data/field.ts";
import { readData, type Format } from "./data/read.ts";
import type { DataRecord } from "./data/record.ts";
import { Failure } from "./failure.ts";
import { chunkLoss, meanLoss } from "./training/course.ts";

export interface Measure {
  readonly key: string;
  readonly name: string;
  readonly value: number;
  readonly shown: string;
}

const makeMeasure = (key: string, name: string, value: number, digits = 4): Measure => ({
  key,
  name,
  value,
  shown: Number.isInteger(value) ? String(value) : value.toFixed(digits),
});

export function measure(
  model: Model,
  path: string,
  format: Format | null,
  batch: number | null,
): readonly Measure[] {
  const { metadata } = model;
  if (metadata.entries.evaluate === null) throw new Failure(`\`${metadata.name}\` has no loss to measure.`);
  const fields = fieldsOfModel(metadata.data);
  const records = readData(path, format, { fields, chunked: metadata.chunked });
  const unit = languageUnit(model, fields);
  const trainer = model.trainer();
  if (metadata.chunked) {
    // One stream: then no text is left over, and none begins without what was before it.
    const { loss, count } = chunkLoss(trainer, records, fields, batch ?? 1);
    return [makeMeasure("steps", unit === null ? "steps" : `${unit}s`, count), ...lossMeasures(loss, unit)];
  }
  const specs = dataSpecs(metadata);
  const examples = records.map((record) => encodeRecord(specs, fields, record, true));
  const size = batch ?? metadata.train.batch;
  const { loss, steps } =
    unit === null
      ? { loss: meanLoss(trainer, specs, examples, size), steps: null }
      : stepLoss(
          examples,
          (some) =>
            trainer.evaluate(
              batchOf(
                specs,
                some,
                some.map((_, k) => k),
              ),
            ).loss,
        );
  return [
    makeMeasure("examples", "examples", examples.length),
    ...(steps === null ? [] : [makeMeasure("steps", `${unit}s`, steps)]),
    ...lossMeasures(loss, unit),
    ...(unit === null
      ? metadata.outputs.flatMap((output) => outputMeasures(model, output, records, examples, fields))
      : []),
  ];
}

/** `char` or `word` if the model is one of what comes next, and nothing else. */
function languageUnit({ metadata }: Model, fields: readonly Field[]): "character" | "word" | null {
  const [output] = metadata.outputs;
  const derived = metadata.data.some(({ derived }) => derived?.kind === "next");
  if (!derived || metadata.outputs.length !== 1 || output!.meaning !== "probabilities") return null;
  const base = fields.find(({ name }) => name === output!.target)?.base;
  return base === "char" ? "character" : base === "token" ? "word" : null;
}

function lossMeasures(loss: number, unit: "character" | "word" | null): readonly Measure[] {
  const own = makeMeasure("loss", "loss", loss);
  if (unit === null) return [own];
  const bits = makeMeasure(`bits_per_${unit}`, `bits per ${unit}`, loss / Math.LN2);
  return [own, makeMeasure("perplexity", "perplexity", Math.exp(loss), 3), bits];
}

/** The loss averages over the steps of each example; here every step counts alike, so examples of one length go together. */
function stepLoss(
  examples: readonly EncodedRecord[],
  evaluate: (some: readonly EncodedRecord[]) => number,
): { readonly loss: number; readonly steps: number } {
  const byLength = new Map<number, EncodedRecord[]>();
  for (const example of examples) {
    const same = byLength.get(example.length);
    if (same === undefined) byLength.set(example.length, [example]);
    else same.push(example);
  }
  let [sum, steps] = [0, 0];
  for (const [length, same] of byLength)
    for (let from = 0; from < same.length; from += 32) {
      const some = same.slice(from, from + 32);
      sum += evaluate(some) * length * some.length;
      steps += length * some.length;
    }
  return { loss: sum / steps, steps };
}

// ---- predictions ------------------------------------------------------------------------------------------------

function outputMeasures(
  model: Model,
  output: OutputInfo,
  records: readonly DataRecord[],
  examples: readonly EncodedRecord[],
  fields: readonly Field[],
): readonly Measure[] {
  const { target } = output;
  const info = model.metadata.data.find(({ name }) => name === target);
  if (target === null || info === undefined || output.predict === null) return [];
  const results = predictions(model, output.name, records, fields);
  const truths = examples.map(({ columns }) => columns.get(target)!);
  const suffix = model.metadata.outputs.length > 1 ? `_${target}` : "";
  const label = (name: string): string => (suffix === "" ? name : `${name} of ${target}`);
  if (info.base !== "f32" && output.meaning !== "value") {
    const pairs = results.map((result, k) => [labelsOf(result, output), [...truths[k]!.data]] as const);
    const same = pairs.every(([found, wanted]) => found.length === wanted.length);
    const whole = share(
      pairs.map(
        ([found, wanted]) => found.length === wanted.length && found.every((id, k) => id === wanted[k]),
      ),
    );
    if (!same) return [makeMeasure(`exact${suffix}`, label("whole sequences right"), whole)];
    const each = share(pairs.flatMap(([found, wanted]) => found.map((id, k) => id === wanted[k])));
    const sequences = pairs.some(([found]) => found.length !== 1);
    return [
      makeMeasure(`accuracy${suffix}`, label("accuracy"), each),
      ...(sequences ? [makeMeasure(`exact${suffix}`, label("whole sequences right"), whole)] : []),
    ];
  }
  if (info.base !== "f32") return [];
  const errors = results.flatMap((result, k) =>
    result.data.length === truths[k]!.data.length
      ? [...result.data].map((value, j) => (value - truths[k]!.data[j]!) ** 2)
      : [],
  );
  return errors.length === 0
    ? []
    : [
        makeMeasure(
          `rmse${suffix}`,
          label("RMSE"),
          Math.sqrt(errors.reduce((a, b) => a + b, 0) / errors.length),
        ),
      ];
}

const share = (right: readonly boolean[]): number => right.filter(Boolean).length / right.length;

function labelsOf(result: Result, { meaning }: OutputInfo): readonly number[] {
  if (meaning === "labels") return [...result.data].filter((id) => id >= 0);
  const classes = result.shape.at(-1)!;
  return Array.from({ length: result.data.length / classes }, (_, k) =>
    highest(result.data, k * classes, classes),
  );
}

function predictions(
  model: Model,
  name: string,
  records: readonly DataRecord[],
  fields: readonly Field[],
): readonly Result[] {
  const inputs = fields.filter(({ role }) => role === "input");
  return records.map((record) => {
    try {
      return predictOne(model, record, inputs)[name]!;
    } catch (error) {
      if (error instanceof RnncError) throw new Failure(`${record.file}:${record.line}: ${error.message}.`);
      throw error;
    }
  });
}

export const predictOne = (
  model: Model,
  record: DataRecord,
  inputs: readonly Field[],
): Readonly<Record<string, Result>> =>
  model.predict(
    Object.fromEntries(inputs.map(({ name }) => [name, record.values[name]])) as Parameters<
      Model["predict"]
    >[0],
  ) as Readonly<Record<string, Result>>;
