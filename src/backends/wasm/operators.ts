/**
 * Code of the scalar functions, one entry a function and a type, for a scalar and for four lanes. In scalars a bool is
 * 0 or 1, in lanes a mask. What WASM has no lanes for (integer division, pow) runs lane by lane.
 */
import binaryen from "binaryen";
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import type { BinaryFunction, DType, Expression, UnaryFunction } from "../../ir/kernel/types.ts";
import type { Local, Ref } from "./code.ts";
import { iota, splatFloat, splatInt, zeros } from "./code.ts";
import { laneCall, scalarCall } from "./helpers.ts";
import { inlineFunctions } from "./math.ts";
import type { Writer } from "./writer.ts";

type Type = DType | "bool";

function missing(fn: string, dtype: Type): never {
  throw new CompilerBug(`${fn} of ${dtype} has no code`);
}

// ---- one operand --------------------------------------------------------------------------------------------

/** `x` may be used once; `to` takes statements. */
export function scalarUnary(w: Writer, to: Ref[], fn: UnaryFunction, dtype: Type, x: Ref): Ref {
  const { m } = w.code;
  if (fn === "not") return m.i32.eqz(x);
  if (fn === "float") return dtype === "f32" ? x : m.f32.convert_s.i32(x);
  if (fn === "int") return dtype === "f32" ? m.i32.trunc_s_sat.f32(x) : x;
  if (dtype !== "f32") return integerUnary(w, to, fn, dtype, x);
  switch (fn) {
    case "neg":
      return m.f32.neg(x);
    case "sqrt":
      return m.f32.sqrt(x);
    case "abs":
      return m.f32.abs(x);
    case "floor":
      return m.f32.floor(x);
    case "step":
      return m.f32.convert_s.i32(m.f32.gt(x, m.f32.const(0)));
    case "sign":
      return m.f32x4.extract_lane(laneUnary(w, to, fn, dtype, m.f32x4.splat(x)), 0);
    case "exp":
    case "log":
    case "sin":
    case "cos":
    case "sigmoid":
    case "tanh":
    case "softplus":
      return scalarCall(w.module, fn, [x]);
    default:
      return fn satisfies never;
  }
}

function integerUnary(w: Writer, to: Ref[], fn: UnaryFunction, dtype: Type, operand: Ref): Ref {
  const { m } = w.code;
  if (dtype === "bool") missing(fn, dtype);
  const x = w.code.keepInt(to, operand);
  const positive = (): Ref => m.i32.gt_s(w.code.get(x), m.i32.const(0));
  const sign = (): Ref => m.i32.shr_s(w.code.get(x), m.i32.const(31));
  if (fn === "neg") return m.i32.sub(m.i32.const(0), w.code.get(x));
  if (fn === "step") return positive();
  if (fn === "sign") return m.i32.or(sign(), positive());
  if (fn === "abs") return m.i32.sub(m.i32.xor(w.code.get(x), sign()), sign());
  if (fn === "floor") return w.code.get(x);
  return missing(fn, dtype);
}

export function laneUnary(w: Writer, to: Ref[], fn: UnaryFunction, dtype: Type, x: Ref): Ref {
  const { m } = w.code;
  const [F, I] = [m.f32x4, m.i32x4];
  if (fn === "not") return m.v128.not(x);
  if (fn === "float") {
    if (dtype === "f32") return x;
    return dtype === "bool" ? m.v128.and(x, splatFloat(m, 1)) : F.convert_i32x4_s(x);
  }
  if (fn === "int") {
    if (dtype === "i32") return x;
    return dtype === "bool" ? m.v128.and(x, splatInt(m, 1)) : I.trunc_sat_f32x4_s(x);
  }
  if (dtype !== "f32") {
    if (fn === "neg") return I.neg(x);
    if (fn === "abs") return I.abs(x);
    if (fn === "floor") return x;
    if (fn === "step") return m.v128.and(I.gt_s(x, zeros(m)), splatInt(m, 1));
    if (fn !== "sign") return missing(fn, dtype);
    const kept = w.code.keepVector(to, x);
    return I.sub(I.gt_s(zeros(m), w.code.get(kept)), I.gt_s(w.code.get(kept), zeros(m)));
  }
  switch (fn) {
    case "neg":
      return F.neg(x);
    case "sqrt":
      return F.sqrt(x);
    case "abs":
      return F.abs(x);
    case "floor":
      return F.floor(x);
    case "step":
      return m.v128.and(F.gt(x, zeros(m)), splatFloat(m, 1));
    case "sign": {
      // ±1 with x's sign bit where x is not 0; NaN and 0 are their own signs.
      const kept = w.code.keepVector(to, x);
      const one = m.v128.or(m.v128.and(w.code.get(kept), splatFloat(m, -0)), splatFloat(m, 1));
      const ordinary = F.gt(F.abs(w.code.get(kept)), zeros(m));
      return m.v128.bitselect(one, w.code.get(kept), ordinary);
    }
    case "exp":
    case "sigmoid":
    case "tanh":
      return inlineFunctions[fn](w.code, to, x);
    case "log":
    case "softplus":
    case "sin":
    case "cos":
      return laneCall(w.module, fn, [x]);
    default:
      return fn satisfies never;
  }
}

// ---- two operands -------------------------------------------------------------------------------------------

const squareOf = (e: Expression): boolean => e.kind === "constant" && e.value === 2;

/** `known` is the right operand's expression: a constant divisor needs no care, and a square is a product. */
export function scalarBinary(
  w: Writer,
  to: Ref[],
  fn: BinaryFunction,
  dtype: Type,
  left: Ref,
  right: Ref,
  known: Expression,
): Ref {
  const { m } = w.code;
  if (fn === "and") return m.i32.and(left, right);
  if (fn === "or") return m.i32.or(left, right);
  if (dtype !== "f32") return integerBinary(w, to, fn, left, right, known);
  const S = m.f32;
  const twice = (use: (a: () => Ref, b: () => Ref) => Ref): Ref => {
    const [a, b] = [left, right].map((x) => w.code.keep(to, x, binaryen.f32)) as [Local, Local];
    return use(
      () => w.code.get(a),
      () => w.code.get(b),
    );
  };
  switch (fn) {
    case "pow":
      if (squareOf(known)) return twice((a) => S.mul(a(), a()));
      return scalarCall(w.module, "pow", [left, right]);
    case "mod":
      return twice((a, b) => S.sub(a(), S.mul(b(), S.floor(S.div(a(), b())))));
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "max":
    case "min":
    case "lt":
    case "le":
    case "gt":
    case "ge":
    case "eq":
    case "ne":
      return S[fn](left, right);
    default:
      return fn satisfies never;
  }
}

/** Division by what may be 0 gives anything but a trap. */
function integerBinary(
  w: Writer,
  to: Ref[],
  fn: Exclude<BinaryFunction, "and" | "or">,
  left: Ref,
  right: Ref,
  known: Expression,
): Ref {
  const { m } = w.code;
  const I = m.i32;
  const safe = (): Ref => {
    if (known.kind === "constant" && known.value > 0) return right;
    const b = w.code.keepInt(to, right);
    return I.or(w.code.get(b), I.eqz(w.code.get(b)));
  };
  switch (fn) {
    case "add":
    case "sub":
    case "mul":
    case "eq":
    case "ne":
      return I[fn](left, right);
    case "lt":
    case "le":
    case "gt":
    case "ge":
      return I[`${fn}_s`](left, right);
    case "max":
    case "min": {
      const [a, b] = [w.code.keepInt(to, left), w.code.keepInt(to, right)];
      const first = I[fn === "max" ? "gt_s" : "lt_s"](w.code.get(a), w.code.get(b));
      return m.select(first, w.code.get(a), w.code.get(b));
    }
    case "div":
      return I.div_s(left, safe());
    case "mod": {
      const b = w.code.keepInt(to, safe());
      const remainder = w.code.keepInt(to, I.rem_s(left, w.code.get(b)));
      // Of the divisor's sign: what has the other one is a divisor away.
      const apart = I.lt_s(I.xor(w.code.get(remainder), w.code.get(b)), I.const(0));
      const nonzero = I.ne(w.code.get(remainder), I.const(0));
      const correction = m.select(I.and(apart, nonzero), w.code.get(b), I.const(0));
      return I.add(w.code.get(remainder), correction);
    }
    case "pow": {
      const wide = [left, right].map((x) => m.f32.convert_s.i32(x));
      return I.trunc_s_sat.f32(scalarCall(w.module, "pow", wide));
    }
    default:
      return fn satisfies never;
  }
}

export function laneBinary(
  w: Writer,
  to: Ref[],
  fn: BinaryFunction,
  dtype: Type,
  left: Ref,
  right: Ref,
  known: Expression,
): Ref {
  const { m } = w.code;
  const [F, I] = [m.f32x4, m.i32x4];
  if (fn === "and") return m.v128.and(left, right);
  if (fn === "or") return m.v128.or(left, right);
  if (fn === "pow" && dtype === "f32") {
    if (!squareOf(known)) return laneCall(w.module, "pow", [left, right]);
    const a = w.code.keepVector(to, left);
    return F.mul(w.code.get(a), w.code.get(a));
  }
  if (dtype !== "f32" && (fn === "div" || fn === "mod" || fn === "pow"))
    return laneByLane(w, to, left, right, (a, b) => integerBinary(w, to, fn, a, b, known));
  switch (fn) {
    case "add":
    case "sub":
    case "mul":
      return dtype === "f32" ? F[fn](left, right) : I[fn](left, right);
    case "eq":
    case "ne":
      return dtype === "f32" ? F[fn](left, right) : I[fn](left, right);
    case "lt":
    case "le":
    case "gt":
    case "ge":
      return dtype === "f32" ? F[fn](left, right) : I[`${fn}_s`](left, right);
    case "max":
    case "min":
      if (dtype !== "f32") return I[`${fn}_s`](left, right);
      // The short form keeps a NaN on its left, which is all there can be beside a number.
      if (known.kind === "constant") return F[`p${fn}`](left, right);
      return F[fn](left, right);
    case "div":
      return F.div(left, right);
    case "mod": {
      const [a, b] = [w.code.keepVector(to, left), w.code.keepVector(to, right)];
      const whole = F.floor(F.div(w.code.get(a), w.code.get(b)));
      return F.sub(w.code.get(a), F.mul(w.code.get(b), whole));
    }
    case "pow":
      return missing(fn, dtype);
    default:
      return fn satisfies never;
  }
}

function laneByLane(w: Writer, to: Ref[], left: Ref, right: Ref, each: (a: Ref, b: Ref) => Ref): Ref {
  const { m } = w.code;
  const [a, b] = [w.code.keepVector(to, left), w.code.keepVector(to, right)];
  const result = w.code.keepVector(to, iota(m));
  for (let k = 0; k < 4; k++) {
    const lane = each(m.i32x4.extract_lane(w.code.get(a), k), m.i32x4.extract_lane(w.code.get(b), k));
    to.push(w.code.set(result, m.i32x4.replace_lane(w.code.get(result), k, lane)));
  }
  return w.code.get(result);
}
