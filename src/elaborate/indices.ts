/**
 * Indices and binders: `h[t-1]`, `E[words]`, `x[-1]`, `a[s]`, and what `sum(s: …)` ranges over.
 *
 * An index first picks the axis that bears its own name, else the indices fill the axes from the left, the feature
 * last. A bound name reads along an axis of its own from then on; anything computed looks up.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { nearest } from "../diagnostics/nearest.ts";
import type { Argument, Expression, Identifier, Index, Name } from "../parser/ast.ts";
import { extend, fail, type Environment } from "./environment.ts";
import { indexAlong } from "./views.ts";
import { evaluate, find } from "./evaluate.ts";
import {
  align,
  asTensor,
  describe,
  describeType,
  featureAxis,
  featureOf,
  remember,
  tensor,
} from "./tensors.ts";
import { evaluateSize } from "./evaluate.ts";
import type { Tensor, Value } from "./values.ts";

interface Slot {
  readonly name: string;
  readonly axis: Axis;
}

export function evaluateIndex(expression: Index, environment: Environment): Value {
  const { operand, indices } = expression;
  if (operand.kind === "name") {
    const offset = stepOffset(indices[0]!, environment);
    if (offset !== null) {
      const value = environment.lookupAt(operand.name, offset, expression.span);
      if (value)
        return indices.length === 1
          ? value
          : readAt(asTensor(value, environment, operand.span), indices.slice(1), expression, environment);
    }
  }
  const value = operand.kind === "name" ? find(operand.name, environment) : evaluate(operand, environment);
  // Read at another step, an unknown name would be a state.
  if (
    value === null &&
    operand.kind === "name" &&
    environment.recurrence &&
    stepOffset(indices[0]!, environment)
  )
    checkState(operand, environment);
  if (value?.kind === "draw") return tensor(value.make([build.batch, ...drawAxes(indices, environment)]));
  const table = asTensor(value ?? evaluate(operand, environment), environment, operand.span);
  return readAt(table, indices, expression, environment);
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

/** The offset of `t`, `t - 1`, `t + 1` where `t` is this recurrence's step; else null. */
function stepOffset(index: Expression, environment: Environment): number | null {
  if (!environment.recurrence) return null;
  if (index.kind === "name") return index.name === "t" ? 0 : null;
  if (index.kind !== "binary" || (index.operator !== "+" && index.operator !== "-")) return null;
  if (index.left.kind !== "name" || index.left.name !== "t") return null;
  const by = evaluate(index.right, environment);
  if (by.kind !== "number" || !Number.isInteger(by.value)) return null;
  return index.operator === "+" ? by.value : -by.value;
}

function readAt(
  table: Tensor,
  indices: readonly Expression[],
  expression: Index,
  environment: Environment,
): Tensor {
  const feature = featureOf(table.node);
  const slots: Slot[] = [...table.axes, ...(feature ? [{ name: "", axis: feature }] : [])];
  const taken = new Set<Slot>();
  const choose = (index: Expression): Slot => {
    const own = ownName(index);
    const slot =
      slots.find((s) => s.name !== "" && s.name === own && !taken.has(s)) ?? slots.find((s) => !taken.has(s));
    if (!slot)
      fail(environment, "too-many-indices", index.span, { type: describeType(table), count: indices.length });
    taken.add(slot);
    return slot;
  };
  const own = (index: Expression) => ownName(index) !== null && slots.some((s) => s.name === ownName(index));
  // Indices that name their axis choose first, so that the others fill what is left.
  const chosen = new Map<Expression, Slot>();
  for (const index of [...indices.filter(own), ...indices.filter((i) => !own(i))])
    chosen.set(index, choose(index));
  const filler = expression.filler ? fillerOf(expression.filler, environment) : 0;
  return indices.reduce(
    (current, index) => readAlong(current, chosen.get(index)!, index, filler, environment),
    table,
  );
}

/** The name in `s`, `s - 1`, `s + 2`. */
function ownName(index: Expression): string | null {
  if (index.kind === "name") return index.name;
  if (
    index.kind === "binary" &&
    (index.operator === "+" || index.operator === "-") &&
    index.left.kind === "name"
  )
    return index.left.name;
  return null;
}

function fillerOf(expression: Expression, environment: Environment): number {
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
  const shift = shiftedIndex(index, environment);
  if (shift) {
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
  const integer = at.node.type.dtype === "i32" ? at.node : build.unary("int", build.unary("floor", at.node));
  if (build.hasAxis(integer, axis)) fail(environment, "index-along-itself", index.span, { axis: slot.name });
  return rest(lookUp(table.node, integer, axis, filler), at.axes);
}

/** `s`, `s - 1`: a bound name and how far from it. */
function shiftedIndex(
  index: Expression,
  environment: Environment,
): { axis: Axis; by: number; name: string } | null {
  const name = ownName(index);
  const bound = name === null ? null : environment.lookup(name);
  if (name === null || bound?.kind !== "tensor" || !bound.index) return null;
  if (index.kind === "name") return { axis: bound.index, by: 0, name };
  if (index.kind !== "binary") return null;
  const by = evaluate(index.right, environment);
  if (by.kind !== "number" || !Number.isInteger(by.value)) return null;
  return { axis: bound.index, by: index.operator === "+" ? by.value : -by.value, name };
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

/** Each binder becomes an axis of its own, as long as the first axis that it is found indexing. */
export function bindIndices(
  binders: readonly Identifier[],
  body: readonly Argument[],
  environment: Environment,
): Environment {
  const bindings = new Map<string, Value>();
  let scope = environment;
  for (const binder of binders) {
    const place = body.map((a) => findIndexed(a.value, binder.name)).find((found) => found !== null);
    if (!place) fail(environment, "unused-binder", binder.span, { name: binder.name });
    const table = asTensor(evaluate(place.index.operand, scope), scope, place.index.span);
    const feature = featureOf(table.node);
    const slots = [...table.axes, ...(feature ? [{ name: "", axis: feature }] : [])];
    const named = slots.find((s) => s.name === binder.name);
    const slot = named ?? slots[place.at];
    if (!slot)
      fail(environment, "too-many-indices", place.index.span, {
        type: describeType(table),
        count: place.at + 1,
      });
    bindings.set(binder.name, indexAlong(binderAxis(binder, slot.axis, environment)));
    scope = extend(environment, bindings);
  }
  return scope;
}

function binderAxis(binder: Identifier, like: Axis, environment: Environment): Axis {
  if (like.kind === "feature") return like;
  const key = `${environment.path.name}:${binder.span.start}:${binder.name}:${like.name}`;
  return remember(environment.session, key, () =>
    like.size.kind === "fixed"
      ? { ...like, name: `${binder.name}.${binder.span.start}` }
      : {
          name: `${binder.name}.${binder.span.start}`,
          kind: "time",
          size: { kind: "linear", of: like, times: 1, plus: 0 },
          order: like.order + 0.25,
        },
  );
}

/** The first index expression that has the name among its indices, and at which place. */
function findIndexed(expression: Expression, name: string): { index: Index; at: number } | null {
  const inner = (parts: readonly Expression[]) =>
    parts.map((p) => findIndexed(p, name)).find((f) => f !== null) ?? null;
  switch (expression.kind) {
    case "number":
    case "string":
    case "name":
    case "length":
      return null;
    case "unary":
      return findIndexed(expression.operand, name);
    case "binary":
      return inner([expression.left, expression.right]);
    case "if":
      return inner([expression.condition, expression.then, expression.else]);
    case "pipe":
      return inner(expression.stages);
    case "call":
      return inner([expression.callee, ...expression.arguments.map((a) => a.value)]);
    case "index": {
      const at = expression.indices.findIndex((i) => ownName(i) === name);
      return at >= 0 ? { index: expression, at } : inner([expression.operand, ...expression.indices]);
    }
    case "parenthesised":
      return findIndexed(expression.value, name);
    default:
      return expression satisfies never;
  }
}
