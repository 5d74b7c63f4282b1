/** Vectors in plain loops, to write down what a network computes a second time. */
import type { Values } from "../language/program.ts";

export type Vector = readonly number[];

/** A parameter by its name. */
export type Weights = (name: string) => Vector;

export const weights =
  (values: Values): Weights =>
  (name) => {
    const found = values.get(name);
    if (!found) throw new Error(`there is no parameter ${name}, but ${[...values.keys()]}`);
    return found;
  };

export const zeros = (n: number): number[] => new Array<number>(n).fill(0);

/** Element by element. */
export const each = (fn: (...x: number[]) => number, first: Vector, ...rest: readonly Vector[]): number[] =>
  first.map((x, k) => fn(x, ...rest.map((v) => v[k]!)));

export const add = (...all: readonly [Vector, ...Vector[]]): number[] =>
  each((...x) => x.reduce((a, b) => a + b), ...all);

export const mul = (a: Vector, b: Vector): number[] => each((x, y) => x * y, a, b);

/** (1 - p) a + p b. */
export const mix = (p: Vector, a: Vector, b: Vector): number[] =>
  each((p, x, y) => (1 - p) * x + p * y, p, a, b);

export const tanh = (v: Vector): number[] => v.map(Math.tanh);
export const sigmoid = (v: Vector): number[] => v.map((x) => 1 / (1 + Math.exp(-x)));
export const relu = (v: Vector): number[] => v.map((x) => Math.max(x, 0));

export function softmax(v: Vector): number[] {
  const total = v.reduce((sum, x) => sum + Math.exp(x), 0);
  return v.map((x) => Math.exp(x) / total);
}

/** A matrix, row after row, times a vector. */
export function product(matrix: Vector, x: Vector): number[] {
  const y = zeros(matrix.length / x.length);
  for (let i = 0; i < y.length; i++)
    for (let j = 0; j < x.length; j++) y[i]! += matrix[i * x.length + j]! * x[j]!;
  return y;
}

/** What `linear(…)` in the equation `at` means: `x` meets the weights `Wx`. */
export function linear(
  w: Weights,
  at: string,
  operands: Readonly<Record<string, Vector>>,
  copy = "",
): number[] {
  const products = Object.entries(operands).map(([name, x]) => product(w(`${at}.W${name}${copy}`), x));
  return add(...(products as [number[], ...number[][]]));
}

/** What `affine(…)` means. `copy` is the ordinal of one of several in an equation. */
export const affine = (
  w: Weights,
  at: string,
  operands: Readonly<Record<string, Vector>>,
  copy = "",
): number[] => add(linear(w, at, operands, copy), w(`${at}.b${copy}`));

/** Layer normalisation. */
export function normalise(w: Weights, at: string, x: Vector, copy = ""): number[] {
  const mean = x.reduce((a, b) => a + b) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  const scaled = x.map((value) => (value - mean) / Math.sqrt(variance + 1e-5));
  return add(mul(w(`${at}.γ${copy}`), scaled), w(`${at}.β${copy}`));
}

/** The states of all steps. */
export function unroll<State>(
  xs: readonly Vector[],
  start: State,
  step: (x: Vector, before: State) => State,
): State[] {
  const states: State[] = [];
  for (const x of xs) states.push(step(x, states.at(-1) ?? start));
  return states;
}

/** The same from the end. */
export const unrollBack = <State>(
  xs: readonly Vector[],
  start: State,
  step: (x: Vector, before: State) => State,
): State[] => unroll([...xs].reverse(), start, step).reverse();
