/**
 * Records of inputs, one after another, for `rnnc run`: of JSON Lines each as soon as its line is there, so that a
 * process that writes one waits for no other; of all other kinds of data once their files are read.
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { Failure, fileFailure } from "../failure.ts";
import { kindOf, standardName } from "../files.ts";
import type { Field } from "./field.ts";
import { readRecord } from "./json-lines.ts";
import { formatOf, formats, readData, type DataSource } from "./read.ts";
import { wrongRecord, type DataRecord } from "./record.ts";

/** What neither its name nor the user tells is JSON Lines: standard input, and pipes such as `/dev/fd/63`. */
export async function* streamRecords(
  source: DataSource,
  fields: readonly Field[],
): AsyncGenerator<DataRecord> {
  const { path } = source;
  const isFolder = path !== "-" && kindOf(path) === "folder";
  const untold = !isFolder && (path === "-" || !/\.[^./\\]+$/u.test(path));
  const format = source.format ?? (untold ? "jsonl" : null);
  const isLines = !isFolder && (format ?? formatOf(path)) === "jsonl" && !/\.gz$/iu.test(path);
  if (isLines && source.columns === null)
    yield* recordsOfLines(path, fields, source.format !== null || !untold);
  else yield* readData({ ...source, format }, { fields, chunked: false });
}

async function* recordsOfLines(
  path: string,
  fields: readonly Field[],
  isTold: boolean,
): AsyncGenerator<DataRecord> {
  const file = path === "-" ? standardName : path;
  let number = 0;
  for await (const line of linesOf(path)) {
    number++;
    const place = { file, line: number };
    if (number === 1 && line.startsWith("\u001f\ufffd"))
      throw new Failure(
        `\`${file}\` is compressed.`,
        "Give it as `--data` under a name that ends in `.gz`, or unpack it: `gunzip -c FILE | rnnc run …`.",
      );
    if (line.trim() === "") continue;
    // A stream decodes leniently.
    if (!isTold && !line.trimStart().startsWith("{"))
      throw wrongRecord(
        place,
        "The line is no JSON record, such as {…}.",
        `\`--format\` says what else it is: ${formats.filter((kind) => kind !== "jsonl").join(", ")}.`,
      );
    if (line.includes("\ufffd")) throw wrongRecord(place, "The line is not UTF-8.");
    yield readRecord(line, place, fields, false);
  }
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const input = path === "-" ? process.stdin : createReadStream(path);
  try {
    yield* createInterface({ input, crlfDelay: Infinity });
  } catch (error) {
    throw fileFailure(error, path, "read");
  }
}
