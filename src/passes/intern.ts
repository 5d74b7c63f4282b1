/** Hash-consing: of equal nodes, the first one stands for all. */
import type { Node } from "../ir/graph/types.ts";

/** Gives the first node seen that has the same op, operands and attributes. Formals are only equal to themselves. */
export function interner(): (node: Node) => Node {
  const ids = new Map<object, number>();
  const first = new Map<string, Node>();
  const id = (x: object): number => {
    let found = ids.get(x);
    if (found === undefined) ids.set(x, (found = ids.size));
    return found;
  };
  const list = (xs: readonly object[]): string => xs.map(id).join(",");
  const attribute = (value: unknown): string =>
    Array.isArray(value)
      ? list(value)
      : typeof value === "object" && value !== null
        ? `#${id(value)}`
        : Object.is(value, -0)
          ? "-0"
          : String(value);

  const attributesOf = (node: Node): string => {
    switch (node.op) {
      case "param": {
        const { members, stack } = node.attributes;
        return `${members.map((m) => m.name).join(",")}|${stack ? id(stack) : ""}`;
      }
      case "scan": {
        const { axis, reverse, position, states, elements, outputs } = node.attributes;
        const bodies = [states.map((s) => s.formal), states.map((s) => s.next), elements, outputs];
        return `${id(axis)}|${reverse}|${id(position)}|${bodies.map(list).join("|")}`;
      }
      default:
        return Object.values(node.attributes).map(attribute).join("|");
    }
  };

  return (node) => {
    if (node.op === "state" || node.op === "element" || node.op === "position") return node;
    const key = `${node.op}|${node.type.dtype}|${list(node.type.axes)}|${list(node.operands)}|${attributesOf(node)}`;
    const found = first.get(key);
    if (found) return found;
    first.set(key, node);
    return node;
  };
}
