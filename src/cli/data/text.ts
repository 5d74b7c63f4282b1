/**
 * Plain text. A model trained on chunks reads a file as one long sequence; another one takes each line that is not
 * empty (of words: not blank) as an example. Of words in chunks the ends of lines are words too, as in the published
 * work on the Penn Treebank.
 */
import { endEntry } from "../../runtime/vocabulary.ts";
import { Failure } from "../failure.ts";
import type { Field } from "./field.ts";
import type { DataRecord, Reader } from "./record.ts";

export const textReader: Reader = {
  endings: [".txt", ".text", ".md"],
  read(text, file, { fields, chunked }) {
    const { name, base } = textField(fields, file);
    const unified = text.replace(/\r\n?/gu, "\n");
    if (chunked) {
      const whole = base === "token" ? unified.replaceAll("\n", ` ${endEntry} `) : unified;
      return whole.trim() === "" ? [] : [{ values: { [name]: whole }, file, line: 1 }];
    }
    return unified
      .split("\n")
      .map((line, k): DataRecord => ({ values: { [name]: line }, file, line: k + 1 }))
      .filter(({ values }) => (base === "token" ? String(values[name]).trim() : values[name]) !== "");
  },
};

/** The one input that a text can be; a second input or a target would have to come from somewhere else. */
function textField(fields: readonly Field[], file: string): Field {
  const [first, second] = fields;
  const reads = (field: Field): boolean =>
    field.role === "input" &&
    (field.base === "char" || (field.base === "token" && field.vocabulary !== null)) &&
    field.rank === 1;
  if (first !== undefined && second === undefined && reads(first)) return first;
  const names = fields.map((field) => `\`${field.name}\``).join(", ");
  throw new Failure(
    `\`${file}\` is plain text, but the model's data (${names}) are not one sequence of characters or words.`,
    "Give records with these names as JSON Lines (`.jsonl`) or in columns (`.csv`, `.tsv`, `.conll`).",
  );
}
