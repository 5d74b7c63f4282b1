/** What a model makes for a batch: one sequence an example, or one at each place of an axis, as the sentences of a document. */
import type { Batch, DataSpecs } from "./batch.ts";
import type { Example } from "./encode.ts";
import type { GenerationInfo } from "./metadata.ts";

export interface Item {
  readonly example: number;
  readonly place: number;
  /** What the inputs say of its length; null: nothing. */
  readonly length: number | null;
}

/** Example by example, place by place. */
export function itemsOf(
  of: DataSpecs,
  batch: Batch,
  { axis, within }: Pick<GenerationInfo, "axis" | "within">,
): readonly Item[] {
  return Array.from({ length: batch.count }, (_, example) => {
    const places = within === null ? 1 : (batch.lengths.get(within)?.[example] ?? 0);
    return Array.from({ length: places }, (_, place) => {
      const length = lengthAt(of, batch, axis, example, place);
      return { example, place, length };
    });
  }).flat();
}

function lengthAt(of: DataSpecs, batch: Batch, axis: string, example: number, place: number): number | null {
  for (const [name, column] of batch.columns) {
    const level = of.specs.get(name)!.info.axes.findIndex((own) => own.name === axis);
    if (level < 0) continue;
    const { shape, inner } = column[example]!;
    return inner.get(level)?.[place] ?? shape[level]!;
  }
  return null;
}

/** Sequences as one example: one by itself, or row by row, with the filler where a row is shorter than others. */
export function rowsOf(sequences: readonly (readonly number[])[], several: boolean, filler = 0): Example {
  const [only] = sequences;
  if (!several) return { data: Int32Array.from(only!), shape: [only!.length], inner: new Map() };
  const lengths = sequences.map((ids) => ids.length);
  const width = Math.max(0, ...lengths);
  const data = new Int32Array(sequences.length * width).fill(filler);
  sequences.forEach((ids, place) => data.set(ids, place * width));
  const inner = new Map(lengths.some((n) => n < width) ? [[1, Int32Array.from(lengths)]] : []);
  return { data, shape: [sequences.length, width], inner };
}
