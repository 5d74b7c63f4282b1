/**
 * CSV and TSV: the first line names the columns, or the user does. A cell holds one value: text as it is, numbers of a sequence
 * separated by spaces, and anything nested deeper as JSON.
 */
import { CsvError, parse } from "csv-parse/sync";
import { Failure } from "../failure.ts";
import { nearest } from "../../diagnostics/nearest.ts";
import type { Field } from "./field.ts";
import { bindColumns } from "./bind-columns.ts";
import { readNumber } from "./numbers.ts";
import { wrongRecord, type DataRecord, type Reader, type Value } from "./record.ts";

export const csvReader: Reader = { endings: [".csv"], read: readColumns(",") };
export const tsvReader: Reader = { endings: [".tsv", ".tab"], read: readColumns("\t") };

function readColumns(delimiter: string): Reader["read"] {
  return (text, file, { fields, columns }) => {
    const all = parseRows(text, file, delimiter);
    const [first] = all;
    if (first === undefined) return [];
    const headless = columns !== null && columns.some((name, k) => name !== first.record[k]?.trim());
    const places =
      columns === null
        ? fields.map((field) => [field, columnOf(field, first.record, file)] as const)
        : [
            ...bindColumns(fields, {
              width: first.record.length,
              names: columns,
              given: true,
              place: { file, line: first.line },
            }),
          ];
    return (headless ? all : all.slice(1)).map(({ record, line }) => ({
      values: Object.fromEntries(
        places.map(([field, column]) => [field.name, readCell(record[column] ?? "", field, { file, line })]),
      ),
      file,
      line,
    }));
  };
}

interface Row {
  readonly record: readonly string[];
  readonly line: number;
}

function parseRows(text: string, file: string, delimiter: string): readonly Row[] {
  try {
    const rows = parse(text, {
      delimiter,
      info: true,
      skip_empty_lines: true,
      // Quotes of a tab-separated file are usually part of the text.
      quote: delimiter === "\t" ? null : '"',
    }) as unknown as readonly {
      readonly record: readonly string[];
      readonly info: { readonly lines: number };
    }[];
    return rows.map(({ record, info }) => ({ record, line: info.lines }));
  } catch (error) {
    if (error instanceof CsvError) throw new Failure(`\`${file}\`: ${error.message}.`);
    throw error;
  }
}

function columnOf(field: Field, header: readonly string[], file: string): number {
  const column = header.findIndex((name) => name.trim() === field.name);
  if (column >= 0) return column;
  const near = nearest(field.name, header);
  throw new Failure(
    `\`${file}\` has no column \`${field.name}\`, the model's ${field.role}.`,
    near === null
      ? `The first line must name the columns, or \`--columns\`; it reads ${header.map((name) => `\`${name}\``).join(", ")}.`
      : `Is \`${near}\` meant?`,
  );
}

function readCell(cell: string, field: Field, place: Pick<DataRecord, "file" | "line">): Value {
  if (field.base === "char" || field.vocabulary !== null) {
    if (field.rank > 0 && cell.trim() === "")
      throw wrongRecord(place, `The column \`${field.name}\` is empty: a sequence of nothing.`);
    return cell;
  }
  const text = cell.trim();
  if (text.startsWith("[")) {
    try {
      return JSON.parse(text) as Value;
    } catch {
      throw wrongRecord(place, `The column \`${field.name}\` holds what looks like a JSON list but is none.`);
    }
  }
  const numbers = text === "" ? [] : text.split(/[\s;]+/u).map((part) => readNumber(part, field, place));
  const depth = field.rank + (field.feature ? 1 : 0);
  if (depth > 1)
    throw wrongRecord(
      place,
      `The column \`${field.name}\` has ${depth} axes: write its values as a JSON list.`,
      `Such as \`${"[".repeat(depth)}1, 2${"]".repeat(depth - 1)}, [3, 4${"]".repeat(depth)}\`, in quotes if commas part the columns.`,
    );
  if (depth === 1) return numbers;
  const [only] = numbers;
  if (only === undefined || numbers.length > 1)
    throw wrongRecord(place, `The column \`${field.name}\` wants one number, not \`${cell}\`.`);
  return only;
}
