/**
 * Where the rows of a search lie in the module's batch. The beginnings of an item are examples of the batch, in slots of
 * their own; the items of a document share the slots of their example, each at its place.
 */
import type { Batch } from "./batch.ts";
import type { Example } from "./encode.ts";
import type { Item } from "./items.ts";
import type { Tensor } from "./safetensors.ts";
import { elements } from "./safetensors.ts";

export interface Row {
  readonly item: number;
  readonly slot: number;
}

/** A row goes on in another slot, at its item's place. */
export interface Move {
  readonly from: number;
  readonly to: number;
  readonly place: number;
}

/** A slot for each row, the rows by their items; and the example that each slot holds, in their order. */
export function placeRows(
  itemOfRow: readonly number[],
  items: readonly Item[],
): { readonly rows: readonly Row[]; readonly examples: readonly number[] } {
  const counts = new Map<number, number>();
  const nths = itemOfRow.map((item) => {
    const nth = counts.get(item) ?? 0;
    counts.set(item, nth + 1);
    return nth;
  });
  // An example has as many slots as that of its items with the most beginnings.
  const widths = new Map<number, number>();
  for (const [item, count] of counts) {
    const { example } = items[item]!;
    widths.set(example, Math.max(count, widths.get(example) ?? 0));
  }
  const starts = new Map<number, number>();
  const examples: number[] = [];
  for (const [example, width] of [...widths].sort(([a], [b]) => a - b)) {
    starts.set(example, examples.length);
    examples.push(...new Array<number>(width).fill(example));
  }
  const rows = itemOfRow.map((item, k) => ({ item, slot: starts.get(items[item]!.example)! + nths[k]! }));
  return { rows, examples };
}

/**
 * A state, the slots first and then, if it has them, the places: slot k takes what slot `sources[k]` held, and of what a move
 * leads to it the part at the move's place.
 */
export function moveRows(
  { data, shape }: Tensor,
  sources: readonly number[],
  moves: readonly Move[],
  hasPlaces: boolean,
): Tensor {
  const size = elements(shape.slice(1));
  const part = hasPlaces ? size / shape[1]! : size;
  const length = sources.length * size;
  const after = data instanceof Float32Array ? new Float32Array(length) : new Int32Array(length);
  sources.forEach((from, slot) => after.set(data.subarray(from * size, (from + 1) * size), slot * size));
  for (const { from, to, place } of moves) {
    const within = hasPlaces ? place * part : 0;
    const start = from * size + within;
    after.set(data.subarray(start, start + part), to * size + within);
  }
  return { data: after, shape: [sources.length, ...shape.slice(1)] };
}

/** A batch whose examples are those of the slots. */
export function repeatExamples(batch: Batch, examples: readonly number[]): Batch {
  const column = (all: readonly Example[]): readonly Example[] => examples.map((k) => all[k]!);
  const picked = (all: Int32Array): Int32Array => Int32Array.from(examples, (k) => all[k]!);
  return {
    ...batch,
    count: examples.length,
    columns: new Map([...batch.columns].map(([name, all]) => [name, column(all)])),
    lengths: new Map([...batch.lengths].map(([axis, all]) => [axis, picked(all)])),
    ids: picked(batch.ids),
  };
}
