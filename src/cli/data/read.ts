/**
 * Data from a path: a file, a folder of files, or `-`; plain, or compressed as `.gz`. Which reader a file gets is
 * told by its ending, or by `--format`.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { endEntry } from "../../runtime/vocabulary.ts";
import { Failure, fileFailure, misuse } from "../failure.ts";
import { kindOf, readBytes, standardName } from "../files.ts";
import { decodeText } from "../text.ts";
import { csvReader, tsvReader } from "./columns.ts";
import { conllReader } from "./conll.ts";
import { idxReader } from "./idx.ts";
import { jsonLinesReader } from "./json-lines.ts";
import type { BinaryReader, DataRecord, ReadContext, Reader } from "./record.ts";
import { textReader } from "./text.ts";
import { unpack } from "./unpack.ts";

export type Format = "text" | "jsonl" | "csv" | "tsv" | "conll" | "idx";

const readers: Readonly<Record<Format, Reader | BinaryReader>> = {
  text: textReader,
  jsonl: jsonLinesReader,
  csv: csvReader,
  tsv: tsvReader,
  conll: conllReader,
  idx: idxReader,
};

const withoutColumns: readonly (Reader | BinaryReader)[] = [textReader, jsonLinesReader, idxReader];

/** Where data lie, and how the user says that they are to be read. */
export interface DataSource {
  readonly path: string;
  readonly format: Format | null;
  readonly columns: readonly string[] | null;
}

export function readData(
  { path, format, columns }: DataSource,
  asked: Pick<ReadContext, "fields" | "chunked">,
): readonly DataRecord[] {
  const context = { ...asked, columns };
  const files = path !== "-" && kindOf(path) === "folder" ? filesIn(path, format) : [path];
  const records = files.flatMap((file) => {
    const shown = file === "-" ? standardName : file;
    const bytes = unpack(readBytes(file), shown);
    const reader = readerFor(file, format);
    if (columns !== null && withoutColumns.includes(reader))
      throw misuse(`\`--columns\` names columns, and \`${shown}\` has none.`);
    return "readBytes" in reader
      ? reader.readBytes(bytes, shown, context)
      : reader.read(decodeText(bytes, shown), shown, context);
  });
  if (records.length === 0) throw new Failure(`\`${path}\` holds no data.`);
  return context.chunked && records.every(isTextOf(context)) ? [joined(records, context)] : records;
}

function filesIn(folder: string, format: Format | null): readonly string[] {
  const known = list(folder).filter((name) => format !== null || formatOf(name) !== null);
  const names = known.filter((name) => !idxReader.isBeside(name, known));
  if (names.length > 0) return names.map((name) => join(folder, name));
  throw new Failure(`The folder \`${folder}\` holds no data files.`, `Known endings are ${endings()}.`);
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    throw fileFailure(error, folder, "read");
  }
}

function readerFor(file: string, format: Format | null): Reader | BinaryReader {
  const kind = format ?? formatOf(file);
  if (kind !== null) return readers[kind];
  // A name without an ending is plain text.
  if (file !== "-" && !/\.[^./\\]+$/u.test(file.replace(/\.gz$/u, ""))) return readers.text;
  throw misuse(
    file === "-"
      ? "What standard input holds is not told."
      : `What \`${file}\` holds is not told by its name.`,
    `Say it with \`--format\`, or use one of the endings ${endings()}.`,
  );
}

/** Told by a name's ending; null where it does not tell. */
export function formatOf(file: string): Format | null {
  const name = file.toLowerCase().replace(/\.gz$/u, "");
  const found = formats.find((format) => readers[format].endings.some((ending) => name.endsWith(ending)));
  return found ?? null;
}

export const formats = Object.keys(readers) as readonly Format[];

const endings = (): string => formats.flatMap((format) => readers[format].endings).join(" ");

const isTextOf =
  ({ fields }: ReadContext) =>
  (record: DataRecord): boolean =>
    fields.length === 1 && typeof record.values[fields[0]!.name] === "string";

/** For training on chunks all texts are one; what was apart stays apart by a line's end. */
function joined(records: readonly DataRecord[], { fields }: ReadContext): DataRecord {
  const [first] = records as readonly [DataRecord, ...DataRecord[]];
  const { name, base } = fields[0]!;
  const end = base === "token" ? ` ${endEntry} ` : "\n";
  const texts = records.map((record) => String(record.values[name]));
  return {
    ...first,
    values: { [name]: texts.map((text) => (text.endsWith(end) ? text : text + end)).join("") },
  };
}
