/**
 * A graph as a backend runs it that knows nothing of lengths: every ragged axis becomes a fixed one of the longest
 * length, `length` becomes data. What such a backend does provide is written out: a state holds past an example's
 * end, outputs of scans are stored as zero there, inputs are zeroed on entry.
 */
import { expect } from "vitest";
import * as b from "../../src/ir/graph/build.ts";
import type { Environment, Tensor } from "../../src/ir/graph/eval.ts";
import { evaluate } from "../../src/ir/graph/eval.ts";
import { fillPadding, makeContext } from "../../src/ir/graph/eval-context.ts";
import type { Axis, Graph, Node } from "../../src/ir/graph/types.ts";
import { maskPadding } from "../../src/passes/mask-padding.ts";
import { environmentOf } from "../graph/environments.ts";
import { expectSame, ragged } from "./compare.ts";
import { axesOf, nodesOf, remake } from "../../src/ir/graph/walk.ts";

export interface Dense {
  readonly graph: Graph;
  readonly environment: Environment;
}

export function makeDense(graph: Graph, environment: Environment): Dense {
  const { size, lengths } = makeContext(environment);
  const ragged = axesOf(graph).filter(b.isRagged);
  const fixed = new Map(
    ragged.map((axis): [Axis, Axis] => [axis, { ...axis, size: { kind: "fixed", size: size(axis) } }]),
  );
  const swap = (axis: Axis): Axis => fixed.get(axis) ?? axis;
  const ends = new Map(
    ragged.map((axis): [Axis, Node] => [axis, b.input(`|${axis.name}|`, "i32", [b.batch])]),
  );

  const known = new Map<Node, Node>();
  const visit = (node: Node): Node => {
    let found = known.get(node);
    if (!found) known.set(node, (found = convert(node)));
    return found;
  };
  const convert = (node: Node): Node => {
    const axes = node.type.axes.map(swap);
    const { dtype } = node.type;
    switch (node.op) {
      case "input":
        return b.input(node.attributes.name, dtype as "f32", axes);
      case "iota":
        return b.iota(swap(node.attributes.axis));
      case "length":
        return ends.get(node.attributes.axis) ?? node;
      case "random": {
        const { distribution, place, fresh } = node.attributes;
        return b.random(distribution, place, axes, fresh.map(swap));
      }
      case "state":
        return b.state(node.attributes.name, { dtype, axes });
      case "element":
        return b.element(node.attributes.name, { dtype, axes }, ghost);
      case "position":
      case "param":
      case "constant":
        return node;
      case "shift":
        return convertShift(node);
      case "scan":
        return convertScan(node);
      default:
        return remake(
          { ...node, attributes: swapped(node.attributes, swap) } as Node,
          node.operands.map(visit),
        );
    }
  };
  /** A shift looks at the example's own end. */
  const convertShift = (node: Node<"shift">): Node => {
    const { axis, by, filler } = node.attributes;
    const shifted = b.shift(visit(node.operands[0]!), swap(axis), by, filler);
    const end = ends.get(axis);
    if (!end || !b.hasAxis(shifted, b.batch)) return shifted;
    const from = b.broadcast(b.sub(b.iota(swap(axis)), b.constant(by, "i32")), [b.batch]);
    return b.select(b.binary("lt", from, end), shifted, b.constant(filler));
  };
  const convertScan = (node: Node<"scan">): Node => {
    const parts = b.scanParts(node);
    const end = ends.get(parts.axis);
    const within = (value: Node, otherwise: Node): Node =>
      end && value.type.axes.includes(b.batch)
        ? b.select(b.binary("lt", parts.position, end), value, otherwise)
        : value;
    const states = parts.states.map((s) => {
      const formal = visit(s.formal) as Node<"state">;
      return { formal, start: visit(s.start), next: within(visit(s.next), formal) };
    });
    const elements = parts.elements.map((e) => ({
      formal: visit(e.formal) as Node<"element">,
      sequence: visit(e.sequence),
    }));
    const outputs = parts.outputs.map((x) => within(visit(x), b.constant(0, x.type.dtype as "f32")));
    return b.scan({ ...parts, axis: swap(parts.axis), states, elements, outputs });
  };

  const context = makeContext(environment);
  const inputs = new Map<string, Tensor>();
  for (const node of nodesOf(graph, "input")) {
    const tensor = environment.inputs.get(node.attributes.name)!;
    inputs.set(node.attributes.name, {
      ...fillPadding(tensor, 0, context),
      axes: tensor.axes.map(swap),
    });
  }
  for (const [axis, end] of ends) {
    const { axes, sizes, data } = lengths(axis);
    const { name } = (end as Node<"input">).attributes;
    inputs.set(name, { axes: axes.map(swap), sizes, data: Float64Array.from(data) });
  }
  return {
    graph: { ...graph, outputs: graph.outputs.map((o) => ({ ...o, value: visit(o.value) })) },
    environment: { ...environment, inputs, lengths: new Map() },
  };
}

/** An element is built from a sequence; this axis is the one that it lacks. */
const ghost: Axis = b.fixedAxis("ghost", 1, 0);

function swapped(attributes: object, swap: (axis: Axis) => Axis): object {
  const isAxis = (x: unknown): x is Axis => typeof x === "object" && x !== null && "size" in x && "kind" in x;
  const map = (x: unknown): unknown =>
    isAxis(x) ? swap(x) : Array.isArray(x) ? x.map((y: unknown) => map(y)) : x;
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, map(value)]));
}

/** The masked graph gives the same where nothing but its own masks knows of lengths. */
export function expectMasked(graph: Graph): Graph {
  const masked = maskPadding.run(graph);
  expectSame(graph, masked);
  const environment = environmentOf(graph, ragged);
  const expected = evaluate(graph, environment);
  const dense = makeDense(masked, environment);
  const actual = evaluate(dense.graph, dense.environment);
  for (const { name, value } of graph.outputs) {
    if (value.type.axes.some(b.isRagged)) continue;
    expected.get(name)!.data.forEach((x, k) => {
      const y = actual.get(name)!.data[k]!;
      if (x === y) return;
      expect(Math.abs(x - y), `${name}[${k}]: ${x} and ${y}`).toBeLessThanOrEqual(
        1e-12 * Math.max(1, Math.abs(x)),
      );
    });
  }
  return masked;
}
