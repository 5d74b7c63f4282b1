/**
 * A scan as a time loop over buffers.
 *
 * A state whose values of all steps are wanted is one buffer with T+1 slots, the start in the first of them (the
 * last, backwards): step t reads slot t and writes slot t+1, and both sequences are views. Any other state has one
 * slot, overwritten at the end of the step. Past an example's end a state holds, and an output is zero.
 */
import { axisOrder, scanParts, type ScanParts } from "../ir/graph/build.ts";
import type { Node } from "../ir/graph/types.ts";
import { at, i32, variable } from "../ir/kernel/build.ts";
import type { Expression, Extent, Statement } from "../ir/kernel/types.ts";
import { type Context, type Finish, nameOf, storeKernel, temporary } from "./lower-context.ts";
import { zero } from "./lower-expression.ts";
import {
  along,
  beneath,
  type Bind,
  extentOf,
  fixedAt,
  index,
  loaded,
  type Place,
  sizeOf,
} from "./lower-place.ts";
import { mayShowHeld } from "./lower-held.ts";
import { type Guard, stepCondition } from "./guards.ts";
import { branch, storeScope } from "./lower-scope.ts";
import { storeInto, viewed } from "./lower-store.ts";
import { isLeaf, isView } from "./lower-uses.ts";
import { orderUpdates, type Update } from "./lower-updates.ts";

/** Everything about one scan that the steps below share. */
interface Lowering {
  readonly scan: Node<"scan">;
  readonly parts: ScanParts;
  readonly t: Expression;
  readonly finish: (node: Node, kind: Finish["kind"], otherwise: (bind: Bind) => Expression) => Finish | null;
}

interface StatePlaces {
  readonly hasHistory: boolean;
  readonly start: Place;
  readonly before: Place;
  readonly after: Place;
  readonly final: Place;
}

export function storeScan(c: Context, scan: Node<"scan">, out: Statement[]): void {
  const parts = scanParts(scan);
  const { axis, reverse, states } = parts;
  const loopVariable = variable(axis.name);
  const t = at(loopVariable);
  c.pull.positions.set(parts.position, t);
  c.pull.positions.set(axis, t);
  for (const { formal, sequence } of parts.elements) c.pull.sequences.set(formal, { sequence, axis, at: t });

  const finish: Lowering["finish"] = (node, kind, otherwise) => {
    if (!c.pull.within(axis, t, new Map(node.type.axes.map((a) => [a, i32(0)])))) return null;
    return { kind, scan, condition: (bind) => c.pull.within(axis, t, bind)!, otherwise };
  };
  const lowering: Lowering = { scan, parts, t, finish };

  const places = states.map((s) => statePlaces(c, lowering, s));
  states.forEach((s, k) => {
    out.push(
      storeKernel(c, `${nameOf(s.formal)} start`, s.formal.type.axes, places[k]!.start, (bind) =>
        c.pull.value(s.start, bind),
      ),
    );
    c.pull.places.set(s.formal, places[k]!.before);
  });

  const copies: (() => Statement)[] = [];
  presetStates(c, lowering, places, copies);
  const outputs = parts.outputs.map((value, which) =>
    presetOutput(c, lowering, places, value, which, copies),
  );
  const updates = planUpdates(c, lowering, places);
  for (const { next } of states) maskLefts(c, lowering, viewed(next));

  const body: Statement[] = [];
  storeScope(c, scan, body);
  body.push(...copies.map((make) => make()));
  storeUpdates(c, updates, body);
  out.push({ kind: "loop", loop: { variable: loopVariable, extent: extentOf(axis) }, reverse, body });
  c.results.set(scan, { finals: places.map((p) => p.final), outputs });
}

/** Whether a node of the body can be told where to store itself. */
const isComputed = (c: Context, scan: Node<"scan">, node: Node): boolean =>
  c.uses.scopeOf(node) === scan && !isLeaf(node) && !isView(node) && !c.uses.absorbed(node);

const value =
  (place: Place, node: Node) =>
  (bind: Bind): Expression =>
    loaded(index(place, bind), node.type.dtype);

// ---- states -------------------------------------------------------------------------------------------------

function statePlaces(c: Context, { parts, t }: Lowering, s: ScanParts["states"][number]): StatePlaces {
  const { axis, reverse, outputs } = parts;
  const hasHistory = outputs.some((o) => o === s.formal || o === s.next);
  if (!hasHistory) {
    const place = temporary(c, s.formal);
    return { hasHistory, start: place, before: place, after: place, final: place };
  }
  const axes = [...s.formal.type.axes].sort(axisOrder);
  const steps = extentOf(axis);
  // One more than there are steps, and one where there is none.
  const slots: Extent = { ...steps, plus: Math.max(0, steps.plus) + (steps.by ?? 1) };
  const dtype = s.formal.type.dtype === "tuple" ? "f32" : s.formal.type.dtype;
  const buffer = c.shared.temporary(nameOf(s.formal), dtype, [slots, ...axes.map(extentOf)]);
  const slot = (position: Expression): Place => ({ buffer, dims: [fixedAt(position), ...axes.map(along)] });
  const later: Expression = { kind: "binary", dtype: "i32", fn: "add", left: t, right: i32(1) };
  const [first, last] = [i32(0), sizeOf(axis)];
  return {
    hasHistory,
    start: slot(reverse ? last : first),
    before: slot(reverse ? later : t),
    after: slot(reverse ? t : later),
    final: slot(reverse ? first : last),
  };
}

/** States with history are stored where they are computed, or copied at the end of the step. */
function presetStates(
  c: Context,
  { scan, parts, finish }: Lowering,
  places: readonly StatePlaces[],
  copies: (() => Statement)[],
): void {
  parts.states.forEach(({ formal, next }, k) => {
    const { hasHistory, before, after } = places[k]!;
    if (!hasHistory) return;
    const alone = (x: Node): boolean => c.uses.count(x) === 1;
    const [node, at] = beneath(next, after, alone);
    if (isComputed(c, scan, node) && !c.presets.has(node)) {
      const hold = finish(node, "hold", value(beneath(next, before, alone)[1], formal));
      c.presets.set(node, at);
      c.forced.add(node);
      if (hold) c.finishes.set(node, hold);
      return;
    }
    const hold = finish(formal, "hold", value(before, formal));
    copies.push(() =>
      storeKernel(c, nameOf(formal), formal.type.axes, after, (bind) => c.pull.value(next, bind), hold),
    );
  });
}

// ---- outputs ------------------------------------------------------------------------------------------------

/** Where an output of all steps lies: with the axis T in its place, or as a view of a state's slots. */
function presetOutput(
  c: Context,
  { scan, parts, t, finish }: Lowering,
  places: readonly StatePlaces[],
  output: Node,
  which: number,
  copies: (() => Statement)[],
): Place {
  const { axis, reverse, states } = parts;
  const sequence = (place: Place, later: boolean): Place => {
    const [, ...dims] = place.dims;
    return { ...place, dims: [{ axis, offset: later ? i32(1) : null }, ...dims] };
  };
  const k = states.findIndex((s) => s.formal === output || s.next === output);
  const mask = finish(output, "mask", () => zero(output.type.dtype));
  if (k >= 0 && (!mask || mayShowHeld(c, scan, which))) {
    const isBefore = states[k]!.formal === output;
    return sequence(isBefore ? places[k]!.before : places[k]!.after, isBefore === reverse);
  }

  const axes = [...output.type.axes].sort(axisOrder);
  const dtype = output.type.dtype === "tuple" ? "f32" : output.type.dtype;
  const dims = [axis, ...axes];
  const known = c.presets.get(output);
  if (
    typeof known === "object" &&
    c.finishes.get(output)?.kind === "mask" &&
    c.finishes.get(output)!.scan === scan
  )
    return { ...known, dims: [along(axis), ...known.dims.slice(1)] };
  const buffer = c.shared.temporary(nameOf(output), dtype, dims.map(extentOf));
  const step: Place = { buffer, dims: [fixedAt(t), ...axes.map(along)] };
  if (isComputed(c, scan, output) && !c.presets.has(output)) {
    c.presets.set(output, step);
    c.forced.add(output);
    if (mask) c.finishes.set(output, mask);
  } else
    copies.push(() => storeKernel(c, nameOf(output), axes, step, (bind) => c.pull.value(output, bind), mask));
  return { buffer, dims: dims.map(along) };
}

/**
 * Where a held state's next value is a product, its left operand is stored as zero past the end, so that the state
 * can be what the product starts from and no copy is needed.
 */
function maskLefts(c: Context, { scan, finish }: Lowering, next: Node): void {
  for (const product of c.uses.terms(next)?.products ?? [])
    for (const operand of product.operands) {
      const node = viewed(operand);
      if (!isComputed(c, scan, node) || c.finishes.has(node) || !c.uses.exists(node)) continue;
      const mask = finish(node, "mask", () => zero(node.type.dtype));
      if (mask && !c.uses.terms(node)) c.finishes.set(node, mask);
    }
}

// ---- states of one slot -------------------------------------------------------------------------------------

function planUpdates(
  c: Context,
  { scan, parts, finish }: Lowering,
  places: readonly StatePlaces[],
): Update[] {
  return parts.states.flatMap((state, k): Update[] => {
    const { hasHistory, before } = places[k]!;
    if (hasHistory) return [];
    const [whole, place] = beneath(state.next, before, (x) => c.uses.count(x) === 1);
    const [next, guard] = changing(whole, state.formal);
    const hold = finish(next, "hold", value(place, state.formal));
    const inside = isComputed(c, scan, next) && !c.presets.has(next);
    const alone = inside && c.uses.count(next) === 1;
    const sum = alone && c.uses.terms(next) !== null;
    if (alone && (sum || !c.uses.exists(next))) c.deferred.add(next);
    return [{ formal: state.formal, next, place, hold, sum, guard }];
  });
}

/** The new value of a state that stays as it is at some steps, and at which it does not. */
function changing(next: Node, formal: Node): readonly [Node, Guard | null] {
  const condition = next.op === "select" ? stepCondition(next.operands[0]!) : null;
  if (!condition) return [next, null];
  const [, yes, no] = next.operands as [Node, Node, Node];
  if (no === formal) return [yes, { condition, taken: true }];
  return yes === formal ? [no, { condition, taken: false }] : [next, null];
}

function storeUpdates(c: Context, updates: readonly Update[], out: Statement[]): void {
  const ordered = orderUpdates(c, updates);
  const steps = new Map<Update, Place>();
  for (const { update, through } of ordered) {
    if (!through) continue;
    const { next, sum, guard } = update;
    const step = temporary(c, next, ".next");
    const own: Statement[] = [];
    if (sum) storeInto(c, next, step, null, own);
    else own.push(storeKernel(c, nameOf(next), next.type.axes, step, (bind) => c.pull.value(next, bind)));
    branch(c, guard ? [guard] : [], own, out);
    steps.set(update, step);
  }
  for (const { update, through } of ordered) {
    const { formal, next, place, hold, sum, guard } = update;
    const step = steps.get(update);
    const read = (bind: Bind): Expression => (step ? value(step, next)(bind) : c.pull.value(next, bind));
    const own: Statement[] = [];
    if (sum && !through) storeInto(c, next, place, hold, own);
    else own.push(storeKernel(c, nameOf(formal), next.type.axes, place, read, hold));
    branch(c, guard ? [guard] : [], own, out);
  }
}
