/**
 * `if` on places of a fixed axis is a branch: what is not taken is not computed. So an equation that chooses by such a
 * place, `h[g] = if t % periods[g] == 0 then … else h[t-1, g]`, is written down once for each, with the place as a
 * number; what the compiler can then decide is decided, and what depends on the step alone becomes a branch of its own.
 * The parameters within are the same at each place.
 */
import * as build from "../ir/graph/build.ts";
import type { Expression } from "../parser/ast.ts";
import { within } from "../parser/expression-parts.ts";
import { positional } from "./arguments.ts";
import { extend, type Environment } from "./environment.ts";
import type { LeftAxis } from "./equations.ts";
import { evaluate } from "./evaluate.ts";
import { align, asTensor, elementwise, number, toF32 } from "./tensors.ts";
import type { CallSite, Tensor, Value } from "./values.ts";

/** Beyond that many places a choice is made elementwise. */
const mostPlaces = 64;

/** The value of an equation, its places told apart where it chooses by them. */
export function evaluateUnrolled(
  expression: Expression,
  left: readonly LeftAxis[],
  environment: Environment,
): Value {
  const chosen = left.find(({ name }) => choosesBy(expression, name, environment));
  if (!chosen) return evaluate(expression, environment);
  const rest = left.filter((l) => l !== chosen);
  const places = atEachPlace(chosen, environment, (at) =>
    asTensor(evaluateUnrolled(expression, rest, at), at, expression.span),
  );
  const isWhole = places.every((p) => p.node.type.dtype === places[0]!.node.type.dtype);
  const nodes = align(places.map((p) => (isWhole ? p.node : toF32(p.node))));
  const axes = build.union(...nodes.map((x) => x.type.axes));
  const node = build.stack(
    nodes.map((x) => build.broadcast(x, axes)),
    chosen.axis,
  );
  return { ...places[0]!, node, axes: [chosen, ...places[0]!.axes], ends: null };
}

/** A sum whose terms choose by the binder's place, term by term; null for any other call. */
export function unrolledSum(target: Value, site: CallSite): Value | null {
  if (target.kind !== "function" || target.name !== "sum" || site.binders.length !== 1) return null;
  const [argument, second] = positional(site);
  const { name } = site.binders[0]!;
  const bound = site.environment.lookup(name);
  const axis = bound?.kind === "tensor" ? bound.index : undefined;
  if (!argument || second || !axis || !choosesBy(argument.value, name, site.environment)) return null;
  const { span } = argument;
  const terms = atEachPlace({ name, axis }, site.environment, (at) => evaluate(argument.value, at));
  return terms
    .filter((term) => term.kind !== "number" || term.value !== 0)
    .reduce<Value>(
      (sum, term) =>
        sum.kind === "number" && sum.value === 0
          ? term
          : elementwise("add", { value: sum, span }, { value: term, span }, site.environment, span),
      number(0),
    );
}

function atEachPlace<T>(
  { name, axis }: LeftAxis,
  environment: Environment,
  run: (at: Environment) => T,
): readonly T[] {
  const { path } = environment;
  const before = new Map(path.count);
  const results = Array.from({ length: build.fixedSize(axis) }, (_, k) => {
    const count = new Map(before);
    const result = run(extend(environment, new Map([[name, number(k)]]), { path: { ...path, count } }));
    for (const [child, nth] of count) path.count.set(child, nth);
    return result;
  });
  return results;
}

/** Whether the expression has an `if` on the name, on a fixed axis, and otherwise only on what the compiler knows and the step. */
function choosesBy(expression: Expression, name: string, environment: Environment): boolean {
  const isKnown = (n: string): boolean => {
    const value = environment.lookup(n);
    if (value?.kind !== "tensor") return value !== null;
    return value.step !== undefined || isFixed(value);
  };
  const own = environment.lookup(name);
  if (own?.kind !== "tensor" || !isFixed(own)) return false;
  for (const part of within(expression)) {
    if (part.kind !== "if") continue;
    const names = [...within(part.condition)].flatMap((e) => (e.kind === "name" ? [e.name] : []));
    if (names.includes(name) && names.every(isKnown)) return true;
  }
  return false;
}

function isFixed({ index }: Tensor): boolean {
  return index?.size.kind === "fixed" && index.kind === "named" && index.size.size <= mostPlaces;
}
