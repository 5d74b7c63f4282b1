/**
 * stepify: takes an axis away, so that a model of sequences runs one element at a time.
 *
 *   %y: f32[T, B, h] = scan over T …        becomes     the body once, its states read from and left in buffers
 *   %m: f32[B, h] = sum [T] %y              becomes     a running sum, one more state
 *
 * States live in persistent buffers, from elaboration's `carry` or made here. What looks ahead is refused. A state
 * `position` counts the steps where a step's number is read; `fresh` starts an example anew.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, DType, Graph, Node, Output } from "../ir/graph/types.ts";
import { scanParts } from "../ir/graph/build.ts";
import { rebuild, scopes } from "../ir/graph/walk.ts";

export type Stepped = { readonly graph: Graph } | { readonly refusal: string };

export interface StepOptions {
  /** How one element of an input is called; other inputs keep their names. */
  readonly input: (name: string) => string;
  /** The input that says where examples start anew. */
  readonly fresh: string;
  /** The buffer of a state that is made here. */
  readonly state: (name: string) => string;
  /** Whether the states of recurrences get buffers here, rather than from elaboration. */
  readonly carry: boolean;
  /** What stands in a node's place and is not stepped; null: the node is stepped. `now` counts the steps. */
  readonly instead: (node: Node, now: () => Node) => Node | null;
}

/** One element after another of all that comes in. */
export const streamed: StepOptions = {
  input: (name) => `step.input:${name}`,
  fresh: "fresh",
  state: (name) => `state:${name}`,
  carry: false,
  instead: () => null,
};

/** Thrown through the walk, and given to the caller as a refusal. */
class LooksAhead extends Error {}

export function stepify(graph: Graph, axis: Axis, options: StepOptions = streamed): Stepped {
  try {
    return { graph: run(graph, axis, options) };
  } catch (error) {
    if (error instanceof LooksAhead) return { refusal: error.message };
    throw error;
  }
}

function run(graph: Graph, axis: Axis, options: StepOptions): Graph {
  const done = new Map<Node, Node>();
  const carried: Output[] = [];
  const flag = build.input(options.fresh, "i32", [build.batch]);
  const fresh = build.binary("ne", flag, build.constant(0, "i32"));
  /** The formals of the recurrences along other axes that are being stepped. */
  const open = new Set<Node>();

  /** A new state: before this step (`start` at the beginning), and what takes the value that the step leaves. */
  const recall = (name: string, start: Node): { before: Node; leave: (after: Node) => Node } => {
    const axes = build.union(start.type.axes, [build.batch]);
    const full = unused(options.state(name));
    const kept = build.input(full, start.type.dtype as DType, axes);
    const before = build.select(fresh, build.broadcast(start, axes), kept);
    const output = { name: full, role: "carry" as const, value: before };
    const place = carried.push(output) - 1;
    const leave = (value: Node): Node => {
      const after = build.broadcast(value, axes);
      if (
        open.size > 0 &&
        scopes()
          .level([after])
          .some((node) => open.has(node))
      )
        throw new LooksAhead("a recurrence within a step remembers earlier steps");
      carried[place] = { ...output, value: after };
      return after;
    };
    return { before, leave };
  };
  const unused = (name: string): string => {
    let free = name;
    for (let k = 2; carried.some((output) => output.name === free); k++) free = `${name}.${k}`;
    return free;
  };
  const remember = (
    name: string,
    start: Node,
    next: (before: Node) => Node,
  ): { before: Node; after: Node } => {
    const { before, leave } = recall(name, start);
    return { before, after: leave(next(before)) };
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
    const after = options.instead(node, now) ?? step(node);
    done.set(node, after);
    return after;
  };

  const step = (node: Node): Node => {
    switch (node.op) {
      case "input":
        if (!build.hasAxis(node, axis)) return node;
        return build.input(
          options.input(node.attributes.name),
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

  const rebuilt = (node: Node): Node =>
    node.op === "scan" ? acrossAxes(node) : rebuild(node, node.operands.map(visit));

  /** A recurrence along another axis, with what its body reads of this step. */
  const acrossAxes = (scan: Node<"scan">): Node => {
    const parts = scanParts(scan);
    const bind = <Formal extends Node>(formal: Formal, made: Formal): Formal => {
      const bound = build.sameAxes(formal.type.axes, made.type.axes) ? formal : made;
      done.set(formal, bound);
      open.add(bound);
      return bound;
    };
    const states = parts.states.map(({ formal, start, next }) => {
      const first = visit(start);
      return { formal: bind(formal, build.state(formal.attributes.name, first.type)), start: first, next };
    });
    const elements = parts.elements.map(({ formal, sequence }) => {
      const whole = visit(sequence);
      const made = build.element(formal.attributes.name, whole.type, parts.axis);
      return { formal: bind(formal, made), sequence: whole };
    });
    const position = bind(parts.position, parts.position);
    return build.scan(
      {
        ...parts,
        position,
        states: states.map((state) => ({ ...state, next: visit(state.next) })),
        elements,
        outputs: parts.outputs.map(visit),
      },
      scan.label,
    );
  };

  /** This step of a scan: its formals are what the states start from, and this step's elements. */
  const enter = (scan: Node<"scan">): void => {
    const parts = scanParts(scan);
    if (parts.reverse) throw new LooksAhead("a recurrence runs from the end of the sequence");
    for (const { formal, sequence } of parts.elements)
      if (!done.has(formal)) done.set(formal, visit(sequence));
    const states = parts.states.filter(({ formal }) => !done.has(formal));
    const recalled = states.map(({ formal, start }) => {
      const first = visit(start);
      const state = options.carry ? recall(formal.attributes.name, first) : null;
      done.set(formal, state?.before ?? first);
      return state;
    });
    states.forEach(({ next }, k) => recalled[k]?.leave(visit(next)));
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
