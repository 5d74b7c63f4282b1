/** Scalar expressions in GLSL ES 3.00. What its own functions leave undefined or inexact is in `glslHelpers`. */
import type { Dialect, ValueType } from "./code.ts";
import { integerPower, realText } from "./numbers.ts";

const types: Dialect["types"] = { f32: "float", i32: "int", bool: "bool" };

function constant(type: ValueType, value: number): string {
  if (type === "bool") return value ? "true" : "false";
  // The lowest integer has no literal of its own.
  if (type === "i32") return value < 0 ? `(-${-value - 1} - 1)` : String(value);
  return realText(value, { infinity: "infinity", suffix: "" });
}

/** `infinity` is no constant of GLSL: a kernel is given it. */
export const glsl = (size: Dialect["size"]): Dialect => ({
  types,
  constant,
  size,
  unary: {
    neg: (x) => `-${x}`,
    // As in WGSL: log 0 is minus infinity, and exp of what is too small is 0.
    exp: (x) => `(${x} < -103.0 ? 0.0 : exp(${x}))`,
    log: (x) => `(${x} == 0.0 ? -infinity : log(${x}))`,
    sqrt: (x) => `sqrt(${x})`,
    abs: (x) => `abs(${x})`,
    sign: (x) => `sign(${x})`,
    floor: (x) => `floor(${x})`,
    sin: (x) => `sin(${x})`,
    cos: (x) => `cos(${x})`,
    sigmoid: (x) => `sigmoid(${x})`,
    tanh: (x) => `tangent(${x})`,
    softplus: (x) => `softplus(${x})`,
    step: (x) => `(${x} > 0.0 ? 1.0 : 0.0)`,
    not: (x) => `!${x}`,
    float: (x) => `float(${x})`,
    int: (x) => `int(${x})`,
  },
  binary: {
    add: (a, b) => `${a} + ${b}`,
    sub: (a, b) => `${a} - ${b}`,
    mul: (a, b) => `${a} * ${b}`,
    div: (a, b) => `${a} / ${b}`,
    pow: (a, b, type, right) =>
      integerPower(a, right) ??
      (type === "f32" ? `power(${a}, ${b})` : `int(power(float(${a}), float(${b})))`),
    mod: (a, b, type) =>
      type === "f32" ? `${a} - ${b} * floor(${a} / ${b})` : `((${a} % ${b}) + ${b}) % ${b}`,
    max: (a, b) => `max(${a}, ${b})`,
    min: (a, b) => `min(${a}, ${b})`,
    lt: (a, b) => `${a} < ${b}`,
    le: (a, b) => `${a} <= ${b}`,
    gt: (a, b) => `${a} > ${b}`,
    ge: (a, b) => `${a} >= ${b}`,
    eq: (a, b) => `${a} == ${b}`,
    ne: (a, b) => `${a} != ${b}`,
    and: (a, b) => `${a} && ${b}`,
    or: (a, b) => `${a} || ${b}`,
  },
  select: (condition, then, otherwise) => `${condition} ? ${then} : ${otherwise}`,
  value: (type, name, value) => `${types[type]} ${name} = ${value};`,
  variable: (type, name, value) => `${types[type]} ${name} = ${value};`,
  counted: (name, from, to, by) => `for (int ${name} = ${from}; ${name} < ${to}; ${name} += ${by})`,
  random: (distribution, operands) => `${distribution}Number(${operands.join(", ")})`,
});

/** Functions by name, each with those that it calls; their reasons are those of `wgslHelpers`. */
export const glslHelpers: Readonly<
  Record<string, { readonly calls: readonly string[]; readonly text: string }>
> = {
  sigmoid: {
    calls: [],
    text: `float sigmoid(float x) {
  float e = exp(-abs(x));
  return (x >= 0.0 ? 1.0 : e) / (1.0 + e);
}`,
  },
  tangent: {
    calls: [],
    text: `float tangent(float x) {
  float z = x * x;
  float series = x * (1.0 + z * (-0.33333334 + z * (0.13333334 + z * -0.053968254)));
  float e = exp(-2.0 * abs(x));
  return abs(x) < 0.25 ? series : sign(x) * (1.0 - e) / (1.0 + e);
}`,
  },
  softplus: {
    calls: [],
    text: `float softplus(float x) {
  float e = exp(-abs(x));
  float series = e * (1.0 + e * (-0.5 + e * (0.33333334 + e * -0.25)));
  return max(x, 0.0) + (e < 0.015625 ? series : log(1.0 + e));
}`,
  },
  power: {
    calls: [],
    text: `float power(float x, float y) {
  if (y == 0.0) return 1.0;
  bool odd = abs(y - 2.0 * floor(y * 0.5)) == 1.0;
  return (x < 0.0 && odd ? -1.0 : 1.0) * pow(abs(x), y);
}`,
  },
  threefry: {
    calls: [],
    text: `uvec2 threefry(int seed, int place, int example, int coordinate) {
  uint key[3] = uint[3](uint(seed), uint(place), 0x1bd11bdau ^ uint(seed) ^ uint(place));
  uint turns[8] = uint[8](13u, 15u, 26u, 6u, 17u, 29u, 16u, 24u);
  uint a = uint(example) + key[0];
  uint b = uint(coordinate) + key[1];
  for (uint turn = 0u; turn < 20u; turn++) {
    a += b;
    uint by = turns[turn % 8u];
    b = ((b << by) | (b >> (32u - by))) ^ a;
    if (turn % 4u == 3u) {
      uint group = (turn + 1u) / 4u;
      a += key[group % 3u];
      b += key[(group + 1u) % 3u] + group;
    }
  }
  return uvec2(a, b);
}`,
  },
  uniformNumber: {
    calls: ["threefry"],
    text: `float uniformNumber(int seed, int place, int example, int coordinate) {
  return float(threefry(seed, place, example, coordinate).x >> 8u) * 5.9604645e-8;
}`,
  },
  normalNumber: {
    calls: ["threefry"],
    text: `float normalNumber(int seed, int place, int example, int coordinate) {
  vec2 words = vec2(threefry(seed, place, example, coordinate) >> 8u) * 5.9604645e-8;
  return sqrt(-2.0 * log(1.0 - words.x)) * cos(6.2831855 * words.y);
}`,
  },
};
