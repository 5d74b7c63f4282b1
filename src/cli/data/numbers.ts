/** Numbers as they stand in columns. */
import type { Field } from "./field.ts";
import { wrongRecord, type DataRecord } from "./record.ts";

export function readNumber(text: string, field: Field, place: Pick<DataRecord, "file" | "line">): number {
  const value = Number(text);
  if (text === "" || (Number.isNaN(value) && text !== "NaN"))
    throw wrongRecord(place, `\`${text}\` in the column \`${field.name}\` is not a number.`);
  return value;
}
