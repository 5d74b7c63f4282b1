/**
 * Which nodes of an entry must exist in memory, and which are only ever part of an expression.
 *
 * A node exists if it is a product or a reduction, if several places read it or a wider one would compute it again
 * at each point (unless that is cheap), or if it crosses the boundary of a scan. A product that is one
 * operand of an addition and used nowhere else is absorbed: the rest of the sum is what the product starts from.
 */
import { bodyNodes, bodyRoots, captures, topological } from "../ir/graph/walk.ts";
import type { Axis, Graph, Node } from "../ir/graph/types.ts";

export type Scope = Node<"scan"> | null;

export interface Uses {
  readonly order: readonly Node[];
  /** The innermost scan in whose body a node lies. */
  readonly scopeOf: (node: Node) => Scope;
  readonly count: (node: Node) => number;
  /** The nodes that have it as an operand. */
  readonly consumers: (node: Node) => readonly Node[];
  readonly exists: (node: Node) => boolean;
  /** The products and the other terms of a sum; null if the node is no sum that ends in a product. */
  readonly terms: (node: Node) => Terms | null;
  /** Whether the node is computed as a part of the sum that reads it. */
  readonly absorbed: (node: Node) => boolean;
}

export interface Terms {
  readonly products: readonly Node<"contract">[];
  readonly rest: readonly Node[];
}

/** The roles of the axes of a contraction. */
export interface Roles {
  readonly batch: readonly Axis[];
  readonly left: readonly Axis[];
  readonly right: readonly Axis[];
}

export function roles(node: Node<"contract">): Roles {
  const [a, b] = node.operands as [Node, Node];
  const free = node.type.axes;
  return {
    batch: free.filter((x) => a.type.axes.includes(x) && b.type.axes.includes(x)),
    left: free.filter((x) => a.type.axes.includes(x) && !b.type.axes.includes(x)),
    right: free.filter((x) => b.type.axes.includes(x) && !a.type.axes.includes(x)),
  };
}

/** Whether a contraction becomes a `product`; else it is a reduction by a row kernel. */
export function isProduct(node: Node<"contract">): boolean {
  const { batch, left, right } = roles(node);
  return node.attributes.axes.length > 0 && batch.length === 0 && left.length > 0 && right.length > 0;
}

/** Views: another way to index the same memory. */
export function isView(node: Node): boolean {
  return ["rename", "pick", "slice", "stop", "broadcast"].includes(node.op);
}

/** A scatter that sums over nothing: each element compares its own position with the index. */
export const isOneHot = (node: Node<"scatter">): boolean => node.attributes.over.length === 0;

export function isLeaf(node: Node): boolean {
  const leaves = ["input", "param", "constant", "iota", "length", "state", "element", "position"];
  return leaves.includes(node.op) || node.op === "result" || node.op === "scan";
}

const costly: ReadonlySet<string> = new Set([
  "exp",
  "log",
  "sqrt",
  "sin",
  "cos",
  "sigmoid",
  "tanh",
  "softplus",
]);

/** Scalar operations that computing a node again would take; infinite if it had better be kept. */
function makeWeight(alone: (node: Node) => boolean): (node: Node) => number {
  const known = new Map<Node, number>();
  const weight = (node: Node): number => {
    const before = known.get(node);
    if (before !== undefined) return before;
    known.set(node, Infinity);
    const result =
      isLeaf(node) || alone(node) ? 0 : own(node) + node.operands.reduce((n, x) => n + weight(x), 0);
    known.set(node, result);
    return result;
  };
  return weight;
}

function own(node: Node): number {
  if (isView(node)) return 0;
  const integer = node.type.dtype !== "f32";
  if (node.op === "unary") return costly.has(node.attributes.fn) ? Infinity : integer ? 0.1 : 1;
  if (node.op === "binary") {
    const slow = node.attributes.fn === "div" || node.attributes.fn === "pow";
    return slow && !integer ? Infinity : integer ? 0.1 : 1;
  }
  if (node.op === "scatter" && isOneHot(node)) return 2;
  if (node.op === "select" || node.op === "shift") return integer ? 0.2 : 1;
  return Infinity;
}

/** Operations that may be computed again rather than kept. */
const cheap = 2;

export function usesOf(graph: Graph): Uses {
  const roots = graph.outputs.map((o) => o.value);
  const order = topological(roots);
  const scopes = new Map<Node, Node<"scan">>();
  const counts = new Map<Node, number>();
  const consumers = new Map<Node, Node[]>();
  const crossing = new Set<Node>();
  const read = (x: Node, by: Node | null): void => {
    counts.set(x, (counts.get(x) ?? 0) + 1);
    if (by) consumers.set(x, [...(consumers.get(x) ?? []), by]);
  };
  for (const node of order) {
    node.operands.forEach((x) => read(x, node));
    if (node.op !== "scan") continue;
    bodyRoots(node).forEach((x) => read(x, null));
    for (const x of bodyNodes(node)) if (!scopes.has(x)) scopes.set(x, node);
    for (const x of [...captures(node), ...node.operands.slice(node.attributes.states.length)])
      crossing.add(x);
  }
  roots.forEach((x) => read(x, null));
  const scopeOf = (node: Node): Scope => scopes.get(node) ?? null;
  const count = (node: Node): number => counts.get(node) ?? 0;

  // ---- sums that end in products
  const isSum = (node: Node): boolean =>
    node.op === "binary" && node.attributes.fn === "add" && node.type.dtype === "f32";
  const folds = (x: Node, into: Node): boolean =>
    count(x) === 1 && x.type.axes.length === into.type.axes.length && scopeOf(x) === scopeOf(into);
  const termsOf = new Map<Node, Terms>();
  const absorbed = new Set<Node>();
  for (const node of order) {
    if (node.op === "contract" && isProduct(node)) termsOf.set(node, { products: [node], rest: [] });
    if (!isSum(node)) continue;
    const products: Node<"contract">[] = [];
    const rest: Node[] = [];
    for (const x of node.operands) {
      const inner = folds(x, node) && !crossing.has(x) ? termsOf.get(x) : undefined;
      products.push(...(inner?.products ?? []));
      rest.push(...(inner?.rest ?? [x]));
      if (inner) absorbed.add(x);
    }
    if (products.length > 0) termsOf.set(node, { products, rest });
  }

  // ---- existence, consumers first
  const marked = new Set<Node>();
  const weight = makeWeight((node) => marked.has(node));
  const always = (node: Node): boolean =>
    (node.op === "scatter" && !isOneHot(node)) ||
    ["contract", "reduce", "stack", "concat"].includes(node.op) ||
    termsOf.has(node);
  for (const node of order) if (always(node) && !absorbed.has(node)) marked.add(node);
  const addressed = new Set<Node>();
  const repeated = new Set<Node>();
  for (const node of [...order].reverse()) {
    const readers = consumers.get(node) ?? [];
    for (const by of readers) {
      const wider = by.type.axes.some((axis) => !node.type.axes.includes(axis));
      const elementwise = ["unary", "binary", "select"].includes(by.op);
      if (by.op === "broadcast" || (elementwise && wider)) repeated.add(node);
      if (by.op === "scatter" && wider) repeated.add(node);
      if (by.op === "gather" && (by.operands[0] === node || wider)) repeated.add(node);
      if (by.op === "contract" && isProduct(by)) addressed.add(node);
      if (by.op === "contract" && !isProduct(by)) repeated.add(node);
      if (isView(by) && repeated.has(by)) repeated.add(node);
      if (isView(by) && (addressed.has(by) || crossing.has(by))) addressed.add(node);
    }
    if (isLeaf(node) || isView(node) || absorbed.has(node)) continue;
    if (addressed.has(node) || crossing.has(node)) marked.add(node);
  }
  // Operands first, so that what is kept anyway weighs nothing in what is computed from it.
  for (const node of order) {
    if (isLeaf(node) || isView(node) || absorbed.has(node) || marked.has(node)) continue;
    if ((count(node) > 1 || repeated.has(node)) && weight(node) > cheap) marked.add(node);
  }

  return {
    order,
    scopeOf,
    count,
    consumers: (node) => consumers.get(node) ?? [],
    exists: (node) => marked.has(node),
    terms: (node) => termsOf.get(node) ?? null,
    absorbed: (node) => absorbed.has(node),
  };
}
