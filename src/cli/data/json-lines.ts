/** JSON Lines: one object a line, with the names of the model's data as keys. Other keys are left alone. */
import { Failure } from "../failure.ts";
import { nearest } from "../../diagnostics/nearest.ts";
import type { Field } from "./field.ts";
import { wrongRecord, type DataRecord, type Reader, type Value } from "./record.ts";

export const jsonLinesReader: Reader = {
  endings: [".jsonl", ".ndjson"],
  read(text, file, { fields }) {
    const lines = text.split("\n");
    const cut = lines.at(-1) !== "";
    return lines.flatMap((line, k): readonly DataRecord[] =>
      line.trim() === ""
        ? []
        : [readRecord(line, { file, line: k + 1 }, fields, cut && k === lines.length - 1)],
    );
  },
};

/** `last`: the line has no line break after it, so it may have been cut off. */
export function readRecord(
  line: string,
  place: Pick<DataRecord, "file" | "line">,
  fields: readonly Field[],
  last: boolean,
): DataRecord {
  const value = parseJson(line, place, last);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrongRecord(place, 'A record is an object, such as {"text": "…"}.');
  const values = value as Readonly<Record<string, Value>>;
  for (const field of fields) {
    if (values[field.name] === null)
      throw wrongRecord(
        place,
        `\`${field.name}\`, the model's ${field.role}, is null.`,
        "Every record has a value for it: leave out the records that have none.",
      );
    if (values[field.name] !== undefined) continue;
    const near = nearest(field.name, Object.keys(values));
    throw new Failure(
      `${place.file}:${place.line}: The record has no \`${field.name}\`, the model's ${field.role}.`,
      near === null ? `Its keys are ${list(Object.keys(values))}.` : `Is \`${near}\` meant?`,
    );
  }
  return { values, ...place };
}

function parseJson(line: string, place: Pick<DataRecord, "file" | "line">, last: boolean): Value {
  try {
    return JSON.parse(line) as Value;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw last
      ? new Failure(
          `${place.file}:${place.line}: The last line is no complete JSON value.`,
          "Is the file cut off?",
        )
      : wrongRecord(place, `This is not JSON: ${reason}.`);
  }
}

const list = (names: readonly string[]): string =>
  names.length === 0 ? "none" : names.map((name) => `\`${name}\``).join(", ");
