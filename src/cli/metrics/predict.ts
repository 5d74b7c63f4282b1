/** Predictions for many records, in batches. */
import type { DecodeOptions } from "../../runtime/decode-options.ts";
import type { PredictOptions } from "../../runtime/model.ts";
import type { Example, Value as Given } from "../../runtime/encode.ts";
import { RnncError } from "../../runtime/errors.ts";
import type { Model } from "../../runtime/load.ts";
import type { OutputInfo } from "../../runtime/metadata.ts";
import { highest, type Result } from "../../runtime/results.ts";
import type { EncodedRecord } from "../data/examples.ts";
import type { Field } from "../data/field.ts";
import type { DataRecord } from "../data/record.ts";
import { Failure } from "../failure.ts";

export type Results = Readonly<Record<string, Result>>;

export const predictOne = (
  model: Model,
  record: DataRecord,
  inputs: readonly Field[],
  options: PredictOptions = {},
): Results =>
  model.predict(
    Object.fromEntries(inputs.map(({ name }) => [name, record.values[name]])) as Parameters<
      Model["predict"]
    >[0],
    options,
  ) as Results;

/** A record and what it was encoded as. */
export interface Case {
  readonly record: DataRecord;
  readonly example: EncodedRecord;
}

/** In the order of the cases; those of like length are predicted together. */
export function predictAll(
  model: Model,
  cases: readonly Case[],
  fields: readonly Field[],
  size: number,
  options: DecodeOptions = {},
): readonly Results[] {
  // Where nothing else tells how long numbers go on, the true ones do.
  const { unbounded } = model.metadata;
  const inputs = fields.filter(
    ({ name, role }) => role === "input" || unbounded.some(({ data }) => data === name),
  );
  const results: Results[] = [];
  const order = [...cases.keys()].sort((a, b) => cases[a]!.example.length - cases[b]!.example.length);
  // Rows of different lengths within an example are told by the record alone.
  const nested = cases.some(({ example }) =>
    [...example.columns.values()].some(({ inner }) => inner.size > 0),
  );
  const step = nested ? 1 : size;
  for (let from = 0; from < order.length; from += step) {
    const some = order.slice(from, from + step);
    const first = cases[some[0]!]!;
    // No example begins in the state that another one ended in.
    model.reset();
    try {
      if (nested) results[some[0]!] = predictOne(model, first.record, inputs, options);
      else predictTogether(some);
    } catch (error) {
      if (error instanceof RnncError)
        throw new Failure(`${first.record.file}:${first.record.line}: ${error.message}.`);
      throw error;
    }
  }
  model.reset();
  return results;

  function predictTogether(some: readonly number[]): void {
    const batch = Object.fromEntries(
      inputs.map(({ name }) => [name, some.map((k) => dense(cases[k]!.example.columns.get(name)!))]),
    );
    const outputs = Object.entries(model.predict(batch, options)) as [string, readonly Result[]][];
    some.forEach((k, place) => {
      results[k] = Object.fromEntries(outputs.map(([name, list]) => [name, list[place]!]));
    });
  }
}

const dense = ({ data, shape }: Example): Given => ({ data, shape });

/** The ids that a result predicts. */
export function labelsOf(result: Result, { meaning }: Pick<OutputInfo, "meaning">): readonly number[] {
  if (meaning === "labels") return [...result.data].filter((id) => id >= 0);
  const classes = result.shape.at(-1)!;
  return Array.from({ length: result.data.length / classes }, (_, k) =>
    highest(result.data, k * classes, classes),
  );
}
