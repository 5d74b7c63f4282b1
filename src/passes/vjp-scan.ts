/**
 * The cotangents of a scan: the reversed scan. Its states are the cotangents of the forward states; its elements are
 * the cotangents of the outputs and the tape, which is nothing but outputs of the forward scan. The body is the
 * backpropagated body, in which each forward value is read from the tape or computed again.
 *
 *   h[t] = tanh(a[t] + U h[t-1])        dz[t]   = dh[t] · (1 - h[t]²)       h[t], h[t-1]: tape
 *                                       dh[t-1] = Uᵀ dz[t]
 *                                       dU     += dz[t] h[t-1]ᵀ
 *
 * A forward scan runs from an example's start and holds past its end; the reversed one holds (stays at its start)
 * until the example's own last step. So lengths need no further care here. A captured value gets an accumulating
 * state; `defer-weight-gradients` makes one product after the loop of it.
 */
import {
  add,
  binary,
  constant,
  element,
  filled,
  finalState,
  hasAxis,
  isRagged,
  lengthAxes,
  length,
  scan as makeScan,
  scanOutput,
  scanParts,
  select,
  state,
} from "../ir/graph/build.ts";
import type { ScanParts } from "../ir/graph/build.ts";
import type { Node } from "../ir/graph/types.ts";
import { bodyRoots, topological } from "../ir/graph/walk.ts";
import type { Derivation, ScanCotangents } from "./backpropagate.ts";
import { Cotangents, backpropagate, reaching } from "./backpropagate.ts";
import { readTape } from "./vjp-tape.ts";

/** Adds to `into` the cotangents of the scan's starts, sequences and captures that lie in `reach`. */
export function vjpScan(
  scan: Node<"scan">,
  results: ScanCotangents,
  reach: ReadonlySet<Node>,
  into: Cotangents,
  derivation: Derivation,
): void {
  const { scopes } = derivation;
  const parts = scanParts(scan);
  const inside = scopes.inside(scan);
  const order = scopes.level(bodyRoots(scan)).filter((node) => inside.has(node));
  const captures = scopes.captures(scan).filter((x) => reach.has(x) && x.type.dtype === "f32");
  const elements = parts.elements.filter((e) => reach.has(e.sequence) && e.formal.type.dtype === "f32");
  const flow = findFlow(
    parts,
    results,
    order,
    [...captures, ...elements.map((e) => e.formal)],
    reach,
    derivation,
  );

  // the cotangents that a step begins with
  const cotangents = new Cotangents();
  const carried = flow.states.map((k) => {
    const { formal, next } = parts.states[k]!;
    const dformal = state(`d${formal.attributes.name}`, formal.type);
    cotangents.add(next, dformal);
    return { k, formal, dformal };
  });
  const given: ScanParts["elements"][number][] = flow.outputs.map((k) => {
    const sequence = results.outputs.get(k)!;
    const formal = element(`dy${k}`, sequence.type, parts.axis);
    cotangents.add(parts.outputs[k]!, formal);
    return { formal, sequence };
  });
  backpropagate(order, flow.reach, cotangents, derivation);

  // what it ends with
  const nexts = carried.map(({ formal }) =>
    cut(cotangents.of(formal) ?? filled(0, formal.type), parts, derivation.truncate),
  );
  const read = elements.flatMap((e) => pair(e.sequence, cotangents.of(e.formal)));
  const sums = captures.flatMap((x) => pair(x, cotangents.of(x)));
  const roots = [...nexts, ...[...read, ...sums].map((x) => x.cotangent)];
  const tape = readTape(scan, roots, inside, derivation);
  const body = tape.body;

  const accumulated = sums.map(({ of }, k) => {
    const formal = state(`d${of.label ?? "capture"}`, of.type);
    return { formal, start: filled(0, of.type), next: add(formal, body[nexts.length + read.length + k]!) };
  });
  const states = carried.map(({ k, formal, dformal }, i) => ({
    formal: dformal,
    start: results.finals.get(k) ?? filled(0, formal.type),
    next: body[i]!,
  }));
  if (states.length + accumulated.length + read.length === 0) return;
  const used = new Set(topological(body));
  const reversed = makeScan(
    {
      axis: parts.axis,
      reverse: !parts.reverse,
      position: tape.position,
      states: [...states, ...accumulated],
      elements: [...given, ...tape.elements].filter((e) => used.has(e.formal)),
      outputs: body.slice(nexts.length, nexts.length + read.length),
    },
    scan.label && `d${scan.label}`,
  );
  carried.forEach(({ k }, i) => {
    const { start } = parts.states[k]!;
    if (reach.has(start)) into.add(start, finalState(reversed, i));
  });
  read.forEach(({ of }, i) => into.add(of, scanOutput(reversed, i)));
  sums.forEach(({ of }, i) => into.add(of, finalState(reversed, states.length + i)));
}

const pair = (of: Node, cotangent: Node | null): { of: Node; cotangent: Node }[] =>
  cotangent ? [{ of, cotangent }] : [];

interface Flow {
  /** Indices of states whose cotangents are carried, and of outputs whose cotangents matter. */
  readonly states: readonly number[];
  readonly outputs: readonly number[];
  readonly reach: ReadonlySet<Node>;
}

/** States depend on each other around the loop: two fixed points, of what reaches and of what is reached. */
function findFlow(
  parts: ScanParts,
  results: ScanCotangents,
  order: readonly Node[],
  wanted: readonly Node[],
  outer: ReadonlySet<Node>,
  derivation: Derivation,
): Flow {
  const { scopes } = derivation;
  const all = parts.states.map((_, k) => k).filter((k) => parts.states[k]!.formal.type.dtype === "f32");
  const needed = new Set(all.filter((k) => outer.has(parts.states[k]!.start)));
  let reach: ReadonlySet<Node>;
  for (let size = -1; size !== needed.size;) {
    size = needed.size;
    reach = reaching(order, [...wanted, ...[...needed].map((k) => parts.states[k]!.formal)], scopes);
    for (const k of all) if (reach.has(parts.states[k]!.next)) needed.add(k);
  }
  const outputs = [...results.outputs.keys()].filter((k) => reach!.has(parts.outputs[k]!));
  const live = new Set([...needed].filter((k) => results.finals.has(k)));
  for (let size = -1; size !== live.size;) {
    size = live.size;
    const flowing = new Set([
      ...outputs.map((k) => parts.outputs[k]!),
      ...[...live].map((k) => parts.states[k]!.next),
    ]);
    for (const node of order.toReversed())
      if (flowing.has(node) && reach!.has(node))
        for (const x of scopes.reads(node)) if (reach!.has(x)) flowing.add(x);
    for (const k of needed) if (flowing.has(parts.states[k]!.formal)) live.add(k);
  }
  return { states: all.filter((k) => live.has(k)), outputs, reach: reach! };
}

/**
 * Truncated back-propagation through time: the cotangent does not leave a stretch of `every` positions. What enters
 * the first step is the start, no earlier stretch, and keeps its cotangent.
 */
function cut(dstate: Node, { axis, reverse, position }: ScanParts, every: number | null): Node {
  if (every === null || !isRagged(axis)) return dstate;
  const zero = constant(0, "i32");
  const edge = reverse ? add(position, constant(1, "i32")) : position;
  const atEdge = binary("eq", binary("mod", edge, constant(every, "i32")), zero);
  const isFirst = reverse
    ? lengthAxes(axis).every((of) => hasAxis(dstate, of))
      ? binary("ge", edge, length(axis))
      : null
    : binary("eq", position, zero);
  const kept = isFirst ? select(isFirst, dstate, constant(0)) : constant(0);
  return select(atEdge, kept, dstate);
}
