/**
 * One recurrence while it is written down: the scan that a cell's equations become.
 *
 * Reading `h[t-1]` asks for a state before its equation is known. Its axes are guessed (those declared and those
 * that the input carries along) and, if the equation turns out to have more, the whole cell is elaborated again
 * with the better guess; its size is a size like any other (see `sizes.ts`).
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import type { Span } from "../parser/ast.ts";
import { fail, placeIn, type Environment } from "./environment.ts";
import { align, featureAxis, featureOf, tensor, toF32, withFeature } from "./tensors.ts";
import type { Tensor } from "./values.ts";

/** How often the axes of states may turn out wider than guessed. */
export const attempts = 8;

export interface Recurrence {
  readonly axis: Axis;
  /** What its equations call the step: `t` in a cell. */
  readonly name: string;
  /** Inside `bidir`'s backward run: the cell's own time flows from the end. */
  readonly backward: boolean;
  /** The scan runs from the end: a backward run, or equations in `h[t+1]`. */
  readonly reverse: boolean;
  readonly position: Node<"position">;
  /** Axes that every state has, because the input has them. */
  readonly carried: readonly Axis[];
  readonly states: Map<string, StateRecord>;
  readonly elements: ElementRecord[];
  /** Axes of states as the last attempt found them. */
  readonly guesses: Map<string, readonly Axis[]>;
  /** Whether states may live on between calls: not those of a loss, which ends with its sequence. */
  readonly lives: boolean;
  /** States live on between calls. */
  readonly stateful: boolean;
  /** What the states start from, by name, if the call says so. */
  readonly startFrom: ((state: string, formal: Node<"state">) => Node) | null;
  /** The share of the recurrent output that is dropped. */
  readonly dropout: number;
  /** The cell's own path: states are named beneath it. */
  readonly path: string;
}

export interface ElementRecord {
  readonly formal: Node<"element">;
  /** As the step reads it: shifted. */
  readonly sequence: Node;
  readonly of: Node;
  readonly by: number;
  readonly filler: number;
}

export interface StateRecord {
  readonly formal: Node<"state">;
  readonly span: Span;
  readonly start: (() => Tensor) | null;
  readonly next: () => Tensor;
}

export interface StateRequest {
  /** Unique within the recurrence: the path of the cell and the name. */
  readonly key: string;
  /** Axes declared with the state, the feature last; null if undeclared. */
  readonly declared: readonly Axis[] | null;
  readonly span: Span;
  readonly start: (() => Tensor) | null;
  readonly next: () => Tensor;
}

/** The formal of a state: this recurrence's value of it one step ago. */
export function readState(request: StateRequest, recurrence: Recurrence, environment: Environment): Node {
  const before = recurrence.states.get(request.key);
  if (before) return before.formal;
  const { sizes } = environment.session;
  const guess = recurrence.guesses.get(request.key);
  let axes: readonly Axis[];
  if (guess) axes = guess;
  else if (request.declared) axes = build.union(recurrence.carried, request.declared);
  else {
    const name = request.key.split(".").pop()!;
    const size = sizes.fresh(
      request.key,
      placeIn(environment, request.span),
      `the size of \`${name}\`, which is read of an earlier step`,
      `Declare it as a state of the cell: \`state ${name}[n]\`.`,
    );
    axes = build.union(recurrence.carried, [featureAxis(environment.session, size)]);
  }
  const formal = build.state(request.key, { dtype: "f32", axes });
  recurrence.states.set(request.key, {
    formal,
    span: request.span,
    start: request.start,
    next: request.next,
  });
  return formal;
}

/** An element of a sequence: its value at this step, or `by` steps earlier in the cell's own time; outside: the filler. */
export function readElement(
  key: string,
  sequence: Node,
  by: number,
  recurrence: Recurrence,
  filler = 0,
): Node {
  const { axis, elements } = recurrence;
  const before = elements.find((e) => e.of === sequence && e.by === by && (by === 0 || e.filler === filler));
  if (before) return before.formal;
  const shifted = build.shift(sequence, axis, recurrence.backward ? -by : by, filler);
  const formal = build.element(key, shifted.type, axis);
  elements.push({ formal, sequence: shifted, of: sequence, by, filler });
  return formal;
}

/** `t` in the cell's own time: a backward run counts from its own start. */
export function ownPosition(recurrence: Recurrence): Tensor {
  return { ...positionOf(recurrence), step: recurrence };
}

function positionOf(recurrence: Recurrence): Tensor {
  if (!recurrence.backward) return tensor(recurrence.position);
  const [last, at] = align([
    build.sub(build.length(recurrence.axis), build.constant(1, "i32")),
    recurrence.position,
  ]) as [Node, Node];
  return tensor(build.sub(last, at));
}

/**
 * Evaluates every state's equation (which may ask for further states) and closes the scan, or returns null if a guess
 * was wrong and the body must be written down again.
 */
export function closeScan(
  results: readonly Tensor[],
  recurrence: Recurrence,
  environment: Environment,
  label: string,
): readonly Tensor[] | null {
  const { session } = environment;
  const nexts = new Map<string, Node>();
  for (const [key, record] of recurrence.states) {
    const next = record.next();
    const [size, declared] = [featureOf(next.node), featureOf(record.formal)];
    if (size && declared && !session.sizes.unify(build.fixedSize(size), build.fixedSize(declared)))
      fail(environment, "state-size", record.span, {
        name: key.split(".").pop()!,
        declared: build.fixedSize(declared),
        found: build.fixedSize(size),
      });
    nexts.set(key, declared ? withFeature(next.node, declared) : next.node);
  }
  let settled = true;
  for (const [key, next] of nexts) {
    const formal = recurrence.states.get(key)!.formal;
    const all = build.union(formal.type.axes, next.type.axes);
    if (all.length === formal.type.axes.length) continue;
    recurrence.guesses.set(key, all);
    settled = false;
  }
  if (!settled) return null;

  const states = [...recurrence.states].map(([key, record]) => ({
    formal: record.formal,
    start: startOf(key, record, recurrence, environment),
    next: build.broadcast(toF32(nexts.get(key)!), record.formal.type.axes),
  }));
  const scan = build.scan(
    {
      axis: recurrence.axis,
      reverse: recurrence.reverse,
      position: recurrence.position,
      states,
      elements: recurrence.elements,
      outputs: results.map((result) => result.node),
    },
    label,
  );
  const keys = [...recurrence.states.keys()];
  const finals = new Map(keys.map((key, k) => [key, build.finalState(scan, k) as Node]));
  if (carries(recurrence, environment))
    for (const [key, final] of finals) if (canCarry(final)) session.carried.set(`state:${key}`, final);
  const named = new Map(
    [...finals]
      .map(([key, final]) => [key.slice(recurrence.path.length + 1), final] as const)
      .filter(([name]) => isOwnState(name)),
  );
  return results.map(({ node, origin }, k) => {
    const end = states.findIndex((s) => s.next === node);
    const own =
      recurrence.reverse === recurrence.backward && end >= 0 ? tensor(finals.get(keys[end]!)!) : null;
    const ends = own && { axis: recurrence.axis, value: own };
    return { ...tensor(build.scanOutput(scan, k)), ends, origin, finals: named };
  });
}

/** Not one of `feed`, nor a state remembered for several steps. */
const isOwnState = (name: string): boolean => !/[@.]/u.test(name) && name !== "feed";

const carries = (recurrence: Recurrence, environment: Environment): boolean =>
  recurrence.lives && (recurrence.stateful || environment.session.mode.carry);

/** A state that is itself a sequence (sentences of a document) does not live on between calls. */
const canCarry = (node: Node): boolean => node.type.axes.every((axis) => axis.kind !== "time");

function startOf(key: string, record: StateRecord, recurrence: Recurrence, environment: Environment): Node {
  const { type } = record.formal;
  const feature = featureOf(record.formal);
  const name = key.slice(recurrence.path.length + 1);
  const given = isOwnState(name) ? recurrence.startFrom?.(name, record.formal) : null;
  const declared = given ?? record.start?.().node ?? build.constant(0);
  const own = feature ? withFeature(toF32(declared), feature) : toF32(declared);
  const start = build.broadcast(own, type.axes);
  if (!carries(recurrence, environment) || !canCarry(record.formal)) return start;
  const kept = build.input(`state:${key}`, "f32", type.axes);
  const fresh = build.binary("ne", build.input("fresh", "i32", [build.batch]), build.constant(0, "i32"));
  return build.select(fresh, start, kept);
}
