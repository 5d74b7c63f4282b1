/**
 * Lifting: what a body computes at each step, computed over all steps at once. An element becomes its sequence,
 * the position becomes `iota`, and every op on the way carries the scanned axis along, because no op mentions the
 * axes that it does not work on. A nested scan gains the axis in its states.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { bodyNodes, rebuild } from "../ir/graph/walk.ts";
import { binders, dependence, meets, rebuildWider, summedAxes } from "./body.ts";

/** Whether the op itself may gain the axis (its operands are another question). */
export function liftable(node: Node, axis: Axis): boolean {
  if (node.type.axes.includes(axis)) return false;
  switch (node.op) {
    case "state":
      return false;
    case "reduce":
    case "contract":
    case "scatter":
      // A sum over the batch stays: over all steps it would be, say, a matrix for each. Its operands may leave.
      return !summedAxes(node).some((x) => x === axis || x.kind === "batch");
    case "scan":
      // A scan over the same axis cannot read what has gained it.
      return (
        node.attributes.axis !== axis &&
        bodyNodes(node).every((x) => x.op === "state" || x.op === "scan" || liftable(x, axis))
      );
    case "rename":
      return node.attributes.from !== axis;
    case "slice":
    case "pick":
    case "shift":
    case "reverse":
    case "gather":
      return node.attributes.axis !== axis;
    case "input":
    case "param":
    case "constant":
    case "iota":
    case "length":
    case "random":
    case "element":
    case "position":
    case "unary":
    case "binary":
    case "select":
    case "broadcast":
    case "stack":
    case "concat":
    case "place":
    case "result":
    case "stop":
      return true;
    default:
      return node satisfies never;
  }
}

/** Gives what a value of the scan's body is over all steps; an outer value is itself. */
export function lifter(scan: Node<"scan">): (node: Node) => Node {
  const { axis, position } = scan.attributes;
  const depends = dependence();
  const bound = binders(scan);
  const known = new Map<Node, Node>([[position, build.iota(axis)]]);
  for (const { formal, sequence } of build.scanParts(scan).elements) known.set(formal, sequence);

  /** Formals of nested scans that had to change, and what depends on them. */
  const changed = new Set<Node>();
  const lift = (node: Node): Node => {
    const before = known.get(node);
    if (before) return before;
    const needed = meets(depends(node), bound) || meets(depends(node), changed);
    const after = needed ? compute(node) : node;
    known.set(node, after);
    return after;
  };
  const compute = (node: Node): Node => {
    if (node.op === "random") {
      const { distribution, place, fresh } = node.attributes;
      return build.random(distribution, place, [...node.type.axes, axis], fresh);
    }
    if (node.op === "scan") return liftScan(node);
    if (node.op === "result") return rebuild(node, [lift(node.operands[0]!)]);
    return rebuildWider(node, node.operands.map(lift));
  };
  const liftScan = (inner: Node<"scan">): Node => {
    const parts = build.scanParts(inner);
    const states = parts.states.map(({ formal, next, start }) => {
      const wide = build.broadcast(lift(start), [axis]);
      const made = build.state(formal.attributes.name, wide.type);
      known.set(formal, made);
      changed.add(formal);
      return { formal: made, next, start: wide };
    });
    const elements = parts.elements.map(({ formal, sequence }) => {
      const wide = lift(sequence);
      const same = build.sameAxes(wide.type.axes, sequence.type.axes);
      const made = same ? formal : build.element(formal.attributes.name, wide.type, parts.axis);
      known.set(formal, made);
      if (!same) changed.add(formal);
      return { formal: made, sequence: wide };
    });
    return build.scan(
      {
        ...parts,
        states: states.map((s) => ({ ...s, next: build.broadcast(lift(s.next), [axis]) })),
        elements,
        outputs: parts.outputs.map(lift),
      },
      inner.label,
    );
  };
  return lift;
}
