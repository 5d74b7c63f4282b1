/**
 * Merges scans that run the same loop: the same axis, direction, starts and sequences, and next states that are the
 * same but for the names of the formals. The one that stays gives the outputs of both. Autodiff leaves such pairs,
 * a scan and the same scan with its tape.
 */
import * as build from "../ir/graph/build.ts";
import type { Graph, Node } from "../ir/graph/types.ts";
import { bodyRoots, rewrite, rewriteGraph, topological } from "../ir/graph/walk.ts";
import { dependence, rootsOf } from "./body.ts";
import { interner } from "./intern.ts";

export function mergeScans(graph: Graph): Graph {
  const scans = topological(rootsOf(graph)).filter((node): node is Node<"scan"> => node.op === "scan");
  for (const [k, second] of scans.entries())
    for (const first of scans.slice(0, k)) {
      const outputs = sameLoop(first, second);
      if (outputs) return merge(graph, first, second, outputs);
    }
  return graph;
}

/** The second scan's outputs over the first one's formals, if their loops are the same. */
function sameLoop(first: Node<"scan">, second: Node<"scan">): readonly Node[] | null {
  const [a, b] = [first.attributes, second.attributes];
  const alike =
    a.axis === b.axis &&
    a.reverse === b.reverse &&
    a.states.length === b.states.length &&
    first.operands.length === second.operands.length &&
    first.operands.every((x, k) => x === second.operands[k]);
  if (!alike) return null;
  const instead = new Map<Node, Node>([[b.position, a.position]]);
  b.states.forEach((s, k) => instead.set(s.formal, a.states[k]!.formal));
  b.elements.forEach((e, k) => instead.set(e, a.elements[k]!));
  const intern = interner();
  rewrite(bodyRoots(first), intern);
  const roots = rewrite(bodyRoots(second), intern, instead);
  const n = a.states.length;
  if (!a.states.every((s, k) => intern(s.next) === roots[k])) return null;
  // One may read the other, or lie in a body that the other does not lie in.
  const below = topological([...bodyRoots(first), ...roots]);
  const depends = dependence();
  const [x, y] = [depends(first), depends(second)];
  const apart = !below.includes(first) && !below.includes(second);
  return apart && x.size === y.size && [...x].every((binder) => y.has(binder)) ? roots.slice(n) : null;
}

function merge(graph: Graph, first: Node<"scan">, second: Node<"scan">, added: readonly Node[]): Graph {
  const offset = first.attributes.outputs.length;
  const parts = build.scanParts(first);
  const both = build.scan({ ...parts, outputs: [...parts.outputs, ...added] }, first.label);
  return rewriteGraph(graph, (node, original) => {
    if (original.op !== "result") return node;
    const { part, index } = original.attributes;
    const scan = original.operands[0];
    if (scan !== first && scan !== second) return node;
    if (part === "final") return build.finalState(both, index);
    return build.scanOutput(both, scan === first ? index : offset + index);
  });
}
