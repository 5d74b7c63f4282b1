/** Which operand of a product is its weight. */
import type { Node } from "../ir/graph/types.ts";

/** The operand that is a parameter of its own; null if none or both are. */
export function weightOf(product: Node<"contract">): Node<"param"> | null {
  const [a, b] = product.operands as [Node, Node];
  const own = (x: Node): x is Node<"param"> => x.op === "param" && x.attributes.stack === null;
  if (own(a)) return own(b) ? null : a;
  return own(b) ? b : null;
}
