/**
 * Code of reductions. In lanes along the reduced loop each lane has its own result, joined at the end as
 * (0 with 2) with (1 with 3); in columns each lane is a row's; otherwise a scalar.
 *
 * logsumexp goes over its values twice: the largest first, then the sum of e^(x - largest), where an infinite largest
 * counts as 0: so nothing but -inf gives -inf, and +inf gives +inf.
 */
import binaryen from "binaryen";
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import type { DType, Expression, Loop, ReduceFunction, Stage } from "../../ir/kernel/types.ts";
import type { Int, Local, Ref } from "./code.ts";
import { bitsOf, firstLanes, splatFloat, splatInt, zeros } from "./code.ts";
import { lanesOf, scalarOf } from "./expression.ts";
import { laneCall, scalarCall } from "./helpers.ts";
import { laneBinary, laneUnary, scalarBinary, scalarUnary } from "./operators.ts";
import type { Scope } from "./scope.ts";
import type { Writer } from "./writer.ts";

export type ReduceStage = Extract<Stage, { kind: "reduce" }>;

/** Writes the loops of a stage; `body` gets the innermost scope, and how many lanes of it count. */
export type OverLoops = (body: (inner: Scope, tail: Int | null) => void) => void;

type Fold = "add" | "mul" | "max";

export interface ReduceForm {
  /** Whether lanes run along the reduced loop. */
  readonly along: boolean;
  /** Whether each lane is a row of its own. */
  readonly columns: boolean;
  readonly over: OverLoops;
  /** What the sum starts from; null: nothing. */
  readonly initial: Expression | null;
}

const neutral = (fold: Fold, dtype: DType): number =>
  fold === "add" ? 0 : fold === "mul" ? 1 : dtype === "f32" ? -Infinity : -(2 ** 31);

const anything: Expression = { kind: "extent", dtype: "i32", extent: { symbol: null, times: 0, plus: 0 } };

const splat = (w: Writer, dtype: DType, value: number): Ref =>
  splatInt(w.code.m, dtype === "f32" ? bitsOf(value) : value);

const constant = (w: Writer, dtype: DType, value: number): Ref =>
  dtype === "f32" ? w.code.m.f32.const(value) : w.code.m.i32.const(value);

const scalarType = (dtype: DType): binaryen.Type => (dtype === "f32" ? binaryen.f32 : binaryen.i32);

/** Lanes that do not count become `value`. */
function masked(w: Writer, ref: Ref, dtype: DType, tail: Int | null, value: number): Ref {
  if (tail === null) return ref;
  return w.code.m.v128.bitselect(ref, splat(w, dtype, value), firstLanes(w.code, tail));
}

/** Upper lanes onto the lower ones, then the second onto the first. */
function joinLanes(w: Writer, to: Ref[], lanes: Local, join: (a: Ref, b: Ref) => Ref): void {
  const { m } = w.code;
  for (const shuffle of [
    [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7],
    [4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11],
  ]) {
    const turned = m.i8x16.shuffle(w.code.get(lanes), w.code.get(lanes), shuffle);
    to.push(w.code.set(lanes, join(w.code.get(lanes), turned)));
  }
}

interface Folding {
  readonly dtype: DType;
  readonly fold: Fold;
  readonly initial: Expression | null;
  readonly scalar: (inner: Scope) => Ref;
  readonly lanes: (inner: Scope) => Ref;
}

/** A fold in three parts: what opens it is written, then `turn` in each turn of its loops, and `close` behind them. */
interface OpenFold {
  readonly turn: (inner: Scope, tail: Int | null) => void;
  readonly close: () => Local;
}

function openFold(
  w: Writer,
  scope: Scope,
  form: Omit<ReduceForm, "over">,
  { dtype, fold, initial, scalar, lanes }: Folding,
): OpenFold {
  const { code } = w;
  const { m } = code;
  const join = {
    scalar: (a: Ref, b: Ref): Ref => scalarBinary(w, scope.code, fold, dtype, a, b, anything),
    lanes: (a: Ref, b: Ref): Ref => laneBinary(w, scope.code, fold, dtype, a, b, anything),
  };
  const start = neutral(fold, dtype);
  const vector = form.along || form.columns;
  const from =
    initial === null || form.along
      ? vector
        ? splat(w, dtype, start)
        : constant(w, dtype, start)
      : vector
        ? lanesOf(w, scope, initial)
        : scalarOf(w, scope, initial);
  const total = code.keep(scope.code, from, vector ? binaryen.v128 : scalarType(dtype));
  // WASM's own maximum looks for NaN in a long chain of instructions; here NaN is noted aside and added at the end.
  const nan = vector && fold === "max" && dtype === "f32" ? code.keepVector(scope.code, zeros(m)) : null;
  const turn = (inner: Scope, tail: Int | null): void => {
    if (!vector) {
      const joined = scalarBinary(w, inner.code, fold, dtype, code.get(total), scalar(inner), anything);
      return void inner.code.push(code.set(total, joined));
    }
    const value = masked(w, lanes(inner), dtype, form.along ? tail : null, start);
    if (nan === null) {
      const joined = laneBinary(w, inner.code, fold, dtype, code.get(total), value, anything);
      return void inner.code.push(code.set(total, joined));
    }
    const x = code.keepVector(inner.code, value);
    inner.code.push(
      code.set(total, m.f32x4.pmax(code.get(total), code.get(x))),
      code.set(nan, m.v128.or(code.get(nan), m.f32x4.ne(code.get(x), code.get(x)))),
    );
  };
  const close = (): Local => {
    if (nan !== null) scope.code.push(code.set(total, m.v128.or(code.get(total), code.get(nan))));
    if (!form.along) return total;
    joinLanes(w, scope.code, total, join.lanes);
    const type = dtype === "f32" ? m.f32x4 : m.i32x4;
    const first = type.extract_lane(code.get(total), 0);
    const all = initial === null ? first : join.scalar(scalarOf(w, scope, initial), first);
    return code.keep(scope.code, all, scalarType(dtype));
  };
  return { turn, close };
}

function foldOver(w: Writer, scope: Scope, form: ReduceForm, folding: Folding): Local {
  const { turn, close } = openFold(w, scope, form, folding);
  form.over(turn);
  return close();
}

function logSumExp(w: Writer, scope: Scope, form: ReduceForm, value: Expression): Local {
  const { code } = w;
  const { m } = code;
  const values = {
    scalar: (inner: Scope): Ref => scalarOf(w, inner, value),
    lanes: (inner: Scope): Ref => lanesOf(w, inner, value),
  };
  const top = foldOver(w, scope, form, { dtype: "f32", fold: "max", initial: null, ...values });
  const inLanes = form.columns;
  const type = inLanes ? binaryen.v128 : binaryen.f32;
  const finite = inLanes
    ? m.v128.and(code.get(top), m.f32x4.lt(m.f32x4.abs(code.get(top)), splatFloat(m, Infinity)))
    : m.select(m.f32.lt(m.f32.abs(code.get(top)), m.f32.const(Infinity)), code.get(top), m.f32.const(0));
  const shift = code.keep(scope.code, finite, type);
  const shiftLanes = form.along ? code.keepVector(scope.code, m.f32x4.splat(code.get(shift))) : shift;
  const sum = foldOver(w, scope, form, {
    dtype: "f32",
    fold: "add",
    initial: null,
    scalar: (inner) =>
      scalarUnary(w, inner.code, "exp", "f32", m.f32.sub(values.scalar(inner), code.get(shift))),
    lanes: (inner) =>
      laneUnary(w, inner.code, "exp", "f32", m.f32x4.sub(values.lanes(inner), code.get(shiftLanes))),
  });
  const log = inLanes
    ? m.f32x4.add(code.get(shift), laneCall(w.module, "log", [code.get(sum)]))
    : m.f32.add(code.get(shift), scalarCall(w.module, "log", [code.get(sum)]));
  return code.keep(scope.code, log, type);
}

/** The position is the first loop's; of equal values the first one counts. */
function argMax(w: Writer, scope: Scope, form: ReduceForm, value: Expression, loop: Loop | undefined): Local {
  const { code } = w;
  const { m } = code;
  if (value.dtype === "bool") throw new CompilerBug("argmax of bools");
  const { dtype } = value;
  const lowest = neutral("max", dtype);
  const at: Expression = loop
    ? { kind: "variable", dtype: "i32", variable: loop.variable }
    : { kind: "constant", dtype: "i32", value: 0 };
  if (form.along || form.columns) {
    const best = code.keepVector(scope.code, splat(w, dtype, lowest));
    const where = code.keepVector(scope.code, zeros(m));
    form.over((inner, tail) => {
      const lanes = masked(w, lanesOf(w, inner, value), dtype, form.along ? tail : null, lowest);
      const x = code.keepVector(inner.code, lanes);
      const greater = laneBinary(w, inner.code, "gt", dtype, code.get(x), code.get(best), anything);
      const mask = code.keepVector(inner.code, greater);
      inner.code.push(
        code.set(best, m.v128.bitselect(code.get(x), code.get(best), code.get(mask))),
        code.set(where, m.v128.bitselect(lanesOf(w, inner, at), code.get(where), code.get(mask))),
      );
    });
    return form.along ? firstOfLanes(w, scope, dtype, best, where) : where;
  }
  const best = code.keep(scope.code, constant(w, dtype, lowest), scalarType(dtype));
  const where = code.keepInt(scope.code, m.i32.const(0));
  form.over((inner) => {
    const x = code.keep(inner.code, scalarOf(w, inner, value), scalarType(dtype));
    const greater = scalarBinary(w, inner.code, "gt", dtype, code.get(x), code.get(best), anything);
    const found = [code.set(best, code.get(x)), code.set(where, scalarOf(w, inner, at))];
    inner.code.push(m.if(greater, code.block(found)));
  });
  return where;
}

function firstOfLanes(w: Writer, scope: Scope, dtype: DType, values: Local, places: Local): Local {
  const { code } = w;
  const { m } = code;
  const type = dtype === "f32" ? m.f32x4 : m.i32x4;
  const best = code.keep(scope.code, type.extract_lane(code.get(values), 0), scalarType(dtype));
  const where = code.keepInt(scope.code, m.i32x4.extract_lane(code.get(places), 0));
  const compare = dtype === "f32" ? { gt: m.f32.gt, eq: m.f32.eq } : { gt: m.i32.gt_s, eq: m.i32.eq };
  for (let k = 1; k < 4; k++) {
    const x = code.keep(scope.code, type.extract_lane(code.get(values), k), scalarType(dtype));
    const at = code.keepInt(scope.code, m.i32x4.extract_lane(code.get(places), k));
    const earlier = m.i32.lt_s(code.get(at), code.get(where));
    const tie = m.i32.and(compare.eq(code.get(x), code.get(best)), earlier);
    const better = m.i32.or(compare.gt(code.get(x), code.get(best)), tie);
    const take = [code.set(best, code.get(x)), code.set(where, code.get(at))];
    scope.code.push(m.if(better, code.block(take)));
  }
  return where;
}

const folds: Readonly<Record<Exclude<ReduceFunction, "logsumexp" | "argmax">, Fold>> = {
  sum: "add",
  prod: "mul",
  max: "max",
};

function folding(w: Writer, { value, fn }: ReduceStage, initial: Expression | null): Folding | null {
  if (fn === "logsumexp" || fn === "argmax") return null;
  if (value.dtype === "bool") throw new CompilerBug(`${fn} of bools`);
  return {
    dtype: value.dtype,
    fold: folds[fn],
    initial,
    scalar: (inner) => scalarOf(w, inner, value),
    lanes: (inner) => lanesOf(w, inner, value),
  };
}

/** Writes a reduce stage; its result is known in `scope` afterwards. */
export function writeReduce(w: Writer, scope: Scope, stage: ReduceStage, form: ReduceForm): void {
  const plain = folding(w, stage, form.initial);
  const result = plain
    ? foldOver(w, scope, form, plain)
    : stage.fn === "argmax"
      ? argMax(w, scope, form, stage.value, stage.loops[0])
      : logSumExp(w, scope, form, stage.value);
  scope.results.set(stage.result, { inLanes: form.columns, get: () => w.code.get(result) });
}

/** Opens a reduce stage among other stages of its loop. */
export function openReduce(
  w: Writer,
  scope: Scope,
  stage: ReduceStage,
  form: Omit<ReduceForm, "over">,
): { readonly turn: OpenFold["turn"]; readonly close: () => void } {
  const plain = folding(w, stage, form.initial);
  if (!plain) throw new CompilerBug(`${stage.fn} goes over its values by itself`);
  const { turn, close } = openFold(w, scope, form, plain);
  return {
    turn,
    close: () => {
      const result = close();
      scope.results.set(stage.result, { inLanes: form.columns, get: () => w.code.get(result) });
    },
  };
}
