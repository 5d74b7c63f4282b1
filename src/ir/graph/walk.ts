/**
 * Ways through a graph: its order, what belongs to a scan's body, and rewriting from the leaves up.
 *
 * A node belongs to the body of the innermost scan on whose formals (states, elements, position) it depends.
 * What a body reads without depending on its formals lies outside: a capture.
 */
import * as build from "./build.ts";
import type { Axis, Graph, Node, Output } from "./types.ts";
import { sameAxes } from "./build.ts";

/** The values a scan's body ends in. */
export function bodyRoots(scan: Node<"scan">): readonly Node[] {
  return [...scan.attributes.states.map((s) => s.next), ...scan.attributes.outputs];
}

export function formals(scan: Node<"scan">): readonly Node[] {
  const { states, elements, position } = scan.attributes;
  return [...states.map((s) => s.formal), ...elements, position];
}

/** Every node reachable from the roots, bodies of scans included, each after all it depends on. */
export function topological(roots: readonly Node[]): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  const visit = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    for (const operand of node.operands) visit(operand);
    if (node.op === "scan") {
      for (const formal of formals(node)) visit(formal);
      for (const root of bodyRoots(node)) visit(root);
    }
    order.push(node);
  };
  for (const root of roots) visit(root);
  return order;
}

/** The nodes that depend on any of `sources`, among those reachable from the roots. */
export function dependents(roots: readonly Node[], sources: Iterable<Node>): ReadonlySet<Node> {
  const result = new Set<Node>(sources);
  for (const node of topological(roots)) {
    const reads = node.op === "scan" ? [...node.operands, ...bodyRoots(node)] : node.operands;
    if (reads.some((x) => result.has(x))) result.add(node);
  }
  return result;
}

/**
 * What belongs to which body. One such value serves a whole traversal, since it remembers what it has found.
 * A random number that is drawn anew along the scanned axis belongs to the body too, though it reads nothing.
 */
export interface Scopes {
  /** The nodes of a scan's body: formals included, nested scans' bodies too. */
  inside(scan: Node<"scan">): ReadonlySet<Node>;
  /** Outer values that a scan's body reads. */
  captures(scan: Node<"scan">): readonly Node[];
  /** What a node reads from its own level: its operands and, of a scan, the captures. */
  reads(node: Node): readonly Node[];
  /** The nodes below the roots without entering bodies of scans, each after all it depends on. */
  level(roots: readonly Node[]): Node[];
}

export function scopes(): Scopes {
  const insides = new Map<Node, ReadonlySet<Node>>();
  const captured = new Map<Node, readonly Node[]>();

  const inside = (scan: Node<"scan">): ReadonlySet<Node> => {
    const known = insides.get(scan);
    if (known) return known;
    const found = new Set<Node>(formals(scan));
    for (const node of level(bodyRoots(scan)))
      if (
        found.has(node) ||
        drawnAlong(node, scan.attributes.axis) ||
        reads(node).some((x) => found.has(x))
      ) {
        found.add(node);
        if (node.op === "scan") for (const x of inside(node)) found.add(x);
      }
    insides.set(scan, found);
    return found;
  };

  const captures = (scan: Node<"scan">): readonly Node[] => {
    const known = captured.get(scan);
    if (known) return known;
    const body = inside(scan);
    const found = new Set<Node>(bodyRoots(scan).filter((root) => !body.has(root)));
    for (const node of body) {
      const read = node.op === "scan" ? [...node.operands, ...bodyRoots(node)] : node.operands;
      for (const x of read) if (!body.has(x)) found.add(x);
    }
    const list = [...found];
    captured.set(scan, list);
    return list;
  };

  const reads = (node: Node): readonly Node[] =>
    node.op === "scan" ? [...node.operands, ...captures(node)] : node.operands;

  const level = (roots: readonly Node[]): Node[] => {
    const order: Node[] = [];
    const seen = new Set<Node>();
    const visit = (node: Node): void => {
      if (seen.has(node)) return;
      seen.add(node);
      for (const x of reads(node)) visit(x);
      order.push(node);
    };
    for (const root of roots) visit(root);
    return order;
  };

  return { inside, captures, reads, level };
}

function drawnAlong(node: Node, axis: Axis): boolean {
  return node.op === "random" && node.attributes.fresh.includes(axis) && !build.hasAxis(node, axis);
}

/** The nodes of a scan's body (formals included, nested scans' bodies too), each after all it depends on. */
export function bodyNodes(scan: Node<"scan">): Node[] {
  const inside = scopes().inside(scan);
  return topological([...formals(scan), ...bodyRoots(scan)]).filter((node) => inside.has(node));
}

/** Outer values that a scan's body reads directly, without the formals. */
export function captures(scan: Node<"scan">): Node[] {
  return [...scopes().captures(scan)];
}

/** The same op over other operands; types are computed anew. Formals and scans keep their bodies. */
export function rebuild(node: Node, operands: readonly Node[]): Node {
  if (operands.every((x, k) => x === node.operands[k])) return node;
  const made = remake(node, operands);
  return node.label === undefined || made.label !== undefined ? made : build.withLabel(made, node.label);
}

/** As the builder makes it: types and demands are checked anew, whether or not the operands changed. */
export function remake(node: Node, operands: readonly Node[]): Node {
  const [a, b, c] = operands as [Node, Node, Node];
  switch (node.op) {
    case "input":
    case "param":
    case "constant":
    case "iota":
    case "length":
    case "random":
    case "state":
    case "element":
    case "position":
      return node;
    case "unary":
      return build.unary(node.attributes.fn, a);
    case "binary":
      return build.binary(node.attributes.fn, a, b);
    case "select":
      return build.select(a, b, c);
    case "broadcast":
      return build.broadcast(a, node.attributes.axes);
    case "rename":
      return build.rename(a, node.attributes.from, node.attributes.to);
    case "reduce":
      return build.reduce(node.attributes.fn, a, node.attributes.axes);
    case "contract":
      return build.contract(a, b, node.attributes.axes);
    case "stack":
      return build.stack(operands, node.attributes.axis);
    case "pick":
      return build.pick(a, node.attributes.axis, node.attributes.index);
    case "slice":
      return build.slice(a, node.attributes.axis, node.attributes.start, node.attributes.to);
    case "concat":
      return build.concat(operands, node.attributes.from, node.attributes.to);
    case "place":
      return build.place(a, node.attributes.axis, node.attributes.start, node.attributes.from);
    case "gather":
      return build.gather(a, b, node.attributes.axis);
    case "scatter":
      return build.scatter(a, b, node.attributes.axis, node.attributes.over);
    case "shift":
      return build.shift(a, node.attributes.axis, node.attributes.by, node.attributes.filler);
    case "reverse":
      return build.reverse(a, node.attributes.axis);
    case "stop":
      return build.stop(a);
    case "scan": {
      const parts = build.scanParts(node);
      const n = parts.states.length;
      return build.scan({
        ...parts,
        states: parts.states.map((s, k) => ({ ...s, start: operands[k]! })),
        elements: parts.elements.map((e, k) => ({ ...e, sequence: operands[n + k]! })),
      });
    }
    case "result": {
      const of = a as Node<"scan">;
      const { part, index } = node.attributes;
      return part === "final" ? build.finalState(of, index) : build.scanOutput(of, index);
    }
    default:
      return node satisfies never;
  }
}

/**
 * Rewrites everything below the roots, operands first. `rule` sees each node over its rewritten operands and gives
 * what stands in its place (the node itself to keep it). A formal whose start or sequence changed its axes is made
 * anew. `known` seeds the replacements, e.g. formals by values; `instead` is asked before a node is visited, and what
 * it gives is rewritten in the node's place.
 */
export function rewrite(
  roots: readonly Node[],
  rule: (node: Node, original: Node) => Node,
  known: ReadonlyMap<Node, Node> = new Map(),
  instead: (node: Node) => Node = (node) => node,
): Node[] {
  const done = new Map<Node, Node>(known);
  const visit = (node: Node): Node => {
    const before = done.get(node);
    if (before) return before;
    const target = instead(node);
    const after =
      target !== node
        ? visit(target)
        : rule(node.op === "scan" ? visitScan(node) : rebuild(node, node.operands.map(visit)), node);
    done.set(node, after);
    return after;
  };
  const visitScan = (node: Node<"scan">): Node => {
    const { axis, position, ...parts } = build.scanParts(node);
    const states = parts.states.map((s) => ({ ...s, start: visit(s.start) }));
    const elements = parts.elements.map((e) => ({ ...e, sequence: visit(e.sequence) }));
    for (const { formal, start } of states)
      if (!done.has(formal))
        done.set(
          formal,
          sameAxes(formal.type.axes, start.type.axes)
            ? formal
            : build.state(formal.attributes.name, start.type),
        );
    for (const { formal, sequence } of elements)
      if (!done.has(formal)) {
        const same = sameAxes([...formal.type.axes, axis], sequence.type.axes);
        done.set(formal, same ? formal : build.element(formal.attributes.name, sequence.type, axis));
      }
    const next = states.map((s) => visit(s.next));
    const outputs = parts.outputs.map(visit);
    const unchanged =
      [...states.map((s) => s.start), ...elements.map((e) => e.sequence)].every(
        (x, k) => x === node.operands[k],
      ) &&
      next.every((x, k) => x === node.attributes.states[k]!.next) &&
      outputs.every((x, k) => x === node.attributes.outputs[k]) &&
      formals(node).every((x) => (done.get(x) ?? x) === x);
    if (unchanged) return node;
    return build.scan(
      {
        axis,
        reverse: parts.reverse,
        position: (done.get(position) ?? position) as Node<"position">,
        states: states.map((s, k) => ({
          start: s.start,
          formal: done.get(s.formal) as Node<"state">,
          next: next[k]!,
        })),
        elements: elements.map((e) => ({
          sequence: e.sequence,
          formal: done.get(e.formal) as Node<"element">,
        })),
        outputs,
      },
      node.label,
    );
  };
  return roots.map(visit);
}

export function rewriteGraph(graph: Graph, rule: (node: Node, original: Node) => Node): Graph {
  const values = rewrite(
    graph.outputs.map((o) => o.value),
    rule,
  );
  return { ...graph, outputs: graph.outputs.map((o, k): Output => ({ ...o, value: values[k]! })) };
}

/** All axes that occur in a graph, in canonical order. */
export function axesOf(graph: Graph): readonly Axis[] {
  const axesAt = (node: Node): readonly Axis[] =>
    // A scan without sequences, and a length, know an axis that no value has.
    node.op === "scan" || node.op === "length" ? [...node.type.axes, node.attributes.axis] : node.type.axes;
  return build.union(...topological(graph.outputs.map((o) => o.value)).map(axesAt));
}

/** All nodes of one op, in topological order. */
export function nodesOf<K extends Node["op"]>(graph: Graph, op: K): Node<K>[] {
  return topological(graph.outputs.map((o) => o.value)).filter((node): node is Node<K> => node.op === op);
}
