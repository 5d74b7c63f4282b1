/** Numbers as GLSL and WGSL write them alike. */
import type { Expression } from "../../ir/kernel/types.ts";

/** A float32 with a point or an exponent. What is too large for one is infinite. */
export function realText(
  value: number,
  { infinity, suffix }: { readonly infinity: string; readonly suffix: string },
): string {
  const x = Math.fround(value);
  if (!Number.isFinite(x))
    return Number.isNaN(x) ? `(${infinity} - ${infinity})` : x > 0 ? infinity : `(-${infinity})`;
  const sign = x < 0 || Object.is(x, -0) ? "-" : "";
  const text = String(Math.abs(x));
  const pointed = /[.e]/u.test(text) ? text : `${text}.0`;
  return sign ? `(-${pointed}${suffix})` : `${pointed}${suffix}`;
}

/** `x * x` for a constant exponent from 1 to 4: exact, and right for negative numbers. */
export function integerPower(x: string, exponent: Expression): string | null {
  if (exponent.kind !== "constant" || ![1, 2, 3, 4].includes(exponent.value)) return null;
  return Array.from({ length: exponent.value }, () => x).join(" * ");
}
