/**
 * Turns a scan over a short axis of fixed size into straight code.
 *
 *   %s: scan n2 { state %h = %h0; element %x = %xs; next %h = add %h, %x }     becomes     %1 = pick [n2] 0 %xs
 *   %y = final 0 %s                                                                        %2 = add %h0, %1
 *                                                                                          %3 = pick [n2] 1 %xs
 *                                                                                          %y = add %2, %3
 *
 * Needs nothing. Makes: no scan is left over an axis of fixed size up to the limit.
 */
import { constant, fixedSize, pick, random, scanParts, stack } from "../ir/graph/build.ts";
import type { Axis, Graph, Node } from "../ir/graph/types.ts";
import { bodyRoots, rewrite, rewriteGraph } from "../ir/graph/walk.ts";
import type { Pass } from "./pass.ts";

export function makeUnroll(limit: number): Pass {
  return {
    name: "unroll",
    about: `Turns scans of at most ${limit} steps into straight code.`,
    run: (graph) => run(graph, limit),
  };
}

export const unroll: Pass = makeUnroll(8);

interface Unrolled {
  readonly finals: readonly Node[];
  readonly outputs: readonly Node[];
}

function run(graph: Graph, limit: number): Graph {
  const done = new Map<Node, Unrolled>();
  return rewriteGraph(graph, (node) => {
    const scan = node.op === "result" ? node.operands[0]! : node;
    if (node.op !== "result" || scan.op !== "scan" || !isShort(scan.attributes.axis, limit)) return node;
    const unrolled = done.get(scan) ?? steps(scan);
    done.set(scan, unrolled);
    const { part, index } = node.attributes;
    return (part === "final" ? unrolled.finals : unrolled.outputs)[index]!;
  });
}

function isShort(axis: Axis, limit: number): boolean {
  return axis.size.kind === "fixed" && axis.size.size > 0 && axis.size.size <= limit;
}

function steps(scan: Node<"scan">): Unrolled {
  const { axis, reverse, position, states, elements, outputs } = scanParts(scan);
  const size = fixedSize(axis);
  const history: Node[][] = Array.from({ length: size }, () => []);
  let current: readonly Node[] = states.map((s) => s.start);
  for (let step = 0; step < size; step++) {
    const t = reverse ? size - 1 - step : step;
    const known = new Map<Node, Node>([
      [position, constant(t, "i32")],
      ...states.map((s, k) => [s.formal, current[k]!] as const),
      ...elements.map((e) => [e.formal, pick(e.sequence, axis, t)] as const),
    ]);
    const results = rewrite(bodyRoots(scan), (node) => drawn(node, axis, t), known);
    current = results.slice(0, states.length);
    history[t] = results.slice(states.length);
  }
  return {
    finals: current,
    outputs: outputs.map((_, k) =>
      stack(
        history.map((values) => values[k]!),
        axis,
      ),
    ),
  };
}

/** A random number fresh at each step is the step's part of one drawn over the whole axis. */
function drawn(node: Node, axis: Axis, t: number): Node {
  if (node.op !== "random" || node.type.axes.includes(axis) || !node.attributes.fresh.includes(axis))
    return node;
  const { distribution, place, fresh } = node.attributes;
  return pick(random(distribution, place, [...node.type.axes, axis], fresh), axis, t);
}
