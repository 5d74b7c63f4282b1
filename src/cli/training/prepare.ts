/**
 * From arguments to a model and its data: check the program to learn what data it asks for, read them, learn from them
 * what only data can tell, compile. The order matters: the compiler needs the vocabularies, reading needs the fields.
 */
import { check } from "../../compile/check.ts";
import {
  compileOrFail,
  programFailure,
  readImport,
  showDiagnostics,
  type Compiled,
  type SourceFile,
} from "../compile-file.ts";
import { Failure } from "../failure.ts";
import { override } from "../overrides.ts";
import type { Assignments, Sizes } from "../options.ts";
import { fieldsOf, type Field } from "../data/field.ts";
import { splitRecords, splitText } from "../data/order.ts";
import { readData, type Format } from "../data/read.ts";
import type { DataRecord } from "../data/record.ts";
import { learnFrom } from "../data/vocabularies.ts";

export interface PrepareOptions {
  readonly data: string;
  readonly format: Format | null;
  readonly dims: Sizes;
  readonly settings: Assignments;
  readonly without: readonly string[];
}

export interface Prepared {
  readonly compiled: Compiled;
  readonly fields: readonly Field[];
  readonly train: readonly DataRecord[];
  readonly validation: readonly DataRecord[];
}

export async function prepare(given: SourceFile, options: PrepareOptions): Promise<Prepared> {
  const dims = options.dims;
  const before = checked(given, dims);
  const source = override(given, before.program, options.settings);
  const { model, program } = source === given ? before : checked(source, dims);
  if (!model.hasLoss)
    throw new Failure(
      `\`${given.file}\` has no loss, so there is nothing to train.`,
      "End the pipeline with an output layer, such as `softmax(y)`, or write `minimize`.",
    );
  const fields = fieldsOf(model.data, program);
  const all = readData(options.data, options.format, { fields, chunked: model.chunked });
  const share = model.train.validate ?? 0;
  const { train, validation } = divide(all, fields, model.chunked, share, model.train.seed);
  const learned = learnFrom({ train, all }, fields, dims);
  const compiled = await compileOrFail(source, { ...learned, without: options.without });
  return { compiled, fields, train, validation };
}

function checked(source: SourceFile, dims: Sizes) {
  const { diagnostics, sources, model, main } = check(source.source, source.file, {
    dims,
    assume: true,
    imports: readImport,
  });
  if (model !== null) return { model, program: main.program };
  showDiagnostics(diagnostics, sources);
  throw programFailure(source.file, diagnostics);
}

/** One long text is cut in two; of many records some are drawn. */
function divide(
  all: readonly DataRecord[],
  fields: readonly Field[],
  chunked: boolean,
  share: number,
  seed: number,
): Pick<Prepared, "train" | "validation"> {
  const [only] = all;
  const [field] = fields;
  const text = only === undefined || field === undefined ? null : only.values[field.name];
  if (!chunked || all.length > 1 || typeof text !== "string") {
    if (share > 0 && all.length < 2)
      throw new Failure("One record cannot be split into training and validation.", "Use `--validate 0`.");
    return splitRecords(all, share, seed);
  }
  const parts = splitText(text, share).map((part): DataRecord => ({
    ...only!,
    values: { [field!.name]: part },
  }));
  return { train: [parts[0]!], validation: share > 0 ? [parts[1]!] : [] };
}
