/** How near two results are: to what bound, by which norm. */
import { expect } from "vitest";
import type { Values } from "./program.ts";

const norm = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));

/** The length of the difference over that of the expected, or over `floor` where that is shorter. */
export function relativeError(actual: readonly number[], expected: readonly number[], floor: number): number {
  if (actual.length !== expected.length) return Infinity;
  const error = norm(actual.map((x, k) => x - expected[k]!)) / Math.max(norm(expected), floor);
  return Number.isNaN(error) ? Infinity : error;
}

/** Parameter by parameter, each as a vector. */
export function expectGradients(actual: Values, expected: Values, bound: number, floor: number): void {
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  for (const [name, gradient] of expected) {
    const error = relativeError(actual.get(name)!, gradient, floor);
    expect(error, `the gradient of ${name}: ${actual.get(name)!}, not ${gradient}`).toBeLessThanOrEqual(
      bound,
    );
  }
}

/** Element by element, relative to those above `floor`, else to `floor`. */
export function expectClose(
  actual: readonly number[],
  expected: readonly number[],
  bound: number,
  floor = 1,
  what = "value",
): void {
  expect(actual.length, `the number of elements of ${what}`).toBe(expected.length);
  actual.forEach((x, k) => {
    const error = Math.abs(x - expected[k]!) / Math.max(floor, Math.abs(expected[k]!));
    expect(error, `${what} [${k}]: ${x}, not ${expected[k]}`).toBeLessThanOrEqual(bound);
  });
}
