/**
 * Records as the runtime wants them: encoded once, each by itself, so that what is wrong with one is said with its
 * file and line, and batches of them cost nothing to make.
 */
import { assemble, makeBatch, type Batch, type DataSpecs } from "../../runtime/batch.ts";
import type { Example, Value as Given } from "../../runtime/encode.ts";
import { RnncError } from "../../runtime/errors.ts";
import { capital } from "../failure.ts";
import type { Field } from "./field.ts";
import { wrongRecord, type DataRecord, type Value } from "./record.ts";

export interface EncodedRecord {
  readonly columns: ReadonlyMap<string, Example>;
  /** The longest of its sequences: what the cost of a batch depends on. */
  readonly length: number;
  /** Along each axis. */
  readonly lengths: ReadonlyMap<string, number>;
}

export function encodeRecord(
  specs: DataSpecs,
  fields: readonly Field[],
  record: DataRecord,
  targets: boolean,
): EncodedRecord {
  const values = Object.fromEntries(
    fields.flatMap((field) => {
      const value = record.values[field.name];
      return value === undefined || value === null ? [] : [[field.name, conform(value, field)]];
    }),
  );
  try {
    const { columns, lengths } = makeBatch(specs, values, { targets });
    const own = new Map([...columns].map(([name, [example]]) => [name, example!] as const));
    const length = Math.max(1, ...[...own.values()].map(({ shape }) => shape[0] ?? 1));
    return { columns: own, length, lengths: new Map([...lengths].map(([axis, [n]]) => [axis, n!])) };
  } catch (error) {
    if (error instanceof RnncError) throw wrongRecord(record, `${capital(error.message)}.`);
    throw error;
  }
}

/** A single number stands for a feature of one; of true and false are made 1 and 0. */
function conform(value: Value, field: Field): Given {
  if (typeof value === "boolean") return field.feature && field.rank === 0 ? [Number(value)] : Number(value);
  if (typeof value === "number" && field.feature && field.rank === 0) return [value];
  return value as Given;
}

export function batchOf(specs: DataSpecs, records: readonly EncodedRecord[], ids: readonly number[]): Batch {
  const names = records[0] === undefined ? [] : [...records[0].columns.keys()];
  const columns = new Map(
    names.map((name) => [name, records.map((record) => record.columns.get(name)!)] as const),
  );
  return assemble(specs, columns, false, { fresh: true, ids });
}
