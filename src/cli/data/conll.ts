/**
 * Columns as in the shared tasks of CoNLL: a word a line, its tags beside it, an empty line after each sentence. Tabs
 * separate the columns if the first row has one, else blanks. A line that starts with `#` before a sentence's first row
 * is a comment (a word `#` there would need tabs); `# NAME = VALUE` gives what belongs to the sentence as a whole. Rows
 * of `-DOCSTART-` are left out, in CoNLL-U also those of multiword tokens and of empty nodes.
 */
import type { Field } from "./field.ts";
import { bindColumns, universalNames } from "./bind-columns.ts";
import { readNumber } from "./numbers.ts";
import { wrongRecord, type DataRecord, type Reader, type ReadContext, type Value } from "./record.ts";

export const conllReader: Reader = {
  endings: [".conll", ".conllu", ".conllup", ".iob", ".iob2", ".bio"],
  read(text, file, context) {
    const { sentences, width, names } = parseSentences(text, file);
    const [first] = sentences;
    if (first === undefined) return [];
    const place = { file, line: first.rows[0]!.line };
    const columns = bindColumns(sequences(context), {
      width,
      names: context.columns ?? names,
      given: context.columns !== null,
      place,
    });
    return sentences.map((sentence) => toRecord(sentence, columns, context, file));
  },
};

interface Row {
  readonly cells: readonly string[];
  readonly line: number;
}

interface Sentence {
  readonly rows: readonly Row[];
  readonly comments: ReadonlyMap<string, string>;
}

/** Fields with a value for each word; the others are of the whole sentence. */
const sequences = ({ fields }: ReadContext): readonly Field[] => fields.filter(({ rank }) => rank > 0);

function parseSentences(text: string, file: string) {
  const universal = /\.conllu(?:\.gz)?$/iu.test(file);
  const sentences: Sentence[] = [];
  let names: readonly string[] | null = universal ? universalNames : null;
  let tabs: boolean | null = null;
  let first: Row | null = null;
  let rows: Row[] = [];
  let comments = new Map<string, string>();
  const end = (): void => {
    if (rows.length > 0) sentences.push({ rows, comments });
    [rows, comments] = [[], new Map()];
  };

  text.split("\n").forEach((raw, k) => {
    const line = raw.replace(/\r$/u, "");
    if (/^[ \t]*$/u.test(line)) return end();
    if (rows.length === 0 && line.startsWith("#") && (universal || !line.includes("\t"))) {
      const [, key, value] = /^#\s*([^=\s]+)\s*=\s*(.*?)\s*$/u.exec(line) ?? [];
      if (key === "global.columns") names = value!.split(/\s+/u);
      else if (key !== undefined) comments.set(key, value!);
      return;
    }
    tabs ??= line.includes("\t");
    const row: Row = { cells: tabs ? line.split("\t") : line.trim().split(/[ \t]+/u), line: k + 1 };
    if (row.cells[0] === "-DOCSTART-") return;
    first ??= row;
    if (row.cells.length !== first.cells.length)
      throw wrongRecord(
        { file, line: row.line },
        `The row has ${columnCount(row)}, but line ${first.line} has ${columnCount(first)}.`,
        tabs
          ? "Columns are separated by tabs here; one that holds nothing is written `_`."
          : "Columns are separated by blanks here; one that holds nothing is written `_`.",
      );
    if (universal && /^\d+[-.]\d+$/u.test(row.cells[0]!)) return;
    rows.push(row);
  });
  end();
  return { sentences, names, width: (first as Row | null)?.cells.length ?? 0 };
}

const columnCount = ({ cells }: Row): string => `${cells.length} column${cells.length === 1 ? "" : "s"}`;

function toRecord(
  { rows, comments }: Sentence,
  columns: ReadonlyMap<Field, number>,
  { fields }: ReadContext,
  file: string,
): DataRecord {
  const { line } = rows[0]!;
  const values = fields.map((field): readonly [string, Value] => {
    const column = columns.get(field);
    if (column !== undefined)
      return [field.name, rows.map((row) => readCell(row.cells[column]!, field, { file, line: row.line }))];
    const value = comments.get(field.name);
    if (value === undefined)
      throw wrongRecord(
        { file, line },
        `The sentence has no \`${field.name}\`, the model's ${field.role}, which is one for all of its words.`,
        `It stands in a comment before the first word: \`# ${field.name} = …\`.`,
      );
    return [field.name, isText(field) ? value : readNumber(value, field, { file, line })];
  });
  return { values: Object.fromEntries(values), file, line };
}

const isText = ({ base, vocabulary }: Field): boolean =>
  base !== "f32" && (base !== "token" || vocabulary !== null);

function readCell(cell: string, field: Field, place: Pick<DataRecord, "file" | "line">): Value {
  const text = cell.trim();
  if (text === "") throw wrongRecord(place, `The row has no \`${field.name}\`: its column is empty.`);
  if (!isText(field)) return readNumber(text, field, place);
  if (field.base === "token" && /\s/u.test(text))
    throw wrongRecord(
      place,
      `\`${text.length > 40 ? `${text.slice(0, 40)}…` : text}\` is more than one word, and a row holds one.`,
      "Whole sentences in columns are read with `--format tsv`, and `--columns` if no line names them.",
    );
  return text;
}
