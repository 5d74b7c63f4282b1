/**
 * A table with one step a row, read as what it is not: a row is one example, so each of its sequences has one step. Nothing
 * is wrong with such data as such, but a model of sequences learns nothing about sequences from them.
 */
import { plural } from "../output.ts";
import type { Field } from "./field.ts";
import type { DataRecord } from "./record.ts";
import { entriesIn } from "./vocabularies.ts";

/** What to say of data whose every sequence has one step; null of others. */
export function singleStepNote(records: readonly DataRecord[], fields: readonly Field[]): string | null {
  const sequences = fields.filter(({ ragged }) => ragged.length > 0);
  if (sequences.length === 0 || records.length < 2) return null;
  if (!records.every((record) => sequences.every((field) => stepsOf(record, field) === 1))) return null;
  const names = sequences.map(({ name }) => `\`${name}\``).join(" and ");
  const isTable = /\.(?:csv|tsv|tab)(?:\.gz)?$/iu.test(records[0]!.file);
  return (
    `note: each of the ${plural(records.length, "record")} has one step of ${names}: ` +
    (isTable
      ? "a row of a table is one example. A whole sequence stands in one cell, `1 2 3` or `[1, 2, 3]`; " +
        "of a file with one step a line make a `.conll`, with an empty line after each sequence"
      : "a line is one example, and holds the whole of its sequences")
  );
}

function stepsOf(record: DataRecord, field: Field): number {
  const value = record.values[field.name] ?? null;
  if (typeof value === "string") return entriesIn(record, field).length;
  return Array.isArray(value) ? value.length : 0;
}
