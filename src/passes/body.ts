/**
 * What the passes ask about the bodies of scans: what depends on which formals, who reads what, and how to put
 * something else in a scan's place.
 *
 * A value belongs to the body of a scan if it depends on one of the scan's formals, or on a random number that is
 * fresh over the scanned axis: such a number has no operand, but differs from step to step. So the axis itself
 * counts as one more formal here.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Graph, Node, Output } from "../ir/graph/types.ts";
import { bodyRoots, formals, rebuild, rewriteGraph, topological } from "../ir/graph/walk.ts";

/** What a value can depend on without reading it: a formal, or the step of a scan over an axis. */
export type Binder = Node | Axis;

export function binders(scan: Node<"scan">): ReadonlySet<Binder> {
  return new Set<Binder>([...formals(scan), scan.attributes.axis]);
}

/** Gives for each node the binders that it depends on and that no scan below it binds. */
export function dependence(): (node: Node) => ReadonlySet<Binder> {
  const known = new Map<Node, ReadonlySet<Binder>>();
  const none: ReadonlySet<Binder> = new Set();
  const join = (sets: readonly ReadonlySet<Binder>[]): ReadonlySet<Binder> => {
    const parts = [...new Set(sets)].filter((s) => s.size > 0);
    return parts.length < 2 ? (parts[0] ?? none) : new Set(parts.flatMap((s) => [...s]));
  };
  const compute = (node: Node): ReadonlySet<Binder> => {
    if (node.op === "state" || node.op === "element" || node.op === "position") return new Set([node]);
    if (node.op === "random") return new Set(build.without(node.attributes.fresh, node.type.axes));
    const operands = join(node.operands.map(visit));
    if (node.op !== "scan") return operands;
    const bound = binders(node);
    const body = [...join(bodyRoots(node).map(visit))].filter((x) => !bound.has(x));
    return body.length === 0 ? operands : join([operands, new Set(body)]);
  };
  const visit = (node: Node): ReadonlySet<Binder> => {
    let found = known.get(node);
    if (!found) known.set(node, (found = compute(node)));
    return found;
  };
  return visit;
}

export function meets(a: ReadonlySet<Binder>, b: ReadonlySet<Binder>): boolean {
  for (const x of a) if (b.has(x)) return true;
  return false;
}

/** What a node reads: its operands, and for a scan also what its body reads from outside. */
export function reads(node: Node, depends: (node: Node) => ReadonlySet<Binder>): readonly Node[] {
  if (node.op !== "scan") return node.operands;
  const bound = binders(node);
  const found = new Set<Node>(node.operands);
  const seen = new Set<Node>();
  const visit = (x: Node): void => {
    if (seen.has(x)) return;
    seen.add(x);
    if (meets(depends(x), bound)) for (const y of reads(x, depends)) visit(y);
    else found.add(x);
  };
  for (const root of bodyRoots(node)) visit(root);
  return [...found];
}

/** How often each node is read below the roots; a root counts as one reading. */
export function readers(roots: readonly Node[]): ReadonlyMap<Node, number> {
  const counts = new Map<Node, number>();
  const count = (x: Node): void => void counts.set(x, (counts.get(x) ?? 0) + 1);
  roots.forEach(count);
  for (const node of topological(roots)) {
    node.operands.forEach(count);
    if (node.op === "scan") bodyRoots(node).forEach(count);
  }
  return counts;
}

/** The axes that a node sums over, or reduces in another way. */
export function summedAxes(node: Node): readonly Axis[] {
  if (node.op === "reduce" || node.op === "contract") return node.attributes.axes;
  return node.op === "scatter" ? node.attributes.over : [];
}

export const rootsOf = (graph: Graph): readonly Node[] => graph.outputs.map((o: Output) => o.value);

/** What stands for the results of a scan. */
export interface Replacement {
  readonly final: (index: number) => Node;
  readonly output: (index: number) => Node;
}

/** The results of a scan as they are. */
export function resultsOf(scan: Node<"scan">): Replacement {
  return {
    final: (index) => build.finalState(scan, index),
    output: (index) => build.scanOutput(scan, index),
  };
}

/** Puts something else in the place of scans, inner ones first; null keeps one. `original` is the scan as it was. */
export function rewriteScans(
  graph: Graph,
  rule: (scan: Node<"scan">, original: Node) => Replacement | null,
): Graph {
  const replaced = new Map<Node, Replacement>();
  return rewriteGraph(graph, (node, original) => {
    // The scan itself stays until each of its results has been replaced, so that their indices hold.
    if (node.op === "scan") {
      const replacement = rule(node, original);
      if (replacement) replaced.set(node, replacement);
      return node;
    }
    if (node.op !== "result") return node;
    const replacement = replaced.get(node.operands[0]!);
    if (!replacement) return node;
    const { part, index } = node.attributes;
    return part === "final" ? replacement.final(index) : replacement.output(index);
  });
}

/** Operands over the union of their axes, as an elementwise op needs them: if none has all, one is broadcast. */
export function fit(operands: readonly Node[]): readonly Node[] {
  const axes = build.union(...operands.map((x) => x.type.axes));
  if (operands.some((x) => x.type.axes.length === axes.length)) return operands;
  const largest = operands.reduce((a, b) => (b.type.axes.length > a.type.axes.length ? b : a));
  const k = operands.indexOf(largest);
  return operands.map((x, j) => (j === k ? build.broadcast(x, axes) : x));
}

/** The same op over operands that gained axes: those that must agree in axes are broadcast. */
export function rebuildWider(node: Node, operands: readonly Node[]): Node {
  switch (node.op) {
    case "unary":
    case "binary":
    case "select":
      return rebuild(node, fit(operands));
    case "stack": {
      const axes = build.union(...operands.map((x) => x.type.axes));
      return rebuild(
        node,
        operands.map((x) => build.broadcast(x, axes)),
      );
    }
    case "concat": {
      const { from } = node.attributes;
      const axes = build.union(...operands.map((x, k) => build.without(x.type.axes, [from[k]!])));
      return rebuild(
        node,
        operands.map((x) => build.broadcast(x, axes)),
      );
    }
    default:
      return rebuild(node, operands);
  }
}
