/** Scalar expressions in WGSL. What its own functions leave undefined or inexact is in `helpers`. */
import type { Dialect, ValueType } from "./code.ts";
import { integerPower, realText } from "./numbers.ts";

const types: Dialect["types"] = { f32: "f32", i32: "i32", bool: "bool" };

function constant(type: ValueType, value: number): string {
  if (type === "bool") return value ? "true" : "false";
  if (type === "i32") return `i32(${value})`;
  return realText(value, { infinity: "infinity", suffix: "f" });
}

/** `infinity` is no constant of WGSL: a kernel reads its bits. */
export const wgsl = (size: Dialect["size"]): Dialect => ({
  types,
  constant,
  size,
  unary: {
    neg: (x) => `-${x}`,
    // Devices need not know infinities: log 0 may be -88, and exp of what is too small above 0.
    exp: (x) => `select(exp(${x}), 0.0f, ${x} < -103.0f)`,
    log: (x) => `select(log(${x}), -infinity, ${x} == 0.0f)`,
    sqrt: (x) => `sqrt(${x})`,
    abs: (x) => `abs(${x})`,
    sign: (x) => `sign(${x})`,
    floor: (x) => `floor(${x})`,
    sin: (x) => `sin(${x})`,
    cos: (x) => `cos(${x})`,
    sigmoid: (x) => `sigmoid(${x})`,
    tanh: (x) => `tangent(${x})`,
    softplus: (x) => `softplus(${x})`,
    step: (x) => `select(0.0f, 1.0f, ${x} > 0.0f)`,
    not: (x) => `!${x}`,
    float: (x) => `f32(${x})`,
    int: (x) => `i32(${x})`,
  },
  binary: {
    add: (a, b) => `${a} + ${b}`,
    sub: (a, b) => `${a} - ${b}`,
    mul: (a, b) => `${a} * ${b}`,
    div: (a, b) => `${a} / ${b}`,
    pow: (a, b, type, right) =>
      integerPower(a, right) ?? (type === "f32" ? `power(${a}, ${b})` : `i32(power(f32(${a}), f32(${b})))`),
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
  select: (condition, then, otherwise) => `select(${otherwise}, ${then}, ${condition})`,
  value: (_, name, value) => `let ${name} = ${value};`,
  variable: (type, name, value) => `var ${name}: ${types[type]} = ${value};`,
  counted: (name, from, to, by) => `for (var ${name}: i32 = ${from}; ${name} < ${to}; ${name} += ${by})`,
  random: (distribution, operands) => `${distribution}Number(${operands.join(", ")})`,
});

/**
 * Functions by name, each with those that it calls. tanh by its series near 0, where 1 - e^x has no digits left; a power
 * of a negative number is that of its absolute value, with a sign if the exponent is odd. Threefry as in `ir/random.ts`.
 */
export const wgslHelpers: Readonly<
  Record<string, { readonly calls: readonly string[]; readonly text: string }>
> = {
  sigmoid: {
    calls: [],
    text: `fn sigmoid(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0f, x >= 0.0f) / (1.0f + e);
}`,
  },
  tangent: {
    calls: [],
    text: `fn tangent(x: f32) -> f32 {
  let z = x * x;
  let series = x * (1.0f + z * (-0.33333334f + z * (0.13333334f + z * -0.053968254f)));
  let e = exp(-2.0f * abs(x));
  return select(sign(x) * (1.0f - e) / (1.0f + e), series, abs(x) < 0.25f);
}`,
  },
  softplus: {
    calls: [],
    text: `fn softplus(x: f32) -> f32 {
  let e = exp(-abs(x));
  let series = e * (1.0f + e * (-0.5f + e * (0.33333334f + e * -0.25f)));
  return max(x, 0.0f) + select(log(1.0f + e), series, e < 0.015625f);
}`,
  },
  power: {
    calls: [],
    text: `fn power(x: f32, y: f32) -> f32 {
  if (y == 0.0f) { return 1.0f; }
  let odd = abs(y - 2.0f * floor(y * 0.5f)) == 1.0f;
  return select(1.0f, -1.0f, x < 0.0f && odd) * pow(abs(x), y);
}`,
  },
  threefry: {
    calls: [],
    text: `fn threefry(seed: i32, place: i32, example: i32, coordinate: i32) -> vec2<u32> {
  let key = array<u32, 3>(u32(seed), u32(place), 0x1bd11bdau ^ u32(seed) ^ u32(place));
  let turns = array<u32, 8>(13u, 15u, 26u, 6u, 17u, 29u, 16u, 24u);
  var a = u32(example) + key[0];
  var b = u32(coordinate) + key[1];
  for (var round = 0u; round < 20u; round++) {
    a += b;
    let by = turns[round % 8u];
    b = ((b << by) | (b >> (32u - by))) ^ a;
    if (round % 4u == 3u) {
      let group = (round + 1u) / 4u;
      a += key[group % 3u];
      b += key[(group + 1u) % 3u] + group;
    }
  }
  return vec2<u32>(a, b);
}`,
  },
  uniformNumber: {
    calls: ["threefry"],
    text: `fn uniformNumber(seed: i32, place: i32, example: i32, coordinate: i32) -> f32 {
  return f32(threefry(seed, place, example, coordinate).x >> 8u) * 5.9604645e-8f;
}`,
  },
  normalNumber: {
    calls: ["threefry"],
    text: `fn normalNumber(seed: i32, place: i32, example: i32, coordinate: i32) -> f32 {
  let words = vec2<f32>(threefry(seed, place, example, coordinate) >> vec2<u32>(8u, 8u)) * 5.9604645e-8f;
  return sqrt(-2.0f * log(1.0f - words.x)) * cos(6.2831855f * words.y);
}`,
  },
};
