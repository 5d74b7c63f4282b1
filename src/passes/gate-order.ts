/**
 * In which order gates stand side by side. Products that are added to each other lie in one *lane*: the x-part and the
 * h-part of a gate. Lanes are ordered once for the whole graph such that what a small product holds lies side by
 * side in a large one: a GRU's x-product holds r, z, n and its h-product r, z. Else the order is that of first use.
 */
import * as build from "../ir/graph/build.ts";
import type { Graph, Node } from "../ir/graph/types.ts";
import { topological } from "../ir/graph/walk.ts";
import { rootsOf } from "./body.ts";
import { weightOf } from "./gate-weight.ts";
import type { Group } from "./merge-gates.ts";

export function orderGates(graph: Graph, groups: readonly Group[]): Group[] {
  const nodes = topological(rootsOf(graph));
  const rank = new Map<Node, number>(nodes.map((node, k) => [node, k]));
  const lanes = findLanes(nodes, new Set(groups.flatMap((g) => g.products)));

  const firstOf = (group: Group): number => Math.min(...group.products.map((p) => rank.get(p)!));
  const bySize = [...groups].sort((a, b) => b.products.length - a.products.length || firstOf(a) - firstOf(b));
  /** For each lane: the groups that it has a product in, largest first, by their places in `bySize`. */
  const memberships = new Map<Node, number[]>();
  const firstUse = new Map<Node, number>();
  bySize.forEach((group, k) => {
    for (const product of group.products) {
      const lane = lanes(product);
      memberships.set(lane, [...(memberships.get(lane) ?? []), k]);
      firstUse.set(lane, Math.min(firstUse.get(lane) ?? Infinity, rank.get(product)!));
    }
  });
  const compare = (a: Node, b: Node): number => {
    const [x, y] = [memberships.get(lanes(a))!, memberships.get(lanes(b))!];
    for (let k = 0; k < Math.max(x.length, y.length); k++) {
      // Who is in one group less comes after those who share it.
      const difference = (x[k] ?? groups.length) - (y[k] ?? groups.length);
      if (difference !== 0) return difference;
    }
    return firstUse.get(lanes(a))! - firstUse.get(lanes(b))! || rank.get(a)! - rank.get(b)!;
  };
  return groups.map((group) => ({ products: [...group.products].sort(compare) }));
}

/** Gives a representative of each product's lane. Products with one weight, in several entries, are in one lane. */
function findLanes(nodes: readonly Node[], products: ReadonlySet<Node>): (product: Node) => Node {
  const parent = new Map<Node, Node>();
  const find = (node: Node): Node => {
    const above = parent.get(node);
    return above === undefined ? node : find(above);
  };
  const join = (a: Node, b: Node): void => {
    if (find(a) !== find(b)) parent.set(find(b), find(a));
  };
  const firstWith = new Map<Node, Node>();
  for (const product of products) {
    const weight = weightOf(product as Node<"contract">)!;
    const first = firstWith.get(weight);
    if (first) join(first, product);
    else firstWith.set(weight, product);
  }
  /** The products that go into a value as summands, each lane once. */
  const summands = new Map<Node, readonly Node[]>();
  const of = (node: Node | undefined): readonly Node[] => (node && summands.get(node)) ?? [];
  const sequenceOf = new Map<Node, Node>();
  for (const node of nodes) {
    if (node.op === "scan")
      for (const { formal, sequence } of build.scanParts(node).elements) sequenceOf.set(formal, sequence);
  }
  for (const node of nodes) {
    if (products.has(node)) summands.set(node, [node]);
    else if (node.op === "rename" || node.op === "broadcast") summands.set(node, of(node.operands[0]));
    else if (node.op === "element") summands.set(node, of(sequenceOf.get(node)));
    else if (node.op === "binary" && node.attributes.fn === "add") {
      const all = node.operands.flatMap(of);
      const [first] = all;
      for (const other of all) join(first!, other);
      summands.set(node, first ? [first] : []);
    }
  }
  return find;
}
