import { describe, expect, it } from "vitest";
import { access, at, binary, load, loop, rowsBuffer, symbolic, unary } from "../../src/ir/kernel/build.ts";
import { applyUnary } from "../../src/ir/kernel/scalars.ts";
import type { Expression, Kernel } from "../../src/ir/kernel/types.ts";
import { instantiate, programOf } from "./run.ts";

const B = symbolic("B");
const b = loop("b", B);
const made = (name: string) => rowsBuffer(name, "f32", [B], "temporary");
const [x, y, z, out] = ["x", "y", "z", "out"].map(made) as [
  ReturnType<typeof made>,
  ReturnType<typeof made>,
  ReturnType<typeof made>,
  ReturnType<typeof made>,
];
const here = (buffer: typeof x) => access(buffer, [at(b.variable)]);

function run(value: Expression, xs: ArrayLike<number>, ys: ArrayLike<number> = []): Float32Array {
  const store = { kind: "store", loops: [], to: here(out), value, accumulate: false } as const;
  const use = { ...store, to: here(z), value: load(here(y)) };
  const kernel: Kernel = { kind: "kernel", name: "k", loops: [b], stages: [store, use] };
  const instance = instantiate(programOf([kernel], ["B"]), { B: xs.length });
  instance.write(x, xs);
  instance.write(y, ys.length > 0 ? ys : new Float32Array(xs.length));
  instance.run();
  return instance.raw(out).slice() as Float32Array;
}

const bits = new DataView(new ArrayBuffer(4));
function fromBits(word: number): number {
  bits.setUint32(0, word >>> 0);
  return bits.getFloat32(0);
}

/** Every exponent and sign, with mantissas spread over each. */
function sample(perExponent: number): Float32Array {
  const found: number[] = [];
  for (let sign = 0; sign < 2; sign++)
    for (let exponent = 0; exponent < 255; exponent++)
      for (let k = 0; k < perExponent; k++) {
        const mantissa = Math.floor(((k + (exponent % 7) / 7) * 0x800000) / perExponent) & 0x7fffff;
        found.push(fromBits((sign << 31) | (exponent << 23) | mantissa));
      }
  return Float32Array.from(found);
}

/** The distance in units of the last place of the exact result; those below the normal numbers count as 2^-126's. */
function ulps(actual: number, exact: number): number {
  if (Object.is(actual, exact) || actual === Math.fround(exact)) return 0;
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(exact))));
  return Math.abs(actual - exact) / 2 ** (exponent - 23);
}

const smallest = 2 ** -126;
const flushed = (actual: number, exact: number): boolean =>
  Math.abs(exact) <= smallest * 1.02 && Math.abs(actual) <= smallest * 1.02;

function worst(actual: Float32Array, exact: (i: number) => number): { ulp: number; at: number } {
  let found = { ulp: 0, at: -1 };
  actual.forEach((got, i) => {
    const want = exact(i);
    if (flushed(got, want)) return;
    const distance =
      Number.isNaN(want) || Number.isNaN(got)
        ? Number.isNaN(want) === Number.isNaN(got)
          ? 0
          : Infinity
        : ulps(got, want);
    if (distance > found.ulp) found = { ulp: distance, at: i };
  });
  return found;
}

const functions = ["exp", "log", "sigmoid", "tanh", "softplus", "sin", "cos"] as const;

describe("accuracy", () => {
  const wide = sample(997);
  const near = Float32Array.from({ length: 400_003 }, (_, i) => (i / 200_000 - 1) * 100);
  it.each(functions)("%s within 3 ulp", (fn) => {
    for (const inputs of [wide, near]) {
      const { ulp, at } = worst(run(unary(fn, load(here(x))), inputs), (i) =>
        applyUnary(fn, "f32", inputs[i]!),
      );
      if (process.env["SHOW"]) console.log(fn, ulp, inputs[at]);
      expect(ulp, `at ${inputs[at]}`).toBeLessThanOrEqual(3);
    }
  });

  it("pow within 3 ulp", () => {
    const [xs, ys]: [number[], number[]] = [[], []];
    const bases = sample(5);
    const exponents = [
      -1000, -77, -3, -2.5, -1, -0.5, -1e-4, 0, 1e-30, 0.1, 0.5, 1, 1.5, 2, 3, 5, 7.25, 30, 126, 1e9,
    ];
    for (const base of bases)
      for (const exponent of exponents) (xs.push(base), ys.push(Math.fround(exponent)));
    const values = [0, -0, 1, -1, 2, -2, 0.5, -0.5, Infinity, -Infinity, NaN, 3, -3];
    for (const base of values) for (const exponent of values) (xs.push(base), ys.push(exponent));
    const actual = run(binary("pow", load(here(x)), load(here(y))), xs, ys);
    const { ulp, at } = worst(actual, (i) => {
      const exact = Math.pow(xs[i]!, ys[i]!);
      return Math.abs(exact) >= 2 ** 128 * (1 - 2 ** -25) ? Math.sign(exact) * Infinity : exact;
    });
    expect(ulp, `at ${xs[at]}, ${ys[at]}`).toBeLessThanOrEqual(3);
  });
});

describe("special values", () => {
  const specials = [
    Infinity,
    -Infinity,
    NaN,
    0,
    -0,
    2 ** -149,
    -(2 ** -149),
    2 ** -126,
    89,
    -88,
    -104,
    3.4e38,
    -3.4e38,
  ];
  it.each(functions)("%s", (fn) => {
    const actual = run(unary(fn, load(here(x))), specials);
    specials.forEach((input, i) => {
      const exact = Math.fround(applyUnary(fn, "f32", Math.fround(input)));
      const got = actual[i]!;
      const ok = Object.is(got, exact) || got === exact || flushed(got, exact) || ulps(got, exact) <= 3;
      expect(ok, `${fn}(${input}) is ${got}, not ${exact}`).toBe(true);
    });
    // At the ends there is nothing to round.
    for (const i of [0, 1])
      if (fn !== "sin" && fn !== "cos")
        expect(Math.abs(actual[i]! - applyUnary(fn, "f32", specials[i]!)) || 0).toBe(0);
  });
});

describe("the scalar form", () => {
  it.each([...functions, "sign", "step"] as const)("of %s gives the bits of the lanes", (fn) => {
    const inputs = sample(7);
    const lanes = run(unary(fn, load(here(x))), inputs);
    // A store in reverse order has no lanes.
    const last = binary(
      "sub",
      binary(
        "sub",
        { kind: "extent", dtype: "i32", extent: B },
        { kind: "constant", dtype: "i32", value: 1 },
      ),
      at(b.variable),
    );
    const from = load(access(x, [last]));
    const scalar = run(unary(fn, from), inputs);
    const words = (a: Float32Array): number[] => Array.from(new Uint32Array(a.slice().buffer), (w) => w);
    expect(words(scalar.slice().reverse())).toEqual(words(lanes));
  });
});
