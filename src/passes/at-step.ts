/**
 * One step of a sequence, computed from one step of what it was made from: the reverse of lift.ts, for values that are
 * cheaper to compute again than to keep over all steps.
 *
 *   %A = add (contract [d] %X, %W), %b        at one step        add (contract [d] %x, %W), %b        element x %x = %X
 *
 * What works along the axis itself (a shift, another recurrence's results) and what is given is read as an element.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { rebuild } from "../ir/graph/walk.ts";

/** Gives a sequence's value at the step, `read` an element of one that is not computed again. */
export function makeAtStep(
  axis: Axis,
  position: Node<"position">,
): (sequence: Node, read: (sequence: Node) => Node) => Node {
  const known = new Map<Node, Node>();
  const atStep = (node: Node, read: (sequence: Node) => Node): Node => {
    if (!build.hasAxis(node, axis)) return node;
    let found = known.get(node);
    if (!found) known.set(node, (found = compute(node, read)));
    return found;
  };
  const compute = (node: Node, read: (sequence: Node) => Node): Node => {
    switch (node.op) {
      case "iota":
        return position;
      case "random": {
        const { distribution, place, fresh } = node.attributes;
        const axes = build.without(node.type.axes, [axis]);
        return build.random(distribution, place, axes, build.union(fresh, [axis]));
      }
      case "broadcast": {
        const x = atStep(node.operands[0]!, read);
        return build.broadcast(x, build.without(node.type.axes, [axis]));
      }
      case "shift":
      case "reverse":
      case "gather":
      case "scatter":
        if (node.attributes.axis === axis) return read(node);
        break;
      case "rename":
        if (node.attributes.to === axis) return read(node);
        break;
      case "unary":
      case "binary":
      case "select":
      case "reduce":
      case "contract":
      case "stack":
      case "pick":
      case "slice":
      case "concat":
      case "place":
      case "stop":
        break;
      default:
        return read(node);
    }
    return rebuild(
      node,
      node.operands.map((x) => atStep(x, read)),
    );
  };
  return atStep;
}
