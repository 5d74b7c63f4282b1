/** How long a model goes on with numbers of its own, where nothing that is given tells: as long as `max` says. */
import type { Batch, DataSpecs } from "./batch.ts";
import { fail } from "./errors.ts";
import type { LengthInfo } from "./metadata.ts";

/** The batch with a length of each example along the axes that no data in it run along. */
export function bounded(of: DataSpecs, batch: Batch, max?: number): Batch {
  const { decode, unbounded } = of.metadata;
  const open = unbounded.filter(({ axis }) => !batch.lengths.has(axis));
  if (open.length === 0) return batch;
  const said = decode.map(({ options }) => options["max"]).find((value) => typeof value !== "string");
  const most =
    max ??
    said ??
    fail(`\`${open[0]!.data}\` has no end of its own: give \`max\`, as in \`decode { greedy(max = 100) }\``);
  const lengths = Int32Array.from({ length: batch.count }, (_, k) => lengthFrom(most, batch, k));
  return {
    ...batch,
    lengths: new Map([...batch.lengths, ...open.map(({ axis }) => [axis, lengths] as const)]),
  };
}

/** A number, or one made of the length of an example. */
export function lengthFrom(
  max: number | LengthInfo,
  { lengths }: Pick<Batch, "lengths">,
  example: number,
): number {
  if (typeof max === "number") return max;
  return Math.max(1, Math.ceil(max.times * (lengths.get(max.axis)?.[example] ?? 0) + max.plus));
}
