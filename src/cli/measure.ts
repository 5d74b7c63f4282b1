/**
 * What `rnnc eval` measures. The loss is the mean over examples, of models of the next character or word over steps;
 * the task's own measures are counted from the predictions.
 */
import { dataSpecs } from "../runtime/batch.ts";
import type { DecodeOptions } from "../runtime/decode-options.ts";
import type { Model } from "../runtime/load.ts";
import { encodeRecord } from "./data/examples.ts";
import { fieldsOfModel } from "./data/field.ts";
import { withUnknownLabels, type UnknownLabel } from "./data/labels.ts";
import { readData, type DataSource } from "./data/read.ts";
import { wrongRecord } from "./data/record.ts";
import { Failure } from "./failure.ts";
import { labelMeasures } from "./metrics/labels.ts";
import { languageMeasures, languageUnit, stepLoss, unknownMeasure, type Unit } from "./metrics/language.ts";
import { scoreOutputs } from "./metrics/outputs.ts";
import { makeMeasure, type Measure } from "./metrics/score.ts";
import type { SpanScore } from "./metrics/spans.ts";
import { chunkLoss, lossOf, meanLoss } from "./training/course.ts";

export interface Measured {
  readonly measures: readonly Measure[];
  /** Of spans, by target and type. */
  readonly types: ReadonlyMap<string, ReadonlyMap<string, SpanScore>>;
  readonly unknownLabels: readonly UnknownLabel[];
}

export function measure(
  model: Model,
  source: DataSource,
  batch: number | null,
  options: DecodeOptions = {},
): Measured {
  const { metadata } = model;
  if (metadata.entries.evaluate === null) throw new Failure(`\`${metadata.name}\` has no loss to measure.`);
  const fields = fieldsOfModel(metadata.data);
  const records = readData(source, { fields, chunked: metadata.chunked });
  const unit = languageUnit(model, fields);
  const trainer = model.trainer();
  const unknown = unknownMeasure(model.vocabularies, records, fields);
  const lossMeasures = (loss: number): readonly Measure[] => [
    makeMeasure("loss", "loss", loss),
    ...(unit === null ? [] : languageMeasures(loss, unit)),
    ...(unknown === null ? [] : [unknown]),
  ];
  if (metadata.chunked) {
    // One stream: then no text is left over, and none begins without what was before it.
    const { loss, count } = chunkLoss(trainer, records, fields, batch ?? 1);
    return onlyMeasures([steps(count, unit), ...lossMeasures(loss)]);
  }
  if (unit !== null) {
    const specs = dataSpecs(metadata);
    const examples = records.map((record) => encodeRecord(specs, fields, record, true));
    const { loss, steps: count } = stepLoss(examples, (some) => lossOf(trainer, specs, some));
    return onlyMeasures([
      makeMeasure("examples", "examples", examples.length),
      steps(count, unit),
      ...lossMeasures(loss),
    ]);
  }
  const { specs, unknown: unknownLabels, isKnown } = withUnknownLabels(metadata, records, fields);
  const cases = records.map((record) => ({ record, example: encodeRecord(specs, fields, record, true) }));
  const known = cases.map(({ example }) => example).filter(isKnown);
  if (known.length === 0) {
    const { label, target, record } = unknownLabels[0]!;
    throw wrongRecord(
      record,
      `\`${target}\` is ${JSON.stringify(label)}, which is none of the model's labels; no example has known labels alone.`,
    );
  }
  const size = batch ?? metadata.train.batch;
  const { loss, impossible } = meanLoss(trainer, specs, known, size);
  const scores = scoreOutputs(model, cases, fields, specs.metadata.vocabularies, size, options);
  const several = metadata.outputs.length > 1;
  return {
    measures: [
      makeMeasure("examples", "examples", cases.length),
      ...lossMeasures(loss),
      ...(impossible === 0 ? [] : [makeMeasure("impossible", "impossible targets", impossible)]),
      ...scores.flatMap(({ target, labels, rmse }) => [
        ...(labels === null ? [] : labelMeasures(labels, several ? target : null)),
        ...(rmse === null
          ? []
          : [makeMeasure(several ? `rmse_${target}` : "rmse", several ? `RMSE of ${target}` : "RMSE", rmse)]),
      ]),
    ],
    types: new Map(
      scores.flatMap(({ target, labels }) => (labels?.spans ? [[target, labels.spans.types] as const] : [])),
    ),
    unknownLabels,
  };
}

const steps = (count: number, unit: Unit | null): Measure =>
  makeMeasure("steps", unit === null ? "steps" : `${unit}s`, count);

const onlyMeasures = (measures: readonly Measure[]): Measured => ({
  measures,
  types: new Map(),
  unknownLabels: [],
});
