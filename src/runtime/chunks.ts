/**
 * Truncated back-propagation through time on long sequences: one sequence is cut into as many parallel streams as a
 * batch has examples, each stream into chunks of K steps; the model's states go on from chunk to chunk. `next` is
 * made before the cutting, so it crosses the borders of chunks. What is left over at the end, less than one step a
 * stream, is dropped.
 */
import { assemble, type Batch, type DataSpecs, type Inputs, part } from "./batch.ts";
import { encodeExample, type Example, type Spec, type Value } from "./encode.ts";
import { fail, names } from "./errors.ts";
import type { TrainSettings } from "./train-settings.ts";

/** One long sequence: of the model's only input, or of each input and target by name. */
export type Sequences = Value | Inputs;

export interface ChunkOptions {
  /** Parallel streams. Default: `batch` of `train { … }`. */
  readonly batch?: number;
  /** Steps of a chunk. Default: `tbptt` of `train { … }`. */
  readonly length?: number;
}

export function* cutChunks(
  of: DataSpecs,
  settings: TrainSettings,
  sequences: Sequences,
  options: ChunkOptions = {},
): Generator<Batch, void> {
  const batch = options.batch ?? settings.batch;
  const length =
    options.length ?? settings.tbptt ?? fail("the model is not trained on chunks: give it `tbptt`");
  const columns = longColumns(of, sequences);
  const total = Math.min(...[...columns.values()].map((x) => x.shape[0]!));
  const steps = Math.floor(total / batch);
  if (steps === 0) fail(`${total} steps are too few for ${batch} streams side by side`);
  for (let start = 0; start < steps; start += length) {
    const end = Math.min(start + length, steps);
    const cut = new Map<string, readonly Example[]>();
    for (const [name, whole] of columns)
      cut.set(
        name,
        Array.from({ length: batch }, (_, k) => part(whole, k * steps + start, k * steps + end)),
      );
    yield assemble(of, cut, false, { fresh: start === 0 });
  }
}

function longColumns(of: DataSpecs, sequences: Sequences): Map<string, Example> {
  const specs = [...of.specs.values()];
  const given = specs.filter(({ info }) => !info.derived);
  const columns = new Map<string, Example>();
  for (const spec of given) {
    const { name } = spec.info;
    columns.set(name, encodeExample(sequence(spec), valueOf(sequences, name, given), name));
  }
  const lengths = new Set([...columns.values()].map((x) => x.shape[0]!));
  if (lengths.size > 1) fail(`the sequences have different lengths: ${[...lengths].join(", ")}`);
  const [length = 0] = lengths;
  const derived = specs.filter(({ info }) => info.derived);
  for (const { info } of derived)
    columns.set(info.name, part(columns.get(info.derived!.of)!, Math.min(1, length), length));
  return columns;
}

function sequence(spec: Spec): Spec {
  if (spec.info.axes[0]?.size !== null)
    fail(`\`${spec.info.name}\` is no sequence that could be cut into chunks`);
  return spec;
}

function valueOf(sequences: Sequences, name: string, given: readonly Spec[]): Value {
  const isRecord =
    typeof sequences === "object" && !Array.isArray(sequences) && !ArrayBuffer.isView(sequences);
  if (!isRecord || "shape" in sequences)
    return given.length === 1
      ? (sequences as Value)
      : fail(`give the sequences by name: ${names(given.map(({ info }) => info.name))}`);
  return (sequences as Inputs)[name] ?? fail(`the sequence \`${name}\` is missing`);
}
