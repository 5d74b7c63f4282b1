/**
 * Indices and binders: `h[t-1]`, `E[words]`, `x[-1]`, `a[s]`, and what `sum(s: …)` ranges over.
 *
 * An index first picks the axis that bears its own name, else the indices fill the axes from the left, the feature
 * last. A bound name reads along an axis of its own from then on; anything computed looks up.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { nearest } from "../diagnostics/nearest.ts";
import { within } from "../parser/expression-parts.ts";
import type { Argument, Expression, Identifier, Index, Name } from "../parser/ast.ts";
import { extend, fail, type Environment, type StepRead } from "./environment.ts";
import { indexAlong } from "./views.ts";
import { evaluate, find } from "./evaluate.ts";
import {
  align,
  asTensor,
  describe,
  describeType,
  featureAxis,
  featureOf,
  freeAxis,
  isTime,
  namedAxis,
  number,
  likeAxis,
  tensor,
} from "./tensors.ts";
import { evaluateSize } from "./evaluate.ts";
import { readElement, type Recurrence } from "./recurrence.ts";
import type { NumberList, Tensor, Value } from "./values.ts";

interface Slot {
  readonly name: string;
  readonly axis: Axis;
}

export function evaluateIndex(expression: Index, environment: Environment): Value {
  const { operand } = expression;
  const { value, rest } = indexed(expression, environment);
  if (value.kind === "draw") return tensor(value.make([build.batch, ...drawAxes(rest, environment)]));
  if (rest.length === 0) return value;
  if (value.kind === "list") return entryOf(value, rest, expression, environment);
  return readAt(asTensor(value, environment, operand.span), rest, expression, environment);
}

/** One number of a list; along an axis, that of each place. */
function entryOf(
  { values }: NumberList,
  indices: readonly Expression[],
  expression: Index,
  environment: Environment,
): Value {
  const [index, second] = indices as [Expression, ...Expression[]];
  if (second) fail(environment, "too-many-indices", second.span, { type: "a list", count: indices.length });
  const at = evaluate(index, environment);
  if (at.kind === "number") {
    const found = values.at(at.value);
    if (found === undefined || !Number.isInteger(at.value))
      fail(environment, "index-outside", index.span, { index: at.value, size: values.length });
    return number(found);
  }
  const axis = namedAxis(environment.session, listName, values.length);
  const dtype = values.every(Number.isInteger) ? "i32" : "f32";
  const table = build.stack(
    values.map((x) => build.constant(x, dtype)),
    axis,
  );
  return readAt(tensor(table), indices, expression, environment);
}

/** What is indexed: the value of a step where an index names one, and the indices left. */
function indexed(expression: Index, environment: Environment): StepRead {
  const { operand, indices } = expression;
  if (operand.kind !== "name") return { value: evaluate(operand, environment), rest: indices };
  const read = environment.readStep({ ...expression, operand });
  if (read) return read;
  const value = find(operand.name, environment);
  // Read at another step, an unknown name would be a state.
  if (value === null && environment.recurrence && stepIndex(indices[0]!, environment)?.by)
    checkState(operand, environment);
  return { value: value ?? evaluate(operand, environment), rest: indices };
}

function checkState({ name, span }: Name, environment: Environment): void {
  if (nearest(name, environment.names()) === null)
    fail(environment, "state-without-equation", span, { name });
}

/** `normal[64]`: a draw of its own for every example. */
function drawAxes(indices: readonly Expression[], environment: Environment): readonly Axis[] {
  return indices.map((index) => {
    const axis = index.kind === "name" ? environment.session.axes.get(index.name) : undefined;
    return axis ?? featureAxis(environment.session, evaluateSize(index, environment));
  });
}

/** `t`, `t - 1`, `t + 1` where `t` is a running recurrence's step: which one's, and how far from it. */
export function stepIndex(
  index: Expression,
  environment: Environment,
): { readonly recurrence: Recurrence; readonly by: number } | null {
  const name = ownName(index);
  const bound = name === null ? null : environment.lookup(name);
  if (bound?.kind !== "tensor" || !bound.step) return null;
  const by = offsetOf(index, environment);
  return by === null ? null : { recurrence: bound.step, by };
}

/** How far `s`, `s - 1`, `s + 2` are from `s`; null if that is not known. */
export function offsetOf(index: Expression, environment: Environment): number | null {
  if (index.kind === "name") return 0;
  if (index.kind !== "binary") return null;
  const by = evaluate(index.right, environment);
  if (by.kind !== "number" || !Number.isInteger(by.value)) return null;
  return index.operator === "+" ? by.value : -by.value;
}

/** Which axis each index reads along: its own by name, else the leftmost that is left. */
function chooseSlots(
  table: Tensor,
  indices: readonly Expression[],
  environment: Environment,
): ReadonlyMap<Expression, Slot> {
  const feature = featureOf(table.node);
  const slots: Slot[] = [
    ...table.axes,
    ...(feature ? [{ name: table.featureName ?? "", axis: feature }] : []),
  ];
  const isOwn = (index: Expression) => slots.some((s) => s.name !== "" && s.name === ownName(index));
  const chosen = new Map<Expression, Slot>();
  // Indices that name their axis choose first, so that the others fill what is left.
  for (const index of [...indices.filter(isOwn), ...indices.filter((i) => !isOwn(i))]) {
    const left = slots.filter((s) => ![...chosen.values()].includes(s));
    const slot = left.find((s) => s.name !== "" && s.name === ownName(index)) ?? left[0];
    if (!slot)
      fail(environment, "too-many-indices", index.span, { type: describeType(table), count: indices.length });
    chosen.set(index, slot);
  }
  return chosen;
}

function readAt(
  value: Tensor,
  indices: readonly Expression[],
  expression: Index,
  environment: Environment,
): Tensor {
  const steps = indices.flatMap((i) => stepIndex(i, environment)?.recurrence.axis ?? []);
  const { whole } = value;
  const table = whole && steps.some((axis) => build.hasAxis(whole.node, axis)) ? whole : value;
  const chosen = chooseSlots(table, indices, environment);
  const filler = expression.filler ? fillerOf(expression.filler, environment) : 0;
  return indices.reduce(
    (current, index) => readAlong(current, chosen.get(index)!, index, filler, environment),
    table,
  );
}

/** The name in `s`, `s - 1`, `s + 2`. */
export function ownName(index: Expression): string | null {
  if (index.kind === "name") return index.name;
  if (
    index.kind === "binary" &&
    (index.operator === "+" || index.operator === "-") &&
    index.left.kind === "name"
  )
    return index.left.name;
  return null;
}

export function fillerOf(expression: Expression, environment: Environment): number {
  const value = evaluate(expression, environment);
  return value.kind === "number" ? value.value : fail(environment, "number-wanted", expression.span);
}

function readAlong(
  table: Tensor,
  slot: Slot,
  index: Expression,
  filler: number,
  environment: Environment,
): Tensor {
  const { axis } = slot;
  const value = evaluate(index, environment);
  const others = table.axes.filter((a) => a.axis !== axis);
  const rest = (node: Node, added: readonly Slot[] = []): Tensor => ({
    ...table,
    node,
    ends: null,
    vocabulary: node.type.dtype === "i32" ? table.vocabulary : null,
    axes: [
      ...others,
      ...added.filter((a) => !others.some((o) => o.axis === a.axis) && a.axis.kind !== "feature"),
    ],
  });
  const isItself = value.kind === "tensor" && value.index === axis;
  if (!isItself) freeAxis(table.node, axis, environment.session);
  if (value.kind === "number") {
    if (!Number.isInteger(value.value))
      fail(environment, "not-an-index", index.span, { what: `the number ${value.value}` });
    if (axis.size.kind === "fixed") {
      const position = value.value < 0 ? axis.size.size + value.value : value.value;
      if (position < 0 || position >= axis.size.size)
        fail(environment, "index-outside", index.span, { index: value.value, size: axis.size.size });
      return rest(build.pick(table.node, axis, position));
    }
    const from = build.constant(value.value, "i32");
    return rest(
      lookUp(table.node, value.value < 0 ? build.add(build.length(axis), from) : from, axis, filler),
    );
  }
  const step = stepIndex(index, environment);
  if (step && step.recurrence.axis === axis) {
    const { recurrence, by } = step;
    lookAhead(by, index, environment, recurrence);
    return rest(readElement(slot.name, table.node, -by, recurrence, filler));
  }
  const shift = shiftedIndex(index, environment);
  if (shift && isAsLong(shift.axis, axis)) {
    if (shift.by !== 0 && axis.kind === "feature")
      environment.reporter.report("shifted-feature", index.span, { name: shift.name });
    const to = shift.axis;
    const renamed = axis === to ? table.node : build.rename(table.node, axis, to);
    return rest(build.shift(renamed, to, -shift.by, filler), [{ name: shift.name, axis: to }]);
  }
  const at = asTensor(value, environment, index.span);
  // A position may be computed as a number; a vector of numbers is data, such as what `embed` can't look up.
  const computed = at.node.op === "unary" && at.node.attributes.fn === "floor";
  if (at.node.type.dtype === "bool" || (at.node.type.dtype === "f32" && featureOf(at.node) && !computed))
    fail(environment, "not-an-index", index.span, {
      what: at.node.type.dtype === "bool" ? "a truth value" : describe(at),
    });
  if (at.vocabulary && isTime(axis))
    environment.reporter.report("tokens-as-steps", index.span, {
      data: at.vocabulary.name,
      axis: slot.name,
    });
  const integer = at.node.type.dtype === "i32" ? at.node : build.unary("int", build.unary("floor", at.node));
  // Read along itself by computed positions, `w[(i + 1) % m]`: the positions are the result's axis, the table has another.
  const apart = build.hasAxis(integer, axis) ? ofIndex(`${slot.name}'`, axis, environment) : axis;
  const found = lookUp(build.rename(table.node, axis, apart), integer, apart, filler);
  return rest(at.bag ? build.reduce("sum", found, [at.bag]) : found, at.axes);
}

/** `s`, `s - 1`: a bound name and how far from it. */
function shiftedIndex(
  index: Expression,
  environment: Environment,
): { axis: Axis; by: number; name: string } | null {
  const name = ownName(index);
  const bound = name === null ? null : environment.lookup(name);
  if (name === null || bound?.kind !== "tensor" || !bound.index) return null;
  const by = offsetOf(index, environment);
  return by === null ? null : { axis: bound.index, by, name };
}

/** What reads later steps looks ahead. */
function lookAhead(
  by: number,
  { span }: Expression,
  environment: Environment,
  { axis, name }: Recurrence,
): void {
  if (by <= 0) return;
  const { session, file } = environment;
  session.looksAhead.push({ what: `${name} + ${by}`, axis, of: null, file, span });
}

/** A computed index; outside it gives the filler. */
function lookUp(table: Node, index: Node, axis: Axis, filler: number): Node {
  const found = build.gather(table, index, axis);
  if (filler === 0) return found;
  const [low, i] = align([build.constant(0, "i32"), index]) as [Node, Node];
  const [j, high] = align([index, build.length(axis)]) as [Node, Node];
  const [a, b] = align([build.binary("le", low, i), build.binary("lt", j, high)]) as [Node, Node];
  const inside = build.broadcast(build.binary("and", a, b), found.type.axes);
  return build.select(inside, found, build.constant(filler));
}

// ---- binders ----------------------------------------------------------------------------------------------------

/**
 * Each binder ranges over the axis that it is first found indexing: that axis itself where it bears the binder's name,
 * else one of its own of the same length, so that a value can be read along both.
 */
export function bindIndices(
  binders: readonly Identifier[],
  body: readonly Argument[],
  environment: Environment,
): Environment {
  const bindings = new Map<string, Value>();
  let scope = environment;
  for (const binder of binders) {
    const places = body.flatMap((a) => [...indexedBy(a.value, binder.name)]);
    const slots = places.map((place) => slotOf(place, binder.name, scope));
    // A list has a length but no axis of its own.
    const slot = slots.find((s) => s && s.name !== listName) ?? slots.find((s) => s !== null);
    if (!slot) fail(environment, "unused-binder", binder.span, { name: binder.name });
    const axis =
      slot.name === binder.name
        ? slot.axis
        : ofIndex(`${binder.name}.${binder.span.start}`, slot.axis, environment);
    bindings.set(binder.name, indexAlong(axis));
    scope = extend(environment, bindings);
  }
  return scope;
}

/** Whether two axes have one length, so that a value along one can be read along the other by its name alone. */
function isAsLong(a: Axis, b: Axis): boolean {
  if (a === b) return true;
  const [x, y] = [a.size, b.size];
  if (x.kind === "fixed" && y.kind === "fixed") return x.size === y.size;
  const followed = ({ size }: Axis): Axis | null =>
    size.kind === "linear" && size.times === 1 && size.plus === 0 && !size.by ? size.of : null;
  const [left, right] = [followed(a), followed(b)];
  if (left) return isAsLong(left, b);
  return right ? isAsLong(a, right) : false;
}

/** The axis that an index by the name reads along. */
function slotOf(place: Index, name: string, environment: Environment): Slot | null {
  const { value, rest } = indexed(place, environment);
  if (value.kind === "list")
    return { name: listName, axis: namedAxis(environment.session, listName, value.values.length) };
  const index = rest.find((i) => ownName(i) === name);
  if (!index) return null;
  return chooseSlots(asTensor(value, environment, place.span), rest, environment).get(index) ?? null;
}

const listName = "list";

/** The axis of an index that meets another one along the same axis. */
const ofIndex = (name: string, like: Axis, { session }: Environment): Axis =>
  likeAxis(`${name}~${like.name}`, like, 0.25, session);

/** The index expressions that have the name among their indices, the first one first. */
function* indexedBy(expression: Expression, name: string): Generator<Index> {
  for (const part of within(expression))
    if (part.kind === "index" && part.indices.some((i) => ownName(i) === name)) yield part;
}
