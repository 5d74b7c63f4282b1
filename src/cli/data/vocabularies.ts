/**
 * What only the data can tell: vocabularies, and sizes of features. Words and characters get `<unk>` and `<eos>`; labels,
 * which are one for an example or one for each step of an input, do not. `<unk>` is learned where rare words are left
 * out of the vocabulary: they are trained as `<unk>`, the best guess at words never seen.
 */
import { Failure } from "../failure.ts";
import {
  characterVocabulary,
  splitCharacters,
  splitTrigrams,
  splitWords,
  wordVocabulary,
  type VocabularyOptions,
} from "../../runtime/vocabulary.ts";
import type { Field } from "./field.ts";
import { wrongRecord, type DataRecord, type Value } from "./record.ts";

export interface Learned {
  readonly vocabularies: Readonly<Record<string, readonly string[]>>;
  readonly dims: Readonly<Record<string, number>>;
}

export interface LearnOptions {
  /** Sizes from the command line; what they tell is not asked of the data. */
  readonly dims: Readonly<Record<string, number>>;
  /** Words and characters seen fewer times are left out of the vocabulary. */
  readonly minimum: number;
}

/**
 * Words are those of the records trained on, so that validation meets unknown ones as the world will; labels and sizes
 * are those of all records.
 */
export function learnFrom(
  { train, all }: { readonly train: readonly DataRecord[]; readonly all: readonly DataRecord[] },
  fields: readonly Field[],
  { dims: given, minimum }: LearnOptions,
): Learned {
  const vocabularies: Record<string, readonly string[]> = {};
  const dims: Record<string, number> = { ...given };
  for (const field of fields)
    if (field.freeSize !== null && dims[field.freeSize] === undefined)
      dims[field.freeSize] = widthOf(all, field);
  for (const name of new Set(fields.flatMap(({ vocabulary }) => vocabulary ?? []))) {
    const users = fields.filter(({ vocabulary }) => vocabulary === name);
    // A trigram never seen says nothing: it is left out.
    const hashed = users.some(({ base }) => base === "trigrams");
    const special = !hashed && !users.every((field) => isLabel(field, fields));
    const texts = (special || hashed ? train : all).flatMap((record) =>
      users.flatMap((field) => textsOf(record, field)),
    );
    if (texts.length > 0)
      vocabularies[name] = entriesOf(texts, users, { special, minimum: special || hashed ? minimum : 1 });
    else dims[name] ??= 1 + highestOf(all, users);
  }
  return { vocabularies, dims };
}

function entriesOf(
  texts: readonly (string | readonly string[])[],
  users: readonly Field[],
  options: VocabularyOptions,
): readonly string[] {
  if (users.some(({ base }) => base === "trigrams")) {
    const words = texts.flatMap((text) => (typeof text === "string" ? splitWords(text) : text));
    return wordVocabulary(words.map(splitTrigrams), options);
  }
  const characters = users.some(({ base }) => base === "char");
  const entries = characters ? characterVocabulary(texts, options) : wordVocabulary(texts, options);
  // Labels in the order of their names: more frequent ones first would change with the data.
  return options.special ? entries : [...entries].sort();
}

/** A target of one word, or of one for each step of an input. */
function isLabel(field: Field, fields: readonly Field[]): boolean {
  if (field.role !== "target" || field.base !== "token") return false;
  return field.ragged.every((axis) =>
    fields.some((other) => other.role === "input" && other.ragged.includes(axis)),
  );
}

/** Strings alone are texts, to be split; strings in lists are words already. */
export function textsOf(record: DataRecord, field: Field): readonly (string | readonly string[])[] {
  const value = record.values[field.name] ?? null;
  if (typeof value === "string") return [field.rank === 0 ? [value] : value];
  return Array.isArray(value) ? stringsIn(value, field) : [];
}

/** The words or characters that a record has in a field, one after another. */
export const entriesIn = (record: DataRecord, field: Field): readonly string[] =>
  textsOf(record, field).flatMap((text) =>
    typeof text === "string" ? (field.base === "char" ? splitCharacters : splitWords)(text) : text,
  );

function stringsIn(values: readonly Value[], field: Field): readonly (string | readonly string[])[] {
  if (values.every((value) => typeof value === "string"))
    return field.base === "char"
      ? (values as readonly string[])
      : values.length > 0
        ? [values as readonly string[]]
        : [];
  return values.flatMap((value) => (Array.isArray(value) ? stringsIn(value, field) : []));
}

function highestOf(records: readonly DataRecord[], fields: readonly Field[]): number {
  let highest = 0;
  for (const record of records)
    for (const field of fields)
      for (const id of numbersIn(record.values[field.name] ?? null)) {
        if (!Number.isInteger(id) || id < 0)
          throw wrongRecord(
            record,
            `\`${field.name}\` holds ${id}, which is no id: ids are whole numbers from 0.`,
          );
        highest = Math.max(highest, id);
      }
  return highest;
}

function numbersIn(value: Value): readonly number[] {
  if (typeof value === "number") return [value];
  return Array.isArray(value) ? (value as readonly Value[]).flatMap(numbersIn) : [];
}

/** How many numbers the innermost lists hold; whether all agree is checked when they are encoded. */
function widthOf(records: readonly DataRecord[], field: Field): number {
  for (const record of records) {
    let value: Value = record.values[field.name] ?? null;
    for (let level = 0; level < field.rank && Array.isArray(value); level++)
      value = (value as readonly Value[])[0] ?? null;
    if (Array.isArray(value) && value.length > 0) return value.length;
    if (typeof value === "number") return 1;
  }
  throw new Failure(
    `The data do not tell the size \`${field.freeSize}\` of \`${field.name}\`.`,
    `Give it with \`--dim ${field.freeSize}=N\`.`,
  );
}
