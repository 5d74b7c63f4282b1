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
import { openSizes, refuseUnusedSizes } from "../open-sizes.ts";
import { tell } from "../output.ts";
import { choiceText, type MemoryOptions } from "../recompute.ts";
import { dataSpecs } from "../../runtime/batch.ts";
import type { Metadata } from "../../runtime/metadata.ts";
import { override } from "../overrides.ts";
import type { Assignments, Sizes } from "../options.ts";
import { encodeRecord } from "../data/examples.ts";
import { fieldsOf, type Field } from "../data/field.ts";
import { splitRecords, splitText } from "../data/order.ts";
import { readData, type DataSource } from "../data/read.ts";
import type { DataRecord } from "../data/record.ts";
import { singleStepNote } from "../data/single-steps.ts";
import { learnFrom } from "../data/vocabularies.ts";

export interface PrepareOptions {
  readonly data: DataSource;
  /** Where the data for validation lie, if they are not to be a share of the data. */
  readonly validation: string | null;
  /** Words and characters seen fewer times become `<unk>`. */
  readonly minimum: number;
  readonly dims: Sizes;
  readonly settings: Assignments;
  readonly without: readonly string[];
  /** How many the module is to run on. */
  readonly threads: number;
  readonly memory: MemoryOptions;
}

export interface Prepared {
  readonly compiled: Compiled;
  readonly fields: readonly Field[];
  readonly train: readonly DataRecord[];
  readonly validation: readonly DataRecord[];
}

export async function prepare(file: SourceFile, options: PrepareOptions): Promise<Prepared> {
  const dims = options.dims;
  const before = checked(file, dims);
  const source = override(file, before.program, options.settings);
  const { model, program } = source === file ? before : checked(source, dims);
  if (model.trained.length === 0)
    throw new Failure(
      `\`${file.file}\` has no loss, so there is nothing to train.`,
      "End the pipeline with an output layer, such as `softmax(y)`, or write `minimize`.",
    );
  refuseUnusedSizes("--dim", dims, openSizes(model, program));
  const fields = fieldsOf(model.data, program);
  const read = (path: string): readonly DataRecord[] =>
    readData({ ...options.data, path }, { fields, chunked: model.chunked });
  const given = read(options.data.path);
  const note = singleStepNote(given, fields);
  if (note !== null) tell(note);
  const share = model.train.validate ?? 0;
  const { train, validation } =
    options.validation === null
      ? divide(given, fields, model.chunked, share, model.train.seed)
      : { train: given, validation: read(options.validation) };
  const all = options.validation === null ? given : [...train, ...validation];
  const learned = learnFrom({ train, all }, fields, { dims, minimum: options.minimum });
  const settings = { ...learned, without: options.without, threads: options.threads > 1 };
  const plain = await compileOrFail(source, settings);
  const { memory } = options;
  if (memory.recompute === undefined && memory.maxMemory === undefined)
    return { compiled: plain, fields, train, validation };
  const sizes = largestStep(plain.metadata, fields, all);
  const compiled = await compileOrFail(source, { ...settings, ...memory, sizes });
  const choice = choiceText(compiled.recompute, memory, sizes);
  if (choice !== null) tell(choice);
  return { compiled, fields, train, validation };
}

/** The sizes of a step whose sequences are all as long as the longest. */
function largestStep(metadata: Metadata, fields: readonly Field[], records: readonly DataRecord[]): Sizes {
  const { chunked, train, symbols } = metadata;
  const sizes: Record<string, number> = { B: train.batch };
  if (chunked) for (const symbol of symbols) sizes[symbol] ??= train.tbptt!;
  else {
    const specs = dataSpecs(metadata);
    for (const record of records)
      for (const [axis, length] of encodeRecord(specs, fields, record, true).lengths)
        sizes[axis] = Math.max(sizes[axis] ?? 1, length);
  }
  return sizes;
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
