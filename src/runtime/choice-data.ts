/** What models that make choices need of their data: the end of a sequence, and the words that may be copied. */
import type { DataSpecs } from "./batch.ts";
import type { Example } from "./encode.ts";
import { rowsOf } from "./items.ts";
import type { DataInfo, GenerationInfo, Metadata } from "./metadata.ts";

export const choiceData = {
  isCopied,
  complete: (of: DataSpecs, columns: Map<string, readonly Example[]>): void => {
    appendEnd(of, columns);
    deriveCopies(of, columns);
  },
};
export type ChoiceData = typeof choiceData;

/** A sequence that the model makes ends in `<eos>`, where the vocabulary has it: so it learns when to stop. */
function appendEnd(of: DataSpecs, columns: Map<string, readonly Example[]>): void {
  const { generation } = of.metadata;
  const column = columns.get(generation?.data ?? "");
  if (!generation || !column) return;
  const end = endOf(of, generation);
  if (end < 0) return;
  columns.set(
    generation.data,
    column.map((example) => withEnds(example, end)),
  );
}

/** The id of the end of what a model makes; -1 where it has none, or where another sequence tells its length. */
export function endOf({ specs }: DataSpecs, { step, alone, data }: GenerationInfo): number {
  return step === "next" && alone ? (specs.get(data)!.vocabulary?.end ?? -1) : -1;
}

/** Each row, of a document each sentence, with its end, unless it has it already. */
function withEnds({ data, shape, inner, words }: Example, end: number): Example {
  const width = shape.at(-1)!;
  const rows = shape.length > 1 ? shape[0]! : 1;
  const lengths = inner.get(1) ?? new Int32Array(rows).fill(width);
  const ended = Array.from(lengths, (length, row) => {
    const ids = data.subarray(row * width, row * width + length);
    return ids.at(-1) === end ? [...ids] : [...ids, end];
  });
  return { ...rowsOf(ended, shape.length > 1), ...(words ? { words } : {}) };
}

/** Whether the model copies words of the data, or looks for them there. */
function isCopied({ name }: DataInfo, { data, generation }: Metadata): boolean {
  if (generation?.attended?.source === name) return true;
  return data.some(
    ({ derived }) => derived?.kind === "copy" && (derived.of === name || derived.from === name),
  );
}

/** `copy`: words that the vocabulary lacks, by their first place in another data's words. */
function deriveCopies(of: DataSpecs, columns: Map<string, readonly Example[]>): void {
  for (const { name, derived } of of.metadata.data) {
    if (derived?.kind !== "copy") continue;
    const [own, from] = [columns.get(derived.of), columns.get(derived.from)];
    const { info, vocabulary } = of.specs.get(derived.of)!;
    const size = info.vocabulary!.size;
    const unknown = vocabulary?.unknown ?? -1;
    if (!own || !from) continue;
    columns.set(
      name,
      own.map((example, k): Example => {
        const words = from[k]!.words ?? [];
        const data = Int32Array.from(example.data, (id, at) => {
          const place = id === unknown ? words.indexOf(example.words?.[at] ?? "") : -1;
          return place >= 0 && place < derived.places ? size + place : id;
        });
        return { data, shape: example.shape, inner: example.inner };
      }),
    );
  }
}
