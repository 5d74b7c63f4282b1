/**
 * Code of scalar expressions, for one point or for four points in lanes. What does not depend on the lanes' variable
 * stays scalar and is spread over the lanes where it meets them; what does not depend on an inner loop
 * is computed in the scope where it is known.
 */
import binaryen from "binaryen";
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import type { Access, DType, Expression } from "../../ir/kernel/types.ts";
import { children } from "../../ir/kernel/walk.ts";
import { addressOf, strideAlong } from "./address.ts";
import type { Ref } from "./code.ts";
import { bitsOf, iota, splatInt } from "./code.ts";
import { laneBinary, laneUnary, scalarBinary, scalarUnary } from "./operators.ts";
import { randomCall } from "./helpers.ts";
import type { Facts, Scope, Value } from "./scope.ts";
import { extentOf, outwards, scopeAt, scopeOfResult, scopeOfVariable } from "./scope.ts";
import type { Writer } from "./writer.ts";

/** The depth of the outermost scope in which an expression is known, and whether it differs between the lanes. */
function factsOf(w: Writer, scope: Scope, e: Expression): Facts {
  const known = scope.facts.get(e);
  if (known) return known;
  const facts = findFacts(w, scope, e);
  scope.facts.set(e, facts);
  return facts;
}

function findFacts(w: Writer, scope: Scope, e: Expression): Facts {
  if (e.kind === "variable") {
    const at = scopeOfVariable(scope, e.variable);
    return { depth: at.depth, varies: at.inLanes };
  }
  if (e.kind === "reduced") {
    const at = scopeOfResult(scope, e.stage);
    return { depth: at.depth, varies: at.results.get(e.stage)!.inLanes };
  }
  const parts = children(e).map((c) => factsOf(w, scope, c));
  const atPoint = e.kind === "load" && w.point !== null && w.stored.has(w.module.slot(e.from.buffer));
  return {
    depth: parts.reduce((depth, p) => Math.max(depth, p.depth), atPoint ? w.point!.depth : 0),
    varies: parts.some((p) => p.varies),
  };
}

export const depthOf = (w: Writer, scope: Scope, e: Expression): number => factsOf(w, scope, e).depth;
export const varies = (w: Writer, scope: Scope, e: Expression): boolean => factsOf(w, scope, e).varies;

const typeOf = (e: Expression, inLanes: boolean): binaryen.Type =>
  inLanes ? binaryen.v128 : e.dtype === "f32" ? binaryen.f32 : binaryen.i32;

function keep(w: Writer, scope: Scope, ref: Ref, type: binaryen.Type, inLanes: boolean): Value {
  const local = w.code.keep(scope.code, ref, type);
  return { inLanes, get: () => w.code.get(local) };
}

/** The value of an expression in a scope. Its `get` may be called once, unless `again`. */
export function valueOf(w: Writer, scope: Scope, e: Expression, again = false): Value {
  const { m } = w.code;
  if (e.kind === "constant") {
    const get = (): Ref => (e.dtype === "f32" ? m.f32.const(e.value) : m.i32.const(e.value));
    return { inLanes: false, get };
  }
  if (e.kind === "extent") {
    const size = extentOf(w, e.extent);
    return { inLanes: false, get: () => w.code.int(size) };
  }
  if (e.kind === "reduced") return scopeOfResult(scope, e.stage).results.get(e.stage)!;
  const at = scopeAt(scope, depthOf(w, scope, e));
  if (e.kind === "variable" && !at.inLanes) return { inLanes: false, get: () => w.code.int(at.bound!.value) };
  const known = at.values.get(e);
  if (known) return known;
  const inLanes = varies(w, at, e);
  const ref = inLanes ? laneCode(w, at, e) : scalarCode(w, at, e);
  if (!again && at === scope && (w.uses.get(e) ?? 1) <= 1) return { inLanes, get: () => ref };
  const value = keep(w, at, ref, typeOf(e, inLanes), inLanes);
  at.values.set(e, value);
  return value;
}

/** A scalar. */
export function scalarOf(w: Writer, scope: Scope, e: Expression): Ref {
  const value = valueOf(w, scope, e);
  if (value.inLanes) throw new CompilerBug("a scalar was expected, not lanes");
  return value.get();
}

/** An i32 that addresses use, kept because several do. */
export const integer = (w: Writer, scope: Scope, e: Expression): Ref => {
  const value = valueOf(w, scope, e, true);
  if (value.inLanes) throw new CompilerBug("an index differs between lanes");
  return value.get();
};

/** Four lanes; a bool as a mask. */
export function lanesOf(w: Writer, scope: Scope, e: Expression): Ref {
  const { m } = w.code;
  if (e.kind === "constant") {
    if (e.dtype === "f32") return splatInt(m, bitsOf(e.value));
    return splatInt(m, e.dtype === "bool" && e.value !== 0 ? -1 : e.value);
  }
  if (varies(w, scope, e)) return valueOf(w, scope, e).get();
  const at = scopeAt(scope, depthOf(w, scope, e));
  const known = at.splats.get(e);
  if (known) return known.get();
  const often = at !== scope || (w.uses.get(e) ?? 1) > 1;
  if (e.kind === "load" && !often) {
    const { pointer, offset } = addressOf(w, scope, e.from);
    return m.v128.load32_splat(offset, 4, pointer());
  }
  const spread = spreadScalar(w, valueOf(w, at, e).get(), e.dtype);
  if (!often) return spread;
  const value = keep(w, at, spread, binaryen.v128, true);
  at.splats.set(e, value);
  return value.get();
}

function spreadScalar(w: Writer, ref: Ref, dtype: DType | "bool"): Ref {
  const { m } = w.code;
  if (dtype === "f32") return m.f32x4.splat(ref);
  return m.i32x4.splat(dtype === "bool" ? m.i32.sub(m.i32.const(0), ref) : ref);
}

function scalarCode(w: Writer, scope: Scope, e: Expression): Ref {
  const { m } = w.code;
  const of = (x: Expression): Ref => scalarOf(w, scope, x);
  switch (e.kind) {
    case "constant":
    case "extent":
    case "variable":
    case "reduced":
      return of(e);
    case "load": {
      const { pointer, offset } = addressOf(w, scope, e.from);
      const type = e.dtype === "f32" ? m.f32 : m.i32;
      return type.load(offset, 4, pointer());
    }
    case "unary":
      return scalarUnary(w, scope.code, e.fn, e.operand.dtype, of(e.operand));
    case "binary":
      return scalarBinary(w, scope.code, e.fn, e.left.dtype, of(e.left), of(e.right), e.right);
    case "select":
      return m.select(of(e.condition), of(e.then), of(e.else));
    case "random": {
      const counters = [e.example, e.coordinate].map((x) => m.i32x4.splat(of(x)));
      return m.f32x4.extract_lane(randomCall(w, e, of(e.seed), counters), 0);
    }
    default:
      return e satisfies never;
  }
}

function laneCode(w: Writer, scope: Scope, e: Expression): Ref {
  const { m } = w.code;
  const of = (x: Expression): Ref => lanesOf(w, scope, x);
  switch (e.kind) {
    case "constant":
    case "extent":
    case "reduced":
      return of(e);
    case "variable":
      return m.i32x4.add(m.i32x4.splat(w.code.int(scope.bound!.value)), iota(m));
    case "load":
      return laneLoad(w, scope, e.from);
    case "unary":
      return laneUnary(w, scope.code, e.fn, e.operand.dtype, of(e.operand));
    case "binary":
      return laneBinary(w, scope.code, e.fn, e.left.dtype, of(e.left), of(e.right), e.right);
    case "select":
      return laneSelect(w, scope, e);
    case "random":
      return randomCall(w, e, scalarOf(w, scope, e.seed), [of(e.example), of(e.coordinate)]);
    default:
      return e satisfies never;
  }
}

function laneSelect(w: Writer, scope: Scope, e: Extract<Expression, { kind: "select" }>): Ref {
  const { m } = w.code;
  const isZero = (x: Expression): boolean => x.kind === "constant" && Object.is(x.value, 0);
  const then = (): Ref => lanesOf(w, scope, e.then);
  const otherwise = (): Ref => lanesOf(w, scope, e.else);
  // Where the lanes agree, an engine's branch is as fast as masks.
  if (!varies(w, scope, e.condition)) return m.select(scalarOf(w, scope, e.condition), then(), otherwise());
  const mask = lanesOf(w, scope, e.condition);
  if (isZero(e.else)) return m.v128.and(then(), mask);
  if (isZero(e.then)) return m.v128.andnot(otherwise(), mask);
  return m.v128.bitselect(then(), otherwise(), mask);
}

function laneLoad(w: Writer, scope: Scope, from: Access): Ref {
  const { m } = w.code;
  const lane = [...outwards(scope)].find((s) => s.inLanes)!;
  const stride = strideAlong(from, lane.bound!.variable);
  const { pointer, offset } = addressOf(w, scope, from);
  if (stride === 1) return m.v128.load(offset, 4, pointer());
  if (stride === null) throw new CompilerBug("lanes lie at no constant distance");
  return [1, 2, 3].reduce<Ref>(
    (vector, k) => m.v128.load32_lane(offset + 4 * stride * k, 4, k, pointer(), vector),
    m.v128.load32_zero(offset, 4, pointer()),
  );
}

/** 1 for true where a bool is stored. */
export const storedLanes = (w: Writer, e: Expression, ref: Ref): Ref =>
  e.dtype === "bool" ? w.code.m.v128.and(ref, splatInt(w.code.m, 1)) : ref;
