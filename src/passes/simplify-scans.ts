/**
 * simplify's rules for scans: what nothing reads is dropped, what is equal is merged, and what need not go through the
 * loop goes around it.
 *
 *   a state that never changes                 is its start
 *   an element of a value repeated along T     is the value; of `iota T`, the position
 *   an output that is an element, or outer     is the sequence, or the value repeated along T
 *   rename and broadcast of an output          are done after the loop
 *   two scans with equal loops                 are one, with the outputs of both (merge-scans.ts)
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Graph, Node } from "../ir/graph/types.ts";
import { bodyNodes, bodyRoots, rewrite, topological } from "../ir/graph/walk.ts";
import {
  binders,
  dependence,
  meets,
  rewriteScans,
  rootsOf,
  summedAxes,
  type Binder,
  type Replacement,
} from "./body.ts";
import { mergeScans } from "./merge-scans.ts";

/** Which results of a scan are read. */
interface Used {
  readonly finals: Set<number>;
  readonly outputs: Set<number>;
}

export function simplifyScans(graph: Graph): Graph {
  const used = new Map<Node, Used>();
  const usedOf = (scan: Node): Used => {
    let found = used.get(scan);
    if (!found) used.set(scan, (found = { finals: new Set(), outputs: new Set() }));
    return found;
  };
  for (const node of topological(rootsOf(graph)))
    if (node.op === "result") {
      const { part, index } = node.attributes;
      usedOf(node.operands[0]!)[part === "final" ? "finals" : "outputs"].add(index);
    }
  return mergeScans(rewriteScans(graph, (scan, original) => simplifyScan(scan, usedOf(original))));
}

type Parts = build.ScanParts;

function simplifyScan(scan: Node<"scan">, used: Used): Replacement | null {
  const parts = build.scanParts(scan);
  const instead = substitutes(parts);
  keepBatchSums(scan, instead);
  const roots = bodyRoots(scan);
  const after = instead.size === 0 ? roots : rewrite(roots, (node) => node, instead);
  const n = parts.states.length;
  const next = after.slice(0, n);

  // Outputs that are needed inside the loop, each once; what only names or repeats comes after it.
  const depends = dependence();
  const bound = binders(scan);
  const inside = (node: Node): boolean => meets(depends(node), bound);
  const shown = after.slice(n).map((value, k) => (used.outputs.has(k) ? show(value, inside, parts) : null));
  const kept = [...new Set(shown.flatMap((s) => (s?.inner ? [s.inner] : [])))];

  const standing = (formal: Node): Node => instead.get(formal) ?? formal;
  const finals = parts.states.filter((_, k) => used.finals.has(k)).map((s) => standing(s.formal));
  const alive = liveStates(parts, next, [...kept, ...finals]);
  const read = new Set(topological([...kept, ...next.filter((_, k) => alive.has(k))]));
  const elements = parts.elements.filter((e) => read.has(e.formal));
  const unchanged =
    instead.size === 0 &&
    alive.size === n &&
    elements.length === parts.elements.length &&
    kept.length === parts.outputs.length &&
    kept.every((x, k) => x === parts.outputs[k]);
  if (unchanged) return null;

  const states = parts.states.map((s, k) => ({ ...s, next: next[k]! })).filter((_, k) => alive.has(k));
  const made = build.scan({ ...parts, states, elements, outputs: kept }, scan.label);
  return {
    final: (index) => {
      const value = standing(parts.states[index]!.formal);
      const k = states.findIndex((s) => s.formal === value);
      return k < 0 ? value : build.finalState(made, k);
    },
    output: (index) => {
      const { inner, finish } = shown[index]!;
      return finish(inner && build.scanOutput(made, kept.indexOf(inner)));
    },
  };
}

/** What can stand for formals: outer values, the position, or an equal formal. */
function substitutes({ axis, states, elements, position }: Parts): Map<Node, Node> {
  const instead = new Map<Node, Node>();
  for (const [k, { formal, next, start }] of states.entries()) {
    const twin = states.slice(0, k).find((s) => s.next === next && s.start === start);
    if (next === formal) instead.set(formal, start);
    else if (twin) instead.set(formal, instead.get(twin.formal) ?? twin.formal);
  }
  for (const [k, { formal, sequence }] of elements.entries()) {
    const twin = elements.slice(0, k).find((e) => e.sequence === sequence);
    const value = twin
      ? (instead.get(twin.formal) ?? twin.formal)
      : elementOf(formal, sequence, axis, position);
    if (value !== formal) instead.set(formal, value);
  }
  return instead;
}

/**
 * In the body of a scan over a ragged axis a sum over the batch counts the examples that still run. So a formal stays
 * if, with an outer value in its place, such a sum would not depend on the step any more and count all.
 */
function keepBatchSums(scan: Node<"scan">, instead: Map<Node, Node>): void {
  if (!build.isRagged(scan.attributes.axis)) return;
  const depends = dependence();
  const bound = binders(scan);
  const leaves = (x: Binder): boolean => {
    const value = instead.get(x as Node);
    return value !== undefined && !meets(depends(value), bound);
  };
  const sums = bodyNodes(scan).filter(
    (node) => sumsBatch(node) || (node.op === "scan" && bodyNodes(node).some(sumsBatch)),
  );
  for (const sum of sums) {
    const on = [...depends(sum)].filter((x) => bound.has(x));
    if (on.length > 0 && on.every(leaves)) for (const formal of on) instead.delete(formal as Node);
  }
}

const sumsBatch = (node: Node): boolean => summedAxes(node).some((axis) => axis.kind === "batch");

/** The element of a sequence, as directly as it can be had. */
function elementOf(formal: Node<"element">, sequence: Node, axis: Axis, position: Node): Node {
  if (sequence.op === "iota" && sequence.attributes.axis === axis) return position;
  if (sequence.op === "broadcast" && sequence.attributes.axes.includes(axis))
    return build.broadcast(sequence.operands[0]!, formal.type.axes);
  return formal;
}

/** An output as what the loop has to give, and how the output is made of its sequence. */
interface Shown {
  /** Null: nothing. */
  readonly inner: Node | null;
  readonly finish: (sequence: Node | null) => Node;
}

function show(value: Node, inside: (node: Node) => boolean, parts: Parts): Shown {
  const { axis } = parts;
  if (!inside(value)) return { inner: null, finish: () => build.broadcast(value, [axis]) };
  const element = parts.elements.find((e) => e.formal === value);
  if (element) return { inner: null, finish: () => element.sequence };
  if (value === parts.position) return { inner: null, finish: () => build.iota(axis) };
  if (value.op === "broadcast" || value.op === "rename") {
    const { inner, finish } = show(value.operands[0]!, inside, parts);
    return {
      inner,
      finish: (sequence) =>
        value.op === "broadcast"
          ? build.broadcast(finish(sequence), value.attributes.axes)
          : build.rename(finish(sequence), value.attributes.from, value.attributes.to),
    };
  }
  return { inner: value, finish: (sequence) => sequence! };
}

/** Indices of the states that the values need, directly or through other states. */
function liveStates(parts: Parts, next: readonly Node[], needed: readonly Node[]): ReadonlySet<number> {
  const alive = new Set<number>();
  const seen = new Set<Node>();
  const visit = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    node.operands.forEach(visit);
    if (node.op === "scan") bodyRoots(node).forEach(visit);
    const k = parts.states.findIndex((s) => s.formal === node);
    if (k < 0 || alive.has(k)) return;
    alive.add(k);
    visit(next[k]!);
  };
  needed.forEach(visit);
  return alive;
}
