/**
 * The nodes of one level, an entry's or a scan's body, stored in the order of the graph: operands first, and what a
 * scan's body captures before the scan.
 */
import type { Node } from "../ir/graph/types.ts";
import type { Statement } from "../ir/kernel/types.ts";
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { type Context, isStored } from "./lower-context.ts";
import { storeScan } from "./lower-scan.ts";
import { sharePlaces, storeNode } from "./lower-store.ts";
import type { Scope } from "./lower-uses.ts";

export function storeScope(c: Context, scope: Scope, out: Statement[]): void {
  const nodes = c.uses.order.filter((node) => c.uses.scopeOf(node) === scope);
  sharePlaces(c, nodes);
  for (const node of nodes) {
    if (node.op === "scan") storeScan(c, node, out);
    else if (node.op === "result") placeResult(c, node);
    else if (isStored(c, node)) storeNode(c, node, out);
  }
}

function placeResult(c: Context, node: Node<"result">): void {
  const found = c.results.get(node.operands[0]!);
  if (!found) throw new CompilerBug("a result before its scan");
  const { part, index } = node.attributes;
  c.pull.places.set(node, (part === "final" ? found.finals : found.outputs)[index]!);
}
