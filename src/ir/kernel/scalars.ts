/**
 * What the scalar functions of expressions mean, one entry a function: arithmetic in float64 for f32, in 32 bits
 * that wrap for i32. Total tables, so that a function without a meaning does not compile.
 */
import type { BinaryFunction, DType, ReduceFunction, UnaryFunction } from "./types.ts";

const truth = (x: boolean): number => (x ? 1 : 0);

const unary: Readonly<Record<UnaryFunction, (x: number) => number>> = {
  neg: (x) => -x,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  sin: Math.sin,
  cos: Math.cos,
  sigmoid: (x) => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))),
  tanh: Math.tanh,
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  step: (x) => truth(x > 0),
  not: (x) => truth(x === 0),
  float: (x) => x,
  int: (x) => Math.trunc(x) | 0,
};

const compare = {
  lt: (a: number, b: number) => truth(a < b),
  le: (a: number, b: number) => truth(a <= b),
  gt: (a: number, b: number) => truth(a > b),
  ge: (a: number, b: number) => truth(a >= b),
  eq: (a: number, b: number) => truth(a === b),
  ne: (a: number, b: number) => truth(a !== b),
  and: (a: number, b: number) => truth(a !== 0 && b !== 0),
  or: (a: number, b: number) => truth(a !== 0 || b !== 0),
};

type Binary = Readonly<Record<BinaryFunction, (a: number, b: number) => number>>;

const floats: Binary = {
  ...compare,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow: Math.pow,
  mod: (a, b) => a - b * Math.floor(a / b),
  max: Math.max,
  min: Math.min,
};

const integers: Binary = {
  ...compare,
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  mul: Math.imul,
  div: (a, b) => Math.trunc(a / b) | 0,
  pow: (a, b) => Math.pow(a, b) | 0,
  mod: (a, b) => (((a % b) + b) % b) | 0,
  max: Math.max,
  min: Math.min,
};

export function applyUnary(fn: UnaryFunction, dtype: DType | "bool", x: number): number {
  const value = unary[fn](x);
  return dtype === "i32" && (fn === "neg" || fn === "abs") ? value | 0 : value;
}

export function applyBinary(fn: BinaryFunction, dtype: DType | "bool", a: number, b: number): number {
  return (dtype === "i32" ? integers : floats)[fn](a, b);
}

export interface Reducer {
  take(value: number, position: number): void;
  result(): number;
}

function fold(start: number, step: (sum: number, value: number) => number): () => Reducer {
  return () => {
    let sum = start;
    return { take: (value) => void (sum = step(sum, value)), result: () => sum };
  };
}

/** Over nothing: sum 0, prod 1, max and logsumexp -inf, argmax 0. */
export const reducers: Readonly<Record<ReduceFunction, () => Reducer>> = {
  sum: fold(0, (a, b) => a + b),
  prod: fold(1, (a, b) => a * b),
  max: fold(-Infinity, Math.max),
  logsumexp: () => {
    const values: number[] = [];
    return {
      take: (value) => void values.push(value),
      result: () => {
        const top = values.reduce((a, b) => Math.max(a, b), -Infinity);
        if (!Number.isFinite(top)) return top;
        return top + Math.log(values.reduce((sum, x) => sum + Math.exp(x - top), 0));
      },
    };
  },
  argmax: () => {
    let best = -Infinity;
    let where = 0;
    return {
      take: (value, position) => {
        if (value > best) [best, where] = [value, position];
      },
      result: () => where,
    };
  },
};
