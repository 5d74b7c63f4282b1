/**
 * Where code goes while a kernel is written: the function's body, then one scope for each loop that is open. A scope
 * binds its loop's variable and remembers what was computed in it. Code appended to an outer scope while an
 * inner one is open lands before the inner loop: that is how loop-invariant values are hoisted.
 */
import binaryen from "binaryen";
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import type { Expression, Extent, Loop, Variable } from "../../ir/kernel/types.ts";
import type { FunctionCode, Int, Local, Ref } from "./code.ts";
import { strideKey } from "./affine.ts";
import type { Stride } from "../../ir/kernel/addresses.ts";

/** A value computed before: an i32, a float, a bool as 0 or 1, or four of them in lanes (a bool as a mask). */
export interface Value {
  readonly inLanes: boolean;
  readonly get: () => Ref;
}

/** Where an expression is known, and whether it differs between lanes. */
export interface Facts {
  readonly depth: number;
  readonly varies: boolean;
}

export interface Scope {
  readonly parent: Scope | null;
  readonly depth: number;
  readonly code: Ref[];
  /** At the end of each turn. */
  readonly latch: Ref[];
  readonly bound: Bound | null;
  /** Whether the variable stands for itself and the three after it. */
  readonly inLanes: boolean;
  readonly facts: Map<Expression, Facts>;
  readonly values: Map<Expression, Value>;
  readonly splats: Map<Expression, Value>;
  /** Results of reduce stages. */
  readonly results: Map<Variable, Value>;
  readonly pointers: Map<string, Local>;
}

export interface Bound {
  readonly variable: Variable;
  readonly value: Int;
  /** How much the value grows each turn; 0 if there is but one. */
  readonly step: number;
  /** What it is in the first turn; 0 if not given. */
  readonly from?: Int;
}

export function openScope(parent: Scope | null, bound: Bound | null = null, inLanes = false): Scope {
  return {
    parent,
    depth: parent === null ? 0 : parent.depth + 1,
    code: [],
    latch: [],
    bound,
    inLanes,
    facts: new Map(),
    values: new Map(),
    splats: new Map(),
    results: new Map(),
    pointers: new Map(),
  };
}

export function* outwards(scope: Scope): Generator<Scope> {
  for (let at: Scope | null = scope; at !== null; at = at.parent) yield at;
}

export function scopeAt(scope: Scope, depth: number): Scope {
  for (const at of outwards(scope)) if (at.depth === depth) return at;
  throw new CompilerBug(`no scope of depth ${depth}`);
}

export function scopeOfVariable(scope: Scope, variable: Variable): Scope {
  for (const at of outwards(scope)) if (at.bound?.variable === variable) return at;
  throw new CompilerBug(`${variable.name} is used outside its loop`);
}

export function scopeOfResult(scope: Scope, stage: Variable): Scope {
  for (const at of outwards(scope)) if (at.results.has(stage)) return at;
  throw new CompilerBug(`${stage.name} is used before its stage`);
}

/** One function being written, and what it computes once: run-time sizes and products of them. */
export interface Frame {
  readonly code: FunctionCode;
  readonly root: Scope;
  readonly sizes: Map<string, Local>;
}

export const sizeGlobal = (symbol: string): string => `size.${symbol}`;

/** What the function computes once, at its beginning. */
export function kept(frame: Frame, key: string, value: () => Ref): Local {
  let local = frame.sizes.get(key);
  if (!local) frame.sizes.set(key, (local = frame.code.keepInt(frame.root.code, value())));
  return local;
}

export function extentOf(frame: Frame, extent: Extent): Int {
  const { code } = frame;
  const { m } = code;
  const { symbol, times, plus, by = 1 } = extent;
  if (symbol === null) return plus;
  const key = strideKey({ factor: 1, extents: [extent] });
  const sum = (): Ref => code.add(code.mul(m.global.get(sizeGlobal(symbol), binaryen.i32), times), plus);
  const whole = (): Ref => (by === 1 ? sum() : m.i32.div_s(sum(), m.i32.const(by)));
  if (plus >= 0) return kept(frame, key, whole);
  const signed = kept(frame, `signed ${key}`, whole);
  const isSome = (): Ref => m.i32.gt_s(code.get(signed), m.i32.const(0));
  return kept(frame, key, () => m.select(isSome(), code.get(signed), m.i32.const(0)));
}

/** The turns of loops of the extents within each other. */
export function countOf(frame: Frame, extents: readonly Extent[]): Int {
  const { code } = frame;
  const known = extents.reduce((n, e) => (e.symbol === null ? n * e.plus : n), 1);
  const open = extents.filter((e) => e.symbol !== null);
  if (open.length === 0) return known;
  const factors = open.map((e) => extentOf(frame, e));
  return kept(frame, `count ${strideKey({ factor: known, extents: open })}`, () =>
    factors.reduce<Ref>((product, f) => code.mul(product, f), code.int(known)),
  );
}

/** A stride in bytes. */
export function strideBytes(frame: Frame, stride: Stride): Int {
  const { code } = frame;
  if (stride.extents.length === 0) return 4 * stride.factor;
  const factors = stride.extents.map((e) => extentOf(frame, e));
  return kept(frame, `bytes ${strideKey(stride)}`, () =>
    factors.reduce<Ref>((product, f) => code.mul(product, f), code.int(4 * stride.factor)),
  );
}

/** Where the turns of a loop begin and end. */
export interface Turns {
  readonly from: Int;
  readonly to: Int;
}

/** Writes a loop: `body` gets the scope of one turn. A loop of one turn is its body, one of none is nothing. */
export function writeLoop(
  frame: Frame,
  scope: Scope,
  loop: Loop,
  body: (inner: Scope) => void,
  turns: Turns = { from: 0, to: extentOf(frame, loop.extent) },
): void {
  writeSteps(frame, scope, loop.variable, turns, 1, false, body);
}

/** Turns of `step` from the first while less than the end. */
export function writeSteps(
  frame: Frame,
  scope: Scope,
  variable: Variable,
  { from, to: end }: Turns,
  step: number,
  inLanes: boolean,
  body: (inner: Scope) => void,
): void {
  const { code } = frame;
  if (typeof end === "number" && end <= 0) return;
  if (from === 0 && typeof end === "number" && end <= step) {
    const inner = openScope(scope, { variable, value: 0, step: 0 }, inLanes);
    body(inner);
    scope.code.push(...inner.code);
    return;
  }
  const counter = code.local(binaryen.i32);
  const inner = openScope(scope, { variable, value: counter, step, from }, inLanes);
  body(inner);
  const turn = [...inner.code, ...inner.latch, code.increment(counter, step)];
  const loop = [
    code.set(counter, code.int(from)),
    code.repeat(`${variable.name}.${counter.index}`, turn, counter, end),
  ];
  if (from === 0 && typeof end === "number") scope.code.push(...loop);
  else scope.code.push(code.m.if(code.m.i32.gt_s(code.int(end), code.int(from)), code.block(loop)));
}
