/**
 * split-states: a state that is read and written part by part becomes as many states.
 *
 *   state h: f32[g: 2, B, n]                              becomes     state h.0: f32[B, n]   state h.1: f32[B, n]
 *   next stack [g] (…, pick [g] 1 %h)                                 next …                 next %h.1
 *
 * Then a part that does not change at a step need not be stored, and one whose equation is a branch is one.
 *
 * Needs: simplified graphs, in which parts of stacks have been taken apart. Makes: no state is a stack of its parts.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Graph, Node } from "../ir/graph/types.ts";
import { bodyNodes, bodyRoots, rewrite } from "../ir/graph/walk.ts";
import { rewriteScans, type Replacement } from "./body.ts";
import type { Pass } from "./pass.ts";

export const splitStates: Pass = {
  name: "split-states",
  about: "Makes a state that is read and written part by part a state for each part.",
  run: (graph: Graph) => rewriteScans(graph, splitScan),
};

function splitScan(scan: Node<"scan">): Replacement | null {
  const parts = build.scanParts(scan);
  const readers = new Map<Node, Node[]>();
  for (const node of bodyNodes(scan))
    for (const x of node.operands) readers.set(x, [...(readers.get(x) ?? []), node]);
  const roots = bodyRoots(scan);
  const axisOf = ({ formal, next }: (typeof parts.states)[number]): Axis | null => {
    if (next.op !== "stack" || roots.includes(formal)) return null;
    const { axis } = next.attributes;
    const isPart = (by: Node): boolean => by.op === "pick" && by.attributes.axis === axis;
    return (readers.get(formal) ?? []).every(isPart) ? axis : null;
  };
  const axes = parts.states.map(axisOf);
  if (axes.every((axis) => axis === null)) return null;

  const instead = new Map<Node, Node>();
  const split = parts.states.map((state, k) => {
    const axis = axes[k];
    if (!axis) return [state];
    return state.next.operands.map((next, index) => {
      const start = build.pick(state.start, axis, index);
      const formal = build.state(`${state.formal.attributes.name}.${index}`, start.type);
      for (const by of readers.get(state.formal) ?? [])
        if (by.op === "pick" && by.attributes.index === index) instead.set(by, formal);
      return { formal, start, next };
    });
  });
  const states = split.flat();
  const after = rewrite([...states.map((s) => s.next), ...parts.outputs], (node) => node, instead);
  const made = build.scan(
    {
      ...parts,
      states: states.map((s, k) => ({ ...s, next: after[k]! })),
      outputs: after.slice(states.length),
    },
    scan.label,
  );
  const firsts = split.map((_, k) => split.slice(0, k).flat().length);
  return {
    final: (index) => {
      const axis = axes[index];
      const first = firsts[index]!;
      if (!axis) return build.finalState(made, first);
      return build.stack(
        split[index]!.map((_, k) => build.finalState(made, first + k)),
        axis,
      );
    },
    output: (index) => build.scanOutput(made, index),
  };
}
