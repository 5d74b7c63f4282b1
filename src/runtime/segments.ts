/** Into how many segments of what length training cuts sequences, where the module was built for that. */
import type { Sizes } from "./layout.ts";
import type { Metadata } from "./metadata.ts";

/**
 * The sizes of a step of training: lengths rounded up to whole segments, and those segments. Products over fewer than 64 rows,
 * of all examples together, are slower.
 */
export function inSegments({ segmented }: Pick<Metadata, "segmented">, sizes: Sizes): Sizes {
  const found = { ...sizes } as Record<string, number>;
  for (const { axis, steps, segments, ratio } of segmented ?? []) {
    const length = sizes[axis]!;
    const least = Math.max((length * ratio) ** 0.5, 64 / sizes["B"]!);
    const long = Math.ceil(length / Math.ceil(length / least));
    found[steps] = long;
    found[axis] = long * (found[segments] = Math.ceil(length / long));
  }
  return found;
}
