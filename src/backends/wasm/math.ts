/**
 * exp, log, sigmoid, tanh, softplus, sin, cos and pow, within 3 ulp over all of float32 (`test/wasm/math.test.ts`).
 *
 * One source for both forms: a function is written for four lanes, and its scalar form runs it on one. The
 * polynomials of exp and log are those of Cephes' `expf` and `logf` (S. L. Moshier); sin and cos work in float64
 * with the kernels of FreeBSD's `sinf` and the Payne-Hanek reduction of ARM's optimized-routines; pow works in
 * float64 by series. Results below the normal numbers may be flushed to zero.
 */
import binaryen from "binaryen";
import type { FunctionCode, Local, Module, Ref } from "./code.ts";
import { splatFloat, splatInt } from "./code.ts";

/** Writes the statements a function needs to `to` and returns its result. */
export type LaneFunction = (code: FunctionCode, to: Ref[], x: Ref) => Ref;

const expPolynomial = [
  1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
];
const logPolynomial = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
];
/** 1.5 · 2^23: a float that large has its integer part in the low bits. */
const magic = 12582912;
/** ln 2 in two parts; the first has few bits, so that its product with an exponent is exact. */
const ln2High = 0.693359375;
const ln2Low = -2.1219444e-4;
/** exp is finite up to the first and normal down to the second. */
const expHighest = 88.72283172607422;
const expLowest = -87.33;

const horner = (m: Module, coefficients: readonly number[], x: () => Ref): Ref =>
  coefficients
    .slice(1)
    .reduce(
      (sum, c) => m.f32x4.add(m.f32x4.mul(sum, x()), splatFloat(m, c)),
      splatFloat(m, coefficients[0]!),
    );

/** Into [low, high], leaving NaN as it is: `pmin` and `pmax` give their first operand where the two do not compare. */
const clamp = (m: Module, x: Ref, low: number, high: number): Ref =>
  m.f32x4.pmax(m.f32x4.pmin(x, splatFloat(m, high)), splatFloat(m, low));

interface Reduced {
  /** n shifted into the place of a float's exponent. */
  readonly exponent: Local;
  /** e^r - 1, |r| <= ln 2 / 2. */
  readonly fraction: Local;
}

/** z = n ln 2 + r. */
function reduceExp(code: FunctionCode, to: Ref[], z: Local): Reduced {
  const { m } = code;
  const F = m.f32x4;
  const c = (x: number): Ref => splatFloat(m, x);
  const t = code.keepVector(to, F.add(F.mul(code.get(z), c(Math.LOG2E)), c(magic)));
  const n = code.keepVector(to, F.sub(code.get(t), c(magic)));
  const r = code.keepVector(
    to,
    F.sub(F.sub(code.get(z), F.mul(code.get(n), c(ln2High))), F.mul(code.get(n), c(ln2Low))),
  );
  const R = (): Ref => code.get(r);
  const fraction = code.keepVector(to, F.add(F.mul(F.mul(R(), R()), horner(m, expPolynomial, R)), R()));
  return { exponent: code.keepVector(to, m.i32x4.shl(code.get(t), m.i32.const(23))), fraction };
}

const exp: LaneFunction = (code, to, operand) => {
  const { m } = code;
  const x = code.keepVector(to, operand);
  const z = code.keepVector(to, clamp(m, code.get(x), expLowest, expHighest));
  const { exponent, fraction } = reduceExp(code, to, z);
  const y = m.i32x4.add(m.f32x4.add(code.get(fraction), splatFloat(m, 1)), code.get(exponent));
  const flushed = m.v128.andnot(y, m.f32x4.lt(code.get(x), splatFloat(m, expLowest)));
  return m.v128.bitselect(
    splatFloat(m, Infinity),
    flushed,
    m.f32x4.gt(code.get(x), splatFloat(m, expHighest)),
  );
};

/** 2^n as floats. */
const power = (code: FunctionCode, to: Ref[], exponent: Local): Local =>
  code.keepVector(to, code.m.i32x4.add(code.get(exponent), splatFloat(code.m, 1)));

/** 1 / (1 + e^-x). */
const sigmoid: LaneFunction = (code, to, operand) => {
  const { m } = code;
  const F = m.f32x4;
  const one = (): Ref => splatFloat(m, 1);
  const z = code.keepVector(to, clamp(m, F.neg(operand), -88, 88));
  const { exponent, fraction } = reduceExp(code, to, z);
  const e = m.i32x4.add(F.add(code.get(fraction), one()), code.get(exponent));
  const y = code.keepVector(to, F.div(one(), F.add(e, one())));
  return m.v128.andnot(code.get(y), F.lt(code.get(y), splatFloat(m, 2 ** -126)));
};

/** (e^2x - 1) / (e^2x + 1), the numerator summed as s (e^r - 1) + (s - 1). */
const tanh: LaneFunction = (code, to, operand) => {
  const { m } = code;
  const F = m.f32x4;
  const x = code.keepVector(to, clamp(m, operand, -9.02, 9.02));
  const z = code.keepVector(to, F.add(code.get(x), code.get(x)));
  const { exponent, fraction } = reduceExp(code, to, z);
  const s = power(code, to, exponent);
  const numerator = code.keepVector(
    to,
    F.add(F.mul(code.get(s), code.get(fraction)), F.sub(code.get(s), splatFloat(m, 1))),
  );
  return F.div(code.get(numerator), F.add(code.get(numerator), splatFloat(m, 2)));
};

/** ln(1 + f) + e ln 2, for 1 + f in [√½, √2]. */
function logOf(code: FunctionCode, to: Ref[], f: Local, e: Local): Ref {
  const { m } = code;
  const F = m.f32x4;
  const c = (x: number): Ref => splatFloat(m, x);
  const f_ = (): Ref => code.get(f);
  const square = code.keepVector(to, F.mul(f_(), f_()));
  const series = F.mul(F.mul(horner(m, logPolynomial, f_), f_()), code.get(square));
  const low = F.sub(F.add(series, F.mul(code.get(e), c(ln2Low))), F.mul(code.get(square), c(0.5)));
  return F.add(F.add(f_(), low), F.mul(code.get(e), c(ln2High)));
}

const log: LaneFunction = (code, to, operand) => {
  const { m } = code;
  const [F, I] = [m.f32x4, m.i32x4];
  const x = code.keepVector(to, operand);
  // Denormal numbers are scaled by 2^23.
  const small = code.keepVector(to, F.lt(code.get(x), splatFloat(m, 2 ** -126)));
  const scaled = m.v128.bitselect(F.mul(code.get(x), splatFloat(m, 2 ** 23)), code.get(x), code.get(small));
  // Counted from √½ the exponent's bits give e, and the rest puts the mantissa into [√½, √2).
  const root = 0x3f3504f3;
  const bits = code.keepVector(to, I.sub(scaled, splatInt(m, root)));
  const shifted = I.sub(
    I.shr_s(code.get(bits), m.i32.const(23)),
    m.v128.and(code.get(small), splatInt(m, 23)),
  );
  const e = code.keepVector(to, F.convert_i32x4_s(shifted));
  const mantissa = I.add(m.v128.and(code.get(bits), splatInt(m, 0x7fffff)), splatInt(m, root));
  const f = code.keepVector(to, F.sub(mantissa, splatFloat(m, 1)));
  const y = logOf(code, to, f, e);
  // The square root is NaN below 0 and leaves infinity and NaN as they are.
  const special = m.v128.bitselect(
    splatFloat(m, -Infinity),
    F.sqrt(code.get(x)),
    F.eq(code.get(x), splatFloat(m, 0)),
  );
  const ordinary = m.v128.and(
    F.gt(code.get(x), splatFloat(m, 0)),
    F.lt(code.get(x), splatFloat(m, Infinity)),
  );
  return m.v128.bitselect(y, special, ordinary);
};

/** max(x, 0) + ln(1 + e^-|x|), the logarithm's argument split exactly. */
const softplus: LaneFunction = (code, to, operand) => {
  const { m } = code;
  const F = m.f32x4;
  const x = code.keepVector(to, operand);
  const u = code.keepVector(to, exp(code, to, F.neg(F.abs(code.get(x)))));
  const large = code.keepVector(to, F.gt(code.get(u), splatFloat(m, Math.SQRT2 - 1)));
  const half = F.sub(F.mul(code.get(u), splatFloat(m, 0.5)), splatFloat(m, 0.5));
  const f = code.keepVector(to, m.v128.bitselect(half, code.get(u), code.get(large)));
  const e = code.keepVector(to, m.v128.and(code.get(large), splatFloat(m, 1)));
  const y = logOf(code, to, f, e);
  return F.add(F.pmax(code.get(x), splatFloat(m, 0)), y);
};

/** Written into their callers, because they are what a recurrent network's gates are made of. */
export const inlineFunctions = { exp, sigmoid, tanh } as const;
/** Called. */
export const calledFunctions = { log, softplus } as const;

// ---- in float64, one lane after another -----------------------------------------------------------------------

/** The bits of 2/π in windows of 32, each 8 bits further on. */
export const twoOverPi: readonly number[] = [
  0xa2, 0xa2f9, 0xa2f983, 0xa2f9836e, 0xf9836e4e, 0x836e4e44, 0x6e4e4415, 0x4e441529, 0x441529fc, 0x1529fc27,
  0x29fc2757, 0xfc2757d1, 0x2757d1f5, 0x57d1f534, 0xd1f534dd, 0xf534ddc0, 0x34ddc0db, 0xddc0db62, 0xc0db6295,
  0xdb629599, 0x6295993c, 0x95993c43, 0x993c4390, 0x3c439041,
];
/** The table lies below the first buffer. */
export const twoOverPiAddress = 16;

const series64 = (m: Module, coefficients: readonly number[], x: () => Ref): Ref =>
  coefficients
    .slice(1)
    .reduce((sum, c) => m.f64.add(m.f64.mul(sum, x()), m.f64.const(c)), m.f64.const(coefficients[0]!));

/** sin of x plus `quadrant` quarter turns. */
export function sinFunction(code: FunctionCode, quadrant: 0 | 1): readonly Ref[] {
  const { m } = code;
  const D = m.f64;
  const L = m.i64;
  const body: Ref[] = [];
  const x = code.keep(body, D.promote(m.f32.abs(code.get(code.param(0)))), binaryen.f64);
  const n = code.local(binaryen.i32);
  const r = code.local(binaryen.f64);
  const bits = code.keepInt(
    body,
    m.i32.and(m.i32.reinterpret(code.get(code.param(0))), m.i32.const(0x7fffffff)),
  );
  const turns = code.local(binaryen.f64);
  const near = [
    code.set(turns, D.nearest(D.mul(code.get(x), D.const(2 / Math.PI)))),
    code.set(n, m.i32.trunc_s_sat.f64(code.get(turns))),
    code.set(
      r,
      D.sub(
        D.sub(code.get(x), D.mul(code.get(turns), D.const(1.57079632673412561417))),
        D.mul(code.get(turns), D.const(6.07710050650619224932e-11)),
      ),
    ),
  ];
  const far: Ref[] = [];
  const at = m.i32.shl(
    m.i32.and(m.i32.shr_u(code.get(bits), m.i32.const(26)), m.i32.const(15)),
    m.i32.const(2),
  );
  const table = code.keepInt(far, at);
  const mantissa = m.i32.or(m.i32.and(code.get(bits), m.i32.const(0x7fffff)), m.i32.const(0x800000));
  const shift = m.i32.and(m.i32.shr_u(code.get(bits), m.i32.const(23)), m.i32.const(7));
  const xi = code.keep(far, L.extend_u(m.i32.shl(mantissa, shift)), binaryen.i64);
  const word = (i: number): Ref => L.load32_u(twoOverPiAddress + 4 * i, 4, code.get(table));
  const product = code.keep(
    far,
    L.add(
      L.or(
        L.shr_u(L.mul(code.get(xi), word(8)), L.const(32)),
        L.shl(L.mul(code.get(xi), word(0)), L.const(32)),
      ),
      L.mul(code.get(xi), word(4)),
    ),
    binaryen.i64,
  );
  const quarter = code.keep(
    far,
    L.shr_u(L.add(code.get(product), L.const(1n << 61n)), L.const(62)),
    binaryen.i64,
  );
  far.push(
    code.set(n, m.i32.wrap(code.get(quarter))),
    code.set(
      r,
      D.mul(
        D.convert_s.i64(L.sub(code.get(product), L.shl(code.get(quarter), L.const(62)))),
        D.const((Math.PI / 2) * 2 ** -62),
      ),
    ),
  );
  body.push(m.if(D.lt(code.get(x), D.const(2 ** 19)), code.block(near), code.block(far)));
  // sin is odd and cos even: for sin the sign of x adds half a turn.
  const sign = m.i32.shl(
    m.i32.shr_u(m.i32.reinterpret(code.get(code.param(0))), m.i32.const(31)),
    m.i32.const(1),
  );
  const turned = quadrant === 0 ? m.i32.add(code.get(n), sign) : m.i32.add(code.get(n), m.i32.const(1));
  const q = code.keepInt(body, turned);
  const square = code.keep(body, D.mul(code.get(r), code.get(r)), binaryen.f64);
  const z = (): Ref => code.get(square);
  const sine = D.mul(
    code.get(r),
    series64(
      m,
      [
        0.0000027183114939898219064, -0.000198393348360966317347, 0.0083333293858894631756,
        -0.166666666416265235595, 1,
      ],
      z,
    ),
  );
  const cosine = series64(
    m,
    [
      0.0000243904487962774090654, -0.00138867637746099294692, 0.0416666233237390631894,
      -0.49999999725103100312, 1,
    ],
    z,
  );
  const y = code.keep(
    body,
    D.mul(
      m.select(m.i32.and(code.get(q), m.i32.const(1)), cosine, sine),
      m.select(m.i32.and(code.get(q), m.i32.const(2)), D.const(-1), D.const(1)),
    ),
    binaryen.f64,
  );
  // x - x is NaN for an infinity and for NaN.
  const finite = m.i32.lt_u(code.get(bits), m.i32.const(0x7f800000));
  const nothing = m.f32.sub(code.get(code.param(0)), code.get(code.param(0)));
  body.push(m.select(finite, m.f32.demote(code.get(y)), nothing));
  return body;
}

/** x^y = 2^(y log2 |x|) with the sign of x where y is odd. 1^NaN and (±1)^±inf are NaN, as in ECMAScript. */
export function powFunction(code: FunctionCode): readonly Ref[] {
  const { m } = code;
  const [D, L, S] = [m.f64, m.i64, m.f32];
  const body: Ref[] = [];
  const x = (): Ref => code.get(code.param(0));
  const y = (): Ref => code.get(code.param(1));
  const wide = code.keep(body, D.promote(S.abs(x())), binaryen.f64);
  const root = 0x3fe6a09e667f3bcdn;
  const bits = code.keep(body, L.sub(L.reinterpret(code.get(wide)), L.const(root)), binaryen.i64);
  const e = D.convert_s.i64(L.shr_s(code.get(bits), L.const(52)));
  const mantissa = code.keep(
    body,
    D.reinterpret(L.add(L.and(code.get(bits), L.const((1n << 52n) - 1n)), L.const(root))),
    binaryen.f64,
  );
  const ratio = D.div(D.sub(code.get(mantissa), D.const(1)), D.add(code.get(mantissa), D.const(1)));
  const s = code.keep(body, ratio, binaryen.f64);
  const square = code.keep(body, D.mul(code.get(s), code.get(s)), binaryen.f64);
  const artanh = D.mul(
    code.get(s),
    series64(m, [1 / 17, 1 / 15, 1 / 13, 1 / 11, 1 / 9, 1 / 7, 1 / 5, 1 / 3, 1], () => code.get(square)),
  );
  const log2 = D.add(D.mul(artanh, D.const(2 * Math.LOG2E)), e);
  const clipped = D.max(D.min(D.mul(log2, D.promote(y())), D.const(300)), D.const(-300));
  const t = code.keep(body, clipped, binaryen.f64);
  const n = code.keep(body, D.nearest(code.get(t)), binaryen.f64);
  const f = code.keep(body, D.mul(D.sub(code.get(t), code.get(n)), D.const(Math.LN2)), binaryen.f64);
  const factorials = [362880, 40320, 5040, 720, 120, 24, 6, 2, 1, 1].map((k) => 1 / k);
  const scale = D.reinterpret(L.shl(L.add(L.trunc_s_sat.f64(code.get(n)), L.const(1023)), L.const(52)));
  const magnitude = code.keep(
    body,
    S.demote(
      D.mul(
        series64(m, factorials, () => code.get(f)),
        scale,
      ),
    ),
    binaryen.f32,
  );
  const result = code.local(binaryen.f32);
  const is = (a: Ref, b: number): Ref => S.eq(a, S.const(b));
  const infinity = (): Ref => S.const(Infinity);
  const negative = m.i32.shr_u(m.i32.reinterpret(x()), m.i32.const(31));
  const isOdd = S.eq(S.abs(S.sub(y(), S.mul(S.const(2), S.trunc(S.mul(y(), S.const(0.5)))))), S.const(1));
  const odd = code.keepInt(body, m.i32.and(negative, isOdd));
  const zeroOrInfinite = m.i32.or(is(x(), 0), is(S.abs(x()), Infinity));
  // Zero and infinity swap under a negative exponent.
  const flipped = m.select(m.i32.xor(is(x(), 0), S.lt(y(), S.const(0))), S.const(0), infinity());
  const grows = m.i32.xor(S.gt(S.abs(x()), S.const(1)), S.lt(y(), S.const(0)));
  const endless = m.select(is(S.abs(x()), 1), S.const(NaN), m.select(grows, infinity(), S.const(0)));
  const fraction = m.i32.and(S.lt(x(), S.const(0)), S.ne(S.trunc(y()), y()));
  const signed = m.select(code.get(odd), S.neg(code.get(result)), code.get(result));
  const choose = (condition: Ref, then: Ref): Ref =>
    code.set(result, m.select(condition, then, code.get(result)));
  body.push(
    code.set(result, code.get(magnitude)),
    choose(zeroOrInfinite, flipped),
    code.set(result, signed),
    choose(m.i32.and(fraction, S.lt(S.abs(x()), infinity())), S.const(NaN)),
    choose(is(S.abs(y()), Infinity), endless),
    choose(m.i32.or(S.ne(x(), x()), S.ne(y(), y())), S.const(NaN)),
    choose(is(y(), 0), S.const(1)),
    code.get(result),
  );
  return body;
}
