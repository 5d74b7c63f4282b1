/**
 * Recurrences among the equations of a `fn` or `loss`, over the axes on their left:
 *
 *   α[t, k] = e[t, k] + (if t == 0 then b[k] else logsumexp(i: α[t-1, i] + A[i, k]))
 *
 * They run along the first axis, in the order of the left, that one of them reads at another step; those that read the
 * same step of it, and an earlier one of a further axis, run along that within each step. A running axis is a scan: `t`
 * is its step, `α[t-1, …]` a state, and any other value along it gives this step's element.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import type { Equation, Expression, Index, Name } from "../parser/ast.ts";
import { partsOf, within } from "../parser/expression-parts.ts";
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { equationPath, fail, type Environment, type Path } from "./environment.ts";
import { leftAxes, named, shaped } from "./equations.ts";
import { evaluate } from "./evaluate.ts";
import { fillerOf, offsetOf, ownName } from "./indices.ts";
import { attempts, closeScan, ownPosition, readState, type Recurrence } from "./recurrence.ts";
import { align, asTensor } from "./tensors.ts";
import type { Tensor } from "./values.ts";
import { captured } from "./views.ts";

type Reference = Index & { readonly operand: Name };

export interface Lattice {
  readonly equations: ReadonlyMap<string, Equation>;
  /** Of the body, or of a step of the recurrence around this one. */
  readonly environment: Environment;
  readonly path: Path;
  /** Names of the axes that recurrences around this one run along. */
  readonly running: readonly string[];
  /** Whether states may live on between calls. */
  readonly lives: boolean;
  /** Says that the equations need themselves at the same step. */
  readonly failCycle: (names: readonly string[]) => never;
}

// ---- circles ----------------------------------------------------------------------------------------------------

/** The equations in a circle with `name`, itself included; null if there is none. What reads another step is `free`. */
export function circleOf(
  name: string,
  equations: ReadonlyMap<string, Equation>,
  free: (reference: Reference) => boolean,
): readonly string[] | null {
  const reads = (e: Expression): readonly string[] => {
    if (e.kind === "name") return equations.has(e.name) ? [e.name] : [];
    const parts = isReference(e, equations) && free(e) ? e.indices : partsOf(e);
    return parts.flatMap(reads);
  };
  const reachable = (from: string, seen = new Set<string>()): ReadonlySet<string> => {
    for (const next of reads(equations.get(from)!.value))
      if (!seen.has(next)) reachable(next, seen.add(next));
    return seen;
  };
  const forward = reachable(name);
  return forward.has(name) ? [...forward].filter((other) => reachable(other).has(name)) : null;
}

const isReference = (e: Expression, equations: ReadonlyMap<string, unknown>): e is Reference =>
  e.kind === "index" && e.operand.kind === "name" && equations.has(e.operand.name);

// ---- running along an axis --------------------------------------------------------------------------------------

/** The values of equations that stand in a circle, over all steps. */
export function evaluateLattice(names: readonly string[], lattice: Lattice): ReadonlyMap<string, Tensor> {
  const { equations, environment, path } = lattice;
  const { name, axis, reverse } = runningAxis(names, lattice);
  const guesses = new Map<string, readonly Axis[]>();
  for (let attempt = 0; attempt < attempts; attempt++) {
    const recurrence: Recurrence = {
      axis,
      name,
      lives: lattice.lives && lattice.running.length === 0,
      backward: false,
      reverse,
      position: build.position(),
      carried: [],
      states: new Map(),
      elements: [],
      guesses,
      stateful: false,
      startFrom: null,
      dropout: 0,
      path: path.name,
    };
    const values = stepOf(names, recurrence, lattice);
    const results = names.map((n) => values(n));
    const closed = closeScan(results, recurrence, environment, `${path.name}.${names[0]}`);
    if (closed)
      return new Map(
        names.map((n, k) => [n, named(closed[k]!.node, leftAxes(equations.get(n)!, environment))]),
      );
  }
  throw new CompilerBug(`the axes of ${names.join(", ")} do not settle`);
}

/** The first axis on the left that the equations read another step of, and from which end they run along it. */
function runningAxis(
  names: readonly string[],
  { equations, environment, running, failCycle }: Lattice,
): { readonly name: string; readonly axis: Axis; readonly reverse: boolean } {
  const references = names
    .flatMap((n) => [...within(equations.get(n)!.value)])
    .filter((e): e is Reference => isReference(e, equations) && names.includes(e.operand.name))
    .filter((e) => running.every((outer) => offsetAt(e, outer, environment) === 0));
  for (const { name, axis } of leftAxes(equations.get(names[0]!)!, environment)) {
    const isShared = names.every((n) =>
      leftAxes(equations.get(n)!, environment).some((l) => l.name === name),
    );
    const offsets = references.map((e) => offsetAt(e, name, environment));
    if (!isShared || offsets.every((by) => by === 0)) continue;
    const unknown = references[offsets.indexOf(null)];
    if (unknown) fail(environment, "not-earlier", unknown.span, { name: unknown.operand.name, axis: name });
    const against = references[offsets.findIndex((by) => by! * offsets.find((o) => o !== 0)! < 0)];
    if (against) fail(environment, "two-directions", against.span, { name: against.operand.name });
    return { name, axis, reverse: offsets.some((by) => by! > 0) };
  }
  return failCycle(names);
}

/** How far from the step on the left a reference reads along an axis; null where that is not known. */
function offsetAt(reference: Reference, axis: string, environment: Environment): number | null {
  const index = reference.indices.find((i) => ownName(i) === axis);
  return index ? offsetOf(index, environment) : null;
}

/** This step's values, each found when first asked for. */
function stepOf(
  names: readonly string[],
  recurrence: Recurrence,
  lattice: Lattice,
): (name: string) => Tensor {
  const { equations, environment: outer, path } = lattice;
  const running = [...lattice.running, recurrence.name];
  const position = ownPosition(recurrence);
  const values = new Map<string, Tensor>();

  const environment: Environment = {
    ...outer,
    recurrence,
    lookup: (name) => (name === recurrence.name ? position : captured(outer.lookup(name), recurrence, outer)),
    readStep: (reference) => {
      const { name } = reference.operand;
      const isOwn =
        names.includes(name) && lattice.running.every((axis) => offsetAt(reference, axis, environment) === 0);
      if (!isOwn) return outer.readStep(reference);
      const by = offsetAt(reference, recurrence.name, environment) ?? 0;
      return {
        value: by === 0 ? value(name) : earlier(reference, Math.abs(by)),
        rest: reference.indices.filter((i) => !running.includes(ownName(i) ?? "")),
      };
    },
  };
  const value = (name: string): Tensor => {
    const before = values.get(name);
    if (before) return before;
    const isEarlier = (e: Reference): boolean => running.some((axis) => offsetAt(e, axis, environment) !== 0);
    const circle = circleOf(name, equations, isEarlier);
    if (circle)
      for (const [n, result] of evaluateLattice(circle, { ...lattice, environment, running }))
        values.set(n, result);
    else {
      const equation = equations.get(name)!;
      const own = { ...environment, path: equationPath(path, name, equation.span.start) };
      const result = asTensor(evaluate(equation.value, own), own, equation.value.span);
      values.set(name, shaped(result, leftAxes(equation, environment), environment, equation.span));
    }
    return values.get(name)!;
  };
  const state = (name: string, steps: number): Tensor => {
    const equation = equations.get(name)!;
    const left = leftAxes(equation, environment);
    const request = {
      key: `${path.name}.${name}${steps === 1 ? "" : `@${steps}`}`,
      declared: left.map((l) => l.axis),
      span: equation.span,
      start: null,
      next: () => (steps === 1 ? value(name) : state(name, steps - 1)),
    };
    return named(readState(request, recurrence, environment), left);
  };
  /** A state, before the first step what the reference says instead. */
  const earlier = (reference: Reference, steps: number): Tensor => {
    const found = state(reference.operand.name, steps);
    const filler = reference.filler ? fillerOf(reference.filler, environment) : 0;
    if (filler === 0) return found;
    const done = recurrence.reverse ? fromEnd(recurrence) : recurrence.position;
    const [at, first] = align([done, build.constant(steps, "i32")]) as [Node, Node];
    const [outside, inside, other] = align([
      build.binary("lt", at, first),
      found.node,
      build.constant(filler),
    ]) as [Node, Node, Node];
    return { ...found, node: build.select(outside, other, inside) };
  };
  return value;
}

/** How many steps are left after this one. */
function fromEnd({ axis, position }: Recurrence): Node {
  const last = build.sub(build.length(axis), build.constant(1, "i32"));
  return build.sub(...(align([last, position]) as [Node, Node]));
}
