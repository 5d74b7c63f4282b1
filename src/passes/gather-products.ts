/**
 * gather-products: a lookup after a product instead of a product after a lookup.
 *
 *   contract[D](gather(E, words), W) + b        becomes        gather(contract[D](E, W) + b, words)
 *
 * An entry of the table is multiplied once, not once at every place where it occurs: for a vocabulary of 65 characters
 * and 2048 characters a step that is most of a layer's first product, and of its two backwards. The sums are the same,
 * to the bit.
 *
 * Needs: hoisted and merged products, before differentiate, so that the gradient has this shape too. Pays where the
 * vocabulary is smaller than the number of lookups, which only the caller can guess.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { nodesOf, rewriteGraph } from "../ir/graph/walk.ts";
import type { Pass } from "./pass.ts";

export interface GatherOptions {
  /** How many lookups a call is expected to make: examples times steps. */
  readonly lookups: number;
}

export function makeGatherProducts({ lookups }: GatherOptions): Pass {
  return {
    name: "gather-products",
    about: "Multiplies the entries of a small table before they are looked up, not after.",
    run: (graph) => {
      const inputs = new Set<Node>(nodesOf(graph, "input"));
      const made = new Map<number, Axis>();
      const entries = (size: number): Axis => {
        const axis = made.get(size) ?? build.fixedAxis(`entries.${size}`, size, 0, "named");
        made.set(size, axis);
        return axis;
      };
      return rewriteGraph(graph, (node) => {
        if (node.op === "contract") return productOfLookup(node, lookups, inputs, entries) ?? node;
        if (node.op === "binary" && node.attributes.fn === "add") return sumOfLookup(node) ?? node;
        return node;
      });
    },
  };
}

/** The axis of a table's entries, by their number. */
type Entries = (size: number) => Axis;

/** A lookup, perhaps with a renamed axis. */
interface Lookup {
  readonly table: Node;
  readonly indices: Node;
  readonly axis: Axis;
}

function lookupOf(node: Node, entries: Entries): Lookup | null {
  if (node.op === "rename") {
    const inner = lookupOf(node.operands[0]!, entries);
    const { from, to } = node.attributes;
    if (!inner || !build.hasAxis(inner.table, from) || inner.axis === from) return null;
    return { ...inner, table: build.rename(inner.table, from, to) };
  }
  if (node.op !== "gather") return null;
  const [table, indices] = node.operands as [Node, Node];
  // Of a table that is the same for all examples; else there is a product of its own for each.
  if (table.type.axes.some((axis) => indices.type.axes.includes(axis) || axis.size.kind !== "fixed"))
    return null;
  // The axis that is looked up gets a name that nothing else has: the product may have one of its size.
  const axis = entries(build.fixedSize(node.attributes.axis));
  return { table: build.rename(table, node.attributes.axis, axis), indices, axis };
}

function productOfLookup(
  node: Node<"contract">,
  lookups: number,
  inputs: ReadonlySet<Node>,
  entries: Entries,
): Node | null {
  const [a, b] = node.operands as [Node, Node];
  const { axes } = node.attributes;
  for (const [x, w] of [
    [a, b],
    [b, a],
  ] as const) {
    const found = lookupOf(x, entries);
    if (!found || w.op !== "param" || !inputs.has(found.indices)) continue;
    const { table, indices, axis } = found;
    if (build.fixedSize(axis) >= lookups || build.hasAxis(w, axis)) continue;
    if (!axes.every((k) => build.hasAxis(table, k))) continue;
    return build.gather(build.contract(table, w, axes), indices, axis);
  }
  return null;
}

/** What is added to every lookup alike is added to the table. */
function sumOfLookup(node: Node<"binary">): Node | null {
  const [a, b] = node.operands as [Node, Node];
  for (const [x, w] of [
    [a, b],
    [b, a],
  ] as const) {
    if (x.op !== "gather" || w.op !== "param") continue;
    const [table, indices] = x.operands as [Node, Node];
    // Only sums that began as a product; a table of parameters alone is better left as it is.
    if (table.op !== "contract" || !w.type.axes.every((axis) => build.hasAxis(table, axis))) continue;
    return build.gather(build.add(table, w), indices, x.attributes.axis);
  }
  return null;
}
