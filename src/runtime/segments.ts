/** Into how many segments of what length training cuts sequences, where the module was built for that. */
import type { Sizes } from "./layout.ts";
import type { Metadata } from "./metadata.ts";

/** Products over fewer rows, of all examples together, are slower. */
const fewestRows = 64;

/** The sizes of a step of training: lengths rounded up to whole segments, and those segments. */
export function inSegments({ segmented = [] }: Pick<Metadata, "segmented">, sizes: Sizes): Sizes {
  const found: Record<string, number> = { ...sizes };
  for (const { axis, steps, segments, ratio } of segmented) {
    const length = sizes[axis]!;
    const least = Math.ceil(fewestRows / sizes["B"]!);
    const wanted = Math.min(length, Math.max(least, Math.round(Math.sqrt(length * ratio))));
    const count = Math.ceil(length / wanted);
    const long = Math.ceil(length / count);
    found[steps] = long;
    found[segments] = Math.ceil(length / long);
    found[axis] = long * found[segments];
  }
  return found;
}
