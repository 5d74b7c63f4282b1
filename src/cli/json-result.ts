/** A prediction as JSON: labels where there are some, else numbers, as short as they tell the 32-bit float apart. */
import type { OutputInfo } from "../runtime/metadata.ts";
import type { Nested, Result } from "../runtime/results.ts";

export function jsonResult(
  result: Result,
  { meaning }: OutputInfo,
  probabilities: boolean,
): Nested<number | string> {
  if (meaning === "labels" || (meaning === "probabilities" && !probabilities)) return result.labels();
  return shorten(result.nested());
}

const shorten = (value: Nested<number>): Nested<number> =>
  typeof value === "number" ? shortFloat(value) : value.map(shorten);

/** 0.1, not 0.10000000149011612. */
export function shortFloat(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
