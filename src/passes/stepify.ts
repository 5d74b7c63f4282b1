/**
 * stepify: takes an axis away, so that a model of sequences runs one element at a time.
 *
 *   %y: f32[T, B, h] = scan over T …        becomes     the body once, its states read from and left in buffers
 *   %m: f32[B, h] = sum [T] %y              becomes     a running sum, one more state
 *
 * Needs states that start from persistent buffers (elaboration's `carry`). What looks ahead is refused. A state `position`
 * counts the steps where a step's number is read; `fresh` starts an example anew.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import * as build from "../ir/graph/build.ts";
import type { Axis, DType, Graph, Node, Output } from "../ir/graph/types.ts";
import { scanParts } from "../ir/graph/build.ts";
import { rebuild } from "../ir/graph/walk.ts";

export type Stepped = { readonly graph: Graph } | { readonly refusal: string };

/** Thrown through the walk, and given to the caller as a refusal. */
class LooksAhead extends Error {}

/** The model's inputs keep their names, `input` says how a step's are called. */
export function stepify(graph: Graph, axis: Axis, input: (name: string) => string): Stepped {
  try {
    return { graph: run(graph, axis, input) };
  } catch (error) {
    if (error instanceof LooksAhead) return { refusal: error.message };
    throw error;
  }
}

function run(graph: Graph, axis: Axis, input: (name: string) => string): Graph {
  const done = new Map<Node, Node>();
  const carried: Output[] = [];
  const fresh = build.binary("ne", build.input("fresh", "i32", [build.batch]), build.constant(0, "i32"));

  /** A new state: before this step (`start` at the beginning), and what the step makes of it. */
  const remember = (
    name: string,
    start: Node,
    next: (before: Node) => Node,
  ): { before: Node; after: Node } => {
    const axes = build.union(start.type.axes, [build.batch]);
    const full = `state:${name}`;
    const kept = build.input(full, start.type.dtype as DType, axes);
    const before = build.select(fresh, build.broadcast(start, axes), kept);
    const after = build.broadcast(next(before), axes);
    carried.push({ name: full, role: "carry", value: after });
    return { before, after };
  };
  const counter = (): Node => {
    const zero = build.broadcast(build.constant(0, "i32"), [build.batch]);
    return remember("position", zero, (before) => build.add(before, build.constant(1, "i32"))).before;
  };
  let position: Node | null = null;
  const now = (): Node => (position ??= counter());
  let states = 0;
  const name = (): string => `step.${states++}`;

  const visit = (node: Node): Node => {
    const before = done.get(node);
    if (before) return before;
    const after = step(node);
    done.set(node, after);
    return after;
  };

  const step = (node: Node): Node => {
    switch (node.op) {
      case "input":
        if (!build.hasAxis(node, axis)) return node;
        return build.input(
          input(node.attributes.name),
          node.type.dtype as DType,
          build.without(node.type.axes, [axis]),
        );
      case "position":
        return now();
      case "iota":
        return node.attributes.axis === axis ? now() : node;
      case "length":
        return node.attributes.axis === axis ? build.add(now(), build.constant(1, "i32")) : node;
      case "random":
        return build.hasAxis(node, axis)
          ? { ...node, type: { ...node.type, axes: build.without(node.type.axes, [axis]) } }
          : node;
      case "broadcast": {
        const axes = build.without(node.attributes.axes, [axis]);
        return build.broadcast(visit(node.operands[0]!), axes);
      }
      case "reduce":
        return node.attributes.axes.includes(axis) ? running(node) : rebuilt(node);
      case "contract":
        return node.attributes.axes.includes(axis) ? runningProduct(node) : rebuilt(node);
      case "shift":
        return node.attributes.axis === axis ? delayed(node) : rebuilt(node);
      case "gather":
        return node.attributes.axis === axis ? oneStep(node) : rebuilt(node);
      case "reverse":
        if (node.attributes.axis === axis) throw new LooksAhead("a reversed sequence starts at its end");
        return rebuilt(node);
      case "rename":
        if (node.attributes.from === axis) throw new LooksAhead("every step reads the whole sequence");
        return rebuilt(node);
      case "result": {
        const scan = node.operands[0] as Node<"scan">;
        if (scan.attributes.axis !== axis) return rebuilt(node);
        enter(scan);
        const { part, index } = node.attributes;
        return visit(
          part === "final" ? scan.attributes.states[index]!.next : scan.attributes.outputs[index]!,
        );
      }
      default:
        return rebuilt(node);
    }
  };

  const rebuilt = (node: Node): Node => {
    if (node.op === "scan") throw new CompilerBug("stepify: a scan along another axis");
    return rebuild(node, node.operands.map(visit));
  };

  /** This step of a scan: its formals are what the states start from, and this step's elements. */
  const enter = (scan: Node<"scan">): void => {
    const parts = scanParts(scan);
    if (parts.reverse) throw new LooksAhead("a recurrence runs from the end of the sequence");
    for (const { formal, start } of parts.states) if (!done.has(formal)) done.set(formal, visit(start));
    for (const { formal, sequence } of parts.elements)
      if (!done.has(formal)) done.set(formal, visit(sequence));
  };

  const neutral = { sum: 0, prod: 1, max: -Infinity, logsumexp: -Infinity } as const;

  const running = (node: Node<"reduce">): Node => {
    const { fn, axes } = node.attributes;
    if (fn === "argmax") throw new LooksAhead("the largest of all steps is only known at the end");
    const rest = build.without(axes, [axis]);
    const x = build.reduce(fn, visit(node.operands[0]!), rest);
    const joined = (a: Node): Node => {
      if (fn === "sum") return build.add(a, x);
      if (fn === "prod") return build.mul(a, x);
      if (fn === "max") return build.binary("max", a, x);
      return build.logAddExp(a, x);
    };
    return remember(name(), build.filled(neutral[fn], x.type), joined).after;
  };

  const runningProduct = (node: Node<"contract">): Node => {
    const [a, b] = node.operands as [Node, Node];
    const rest = build.without(node.attributes.axes, [axis]);
    const [x, y] = [visit(a), visit(b)];
    const product = rest.length > 0 ? build.contract(x, y, rest) : build.mul(...aligned(x, y));
    return remember(name(), build.filled(0, product.type), (before) => build.add(before, product)).after;
  };

  /** x[t - k]: what went in k steps ago. */
  const delayed = (node: Node<"shift">): Node => {
    const { by, filler } = node.attributes;
    if (by < 0) throw new LooksAhead("a step reads a later one");
    let value = visit(node.operands[0]!);
    for (let k = 0; k < by; k++) {
      const x = value;
      value = remember(name(), build.filled(filler, x.type), () => x).before;
    }
    return value;
  };

  /** The last step is this one, the first is remembered; any other is not known in advance. */
  const oneStep = (node: Node<"gather">): Node => {
    const [table, index] = node.operands as [Node, Node];
    if (isLast(index, axis)) return visit(table);
    if (index.op === "constant" && index.attributes.value === 0) {
      const x = visit(table);
      return remember(name(), x, (before) => before).after;
    }
    throw new LooksAhead("a computed index reads other steps");
  };

  const outputs = graph.outputs.map((output): Output => ({ ...output, value: visit(output.value) }));
  return { ...graph, outputs: [...outputs, ...carried] };
}

function aligned(a: Node, b: Node): [Node, Node] {
  const axes = build.union(a.type.axes, b.type.axes);
  return a.type.axes.length === axes.length ? [a, b] : [a, build.broadcast(b, axes)];
}

/** `length - 1`. */
function isLast(index: Node, axis: Axis): boolean {
  if (index.op !== "binary") return false;
  const [a, b] = index.operands as [Node, Node];
  const isLength = a.op === "length" && a.attributes.axis === axis;
  const { fn } = index.attributes;
  if (!isLength || b.op !== "constant") return false;
  return (fn === "sub" && b.attributes.value === 1) || (fn === "add" && b.attributes.value === -1);
}
