/**
 * Which column of a file is which of the model's data: by name where columns have names, else by place: the inputs are
 * the first columns, the targets the last, so of words and one tag any number of columns may stand between.
 */
import { nearest } from "../../diagnostics/nearest.ts";
import { Failure } from "../failure.ts";
import type { Field } from "./field.ts";
import { wrongRecord, type DataRecord } from "./record.ts";

export interface ColumnsOfFile {
  readonly width: number;
  readonly names: readonly string[] | null;
  /** Whether the user gave the names, rather than the file or its kind. */
  readonly given: boolean;
  /** Of the first row. */
  readonly place: Pick<DataRecord, "file" | "line">;
}

/** The columns of CoNLL-U (universaldependencies.org/format.html). */
export const universalNames = "id form lemma upos xpos feats head deprel deps misc".split(" ");

export function bindColumns(fields: readonly Field[], of: ColumnsOfFile): ReadonlyMap<Field, number> {
  return of.names === null ? byPlace(fields, of) : byName(fields, of.names, of);
}

function byPlace(fields: readonly Field[], { width, place }: ColumnsOfFile): ReadonlyMap<Field, number> {
  const inputs = fields.filter(({ role }) => role === "input");
  const targets = fields.filter(({ role }) => role === "target");
  if (width < fields.length)
    throw wrongRecord(
      place,
      `The row has ${width === 1 ? "one column" : `${width} columns`}, but the model wants ${list(fields.map(({ name }) => name))}.`,
    );
  return new Map([
    ...inputs.map((field, k) => [field, k] as const),
    ...targets.map((field, k) => [field, width - targets.length + k] as const),
  ]);
}

function byName(
  fields: readonly Field[],
  names: readonly string[],
  { width, given, place }: ColumnsOfFile,
): ReadonlyMap<Field, number> {
  if (names.length !== width)
    throw wrongRecord(
      place,
      `The row has ${width === 1 ? "one column" : `${width} columns`}, but ${names.length} are named: ${list(names)}.`,
      "A column that is not wanted is named `_`.",
    );
  return new Map(fields.map((field) => [field, columnOf(field, names, given, place.file)] as const));
}

function columnOf(field: Field, names: readonly string[], given: boolean, file: string): number {
  const exact = names.indexOf(field.name);
  const column = exact >= 0 ? exact : lower(names).indexOf(field.name.toLowerCase());
  if (column >= 0) return column;
  const near = nearest(field.name, names);
  throw new Failure(
    `\`${file}\` has no column \`${field.name}\`, the model's ${field.role}; its columns are ${list(names)}.`,
    near !== null
      ? `Is \`${near}\` meant?`
      : given
        ? null
        : "`--columns` gives them the names of the model's data, from left to right, and `_` to those not wanted.",
  );
}

const lower = (names: readonly string[]): readonly string[] => names.map((name) => name.toLowerCase());

const list = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(", ");
