/**
 * Code of a kernel: one WASM function whose parameters are the enclosing time loops' variables. The loops as given, but
 * that the loop which runs in lanes goes innermost; see `vectorise.ts` for which one that is.
 *
 * The last vector of a loop that is no multiple of 4: a store that covers its buffer's rows sets the lanes beyond to
 * zero, as padding wants it; any other store writes only the lanes that count.
 */
import binaryen from "binaryen";
import { sameExtent } from "../../ir/kernel/build.ts";
import type { Access, Expression, Kernel, Loop, Share, Stage, Variable } from "../../ir/kernel/types.ts";
import { addressOf } from "./address.ts";
import type { Int, Ref } from "./code.ts";
import { firstLanes, FunctionCode } from "./code.ts";
import { lanesOf, scalarOf, storedLanes } from "./expression.ts";
import { storeLanes } from "./helpers.ts";
import { writeBlockMove } from "./moves.ts";
import { openReduce, type OverLoops, type ReduceForm, type ReduceStage, writeReduce } from "./reduce.ts";
import type { Scope } from "./scope.ts";
import { extentOf, openScope, writeLoop, writeSteps } from "./scope.ts";
import { ownTurns } from "./threads.ts";
import { type Plan, planKernel } from "./vectorise.ts";
import type { ModuleWriter, Writer } from "./writer.ts";
import { bindParameters, makeWriter } from "./writer.ts";

/** Threads that divide a loop in lanes take whole vectors. */
const lanesAtOnce = 4;

type StoreStage = Extract<Stage, { kind: "store" }>;

/** `initial`: what a reduce stage's sum starts from, by its result. */
export function writeKernel(
  module: ModuleWriter,
  name: string,
  kernel: Kernel,
  parameters: readonly Variable[],
  initial: ReadonlyMap<Variable, Expression> = new Map(),
): void {
  const code = new FunctionCode(
    module.m,
    parameters.map(() => binaryen.i32),
  );
  const w = makeWriter(module, code, kernel);
  const scope = bindParameters(w, parameters);
  if (kernel.share || !writeBlockMove(w, scope, kernel)) writeStages(w, scope, kernel, initial);
  code.finish(name, binaryen.none, w.root.code);
}

function writeStages(
  w: Writer,
  scope: Scope,
  kernel: Kernel,
  initial: ReadonlyMap<Variable, Expression>,
): void {
  const plan = planKernel(kernel);
  const lanes = plan.kind === "outer" ? plan.lanes : null;
  const share = kernel.share ?? null;
  overLoops(w, scope, kernel.loops, lanes, share, (point, tail) => {
    w.point = point;
    for (const stages of groupsOf(kernel.stages, plan)) {
      const [first] = stages as [Stage];
      const along = alongOf(plan, first);
      const over: OverLoops = (body) => overLoops(w, point, first.loops, along, null, body);
      const formOf = (stage: ReduceStage): Omit<ReduceForm, "over"> => ({
        along: along !== null,
        columns: lanes !== null,
        initial: initial.get(stage.result) ?? null,
      });
      if (first.kind === "reduce" && stages.length === 1) {
        writeReduce(w, point, first, { ...formOf(first), over });
        continue;
      }
      const parts = stages.map((stage): StagePart =>
        stage.kind === "reduce"
          ? openReduce(w, point, stage, formOf(stage))
          : { turn: (inner, end) => writeStore(w, inner, stage, along ?? lanes, along ? end : tail) },
      );
      over((inner, end) => parts.forEach((p) => p.turn(inner, end)));
      for (const { close } of parts) close?.();
    }
    w.point = null;
  });
}

/** What a stage writes in each turn of its loops, and behind them. */
interface StagePart {
  readonly turn: (inner: Scope, tail: Int | null) => void;
  readonly close?: () => void;
}

const alongOf = (plan: Plan, stage: Stage): Loop | null =>
  plan.kind === "rows" ? (plan.lanes.get(stage) ?? null) : null;

/** Stages that join others go with them, unless lanes can run along their loop in some of them only. */
function groupsOf(stages: readonly Stage[], plan: Plan): readonly (readonly Stage[])[] {
  const groups: Stage[][] = [];
  for (const stage of stages) {
    const last = groups.at(-1);
    const [first] = last ?? [];
    const isAlike =
      first?.loops[0] === stage.loops[0] && first && alongOf(plan, first) === alongOf(plan, stage);
    if (last && stage.joins && isAlike) last.push(stage);
    else groups.push([stage]);
  }
  return groups;
}

/** Nests the loops, `lanes` innermost; the body is written once more for lanes that are left over. */
function overLoops(
  w: Writer,
  scope: Scope,
  loops: readonly Loop[],
  lanes: Loop | null,
  share: Share | null,
  body: (inner: Scope, tail: Int | null) => void,
): void {
  const [next, ...others] = loops.filter((l) => l !== lanes);
  if (next)
    writeLoop(
      w,
      scope,
      next,
      (inner) => overLoops(w, inner, [...others, ...(lanes ? [lanes] : [])], lanes, share, body),
      share?.loops.includes(next) ? ownTurns(w, extentOf(w, next.extent), share.by) : undefined,
    );
  else if (lanes) overLanes(w, scope, lanes, share?.loops.includes(lanes) ? share : null, body);
  else body(scope, null);
}

function overLanes(
  w: Writer,
  scope: Scope,
  { variable, extent }: Loop,
  share: Share | null,
  body: (inner: Scope, tail: Int | null) => void,
): void {
  const { code } = w;
  const n = extentOf(w, extent);
  const { from, to } = share ? ownTurns(w, n, Math.max(share.by, lanesAtOnce)) : { from: 0, to: n };
  const rounded = (mask: number): Int =>
    typeof to === "number"
      ? to & mask
      : code.keepInt(scope.code, code.m.i32.and(code.get(to), code.int(mask)));
  const whole = rounded(~3);
  // All ranges but the last end at whole vectors; one without points begins where it ends, whatever that is.
  const isSome = (): Ref => code.m.i32.lt_s(code.int(from), code.int(to));
  const counted = rounded(3);
  const rest = !share
    ? counted
    : typeof n === "number" && n % 4 === 0
      ? 0
      : code.keepInt(scope.code, code.m.i32.mul(code.int(counted), isSome()));
  writeSteps(w, scope, variable, { from, to: whole }, 4, true, (inner) => body(inner, null));
  if (rest === 0) return;
  const last = openScope(scope, { variable, value: whole, step: 0 }, true);
  body(last, rest);
  if (typeof rest === "number") scope.code.push(...last.code);
  else scope.code.push(code.m.if(code.get(rest), code.block(last.code)));
}

/** Whether the loop runs over all of the innermost dim of the buffer, so that what lies beyond is padding. */
function coversRow({ buffer, index }: Access, loop: Loop): boolean {
  const last = index[index.length - 1];
  const dim = buffer.dims[buffer.dims.length - 1];
  return (
    last?.kind === "variable" &&
    last.variable === loop.variable &&
    dim!.symbol === null &&
    sameExtent(dim!, loop.extent)
  );
}

function writeStore(w: Writer, scope: Scope, stage: StoreStage, lanes: Loop | null, tail: Int | null): void {
  const { code } = w;
  const { m } = code;
  const { to, value, accumulate } = stage;
  const isFloat = to.buffer.dtype === "f32";
  if (lanes === null) {
    const type = isFloat ? m.f32 : m.i32;
    const given = scalarOf(w, scope, value);
    const { pointer, offset } = addressOf(w, scope, to);
    const sum = accumulate ? type.add(type.load(offset, 4, pointer()), given) : given;
    scope.code.push(type.store(offset, 4, pointer(), sum));
    return;
  }
  const given = storedLanes(w, value, lanesOf(w, scope, value));
  const { pointer, offset } = addressOf(w, scope, to);
  const padded = tail !== null && coversRow(to, lanes);
  const counted = padded ? m.v128.and(given, firstLanes(code, tail)) : given;
  const before = (): Ref => m.v128.load(offset, 4, pointer());
  const sum = accumulate ? (isFloat ? m.f32x4 : m.i32x4).add(before(), counted) : counted;
  const whole = tail === null || padded;
  scope.code.push(
    whole ? m.v128.store(offset, 4, pointer(), sum) : storeLanes(w, pointer, offset, sum, tail),
  );
}
