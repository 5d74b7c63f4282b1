/**
 * straighten: a reduction of a few values that were only just put side by side becomes straight code, and so does what is
 * computed of each of them.
 *
 *   %s = stack [of] %a, %b                       becomes     %m = max %a, %b
 *   %y = reduce [of] logsumexp %s                            %y = add %m, (log (add (exp (sub %a, %m)), (exp (sub %b, %m))))
 *   %p = exp (sub %s, (broadcast [of] %y))                   %q = exp (sub %a, %y)
 *   %q = pick [of] 0 %p
 *
 * A loop over three alternatives costs more than they do, and keeps kernels from running along longer axes.
 *
 * Needs: differentiation is done, whose rules for sums of exponentials and for maxima (where they are -inf, where values are
 * equal) are those of the reduction as a whole. Makes: no stack of few values is reduced along its own axis alone.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Graph, Node, ReduceFunction } from "../ir/graph/types.ts";
import { nodesOf, rewriteGraph } from "../ir/graph/walk.ts";
import { interner } from "./intern.ts";
import type { Pass } from "./pass.ts";

/** Straight code of more values is longer than a loop is slow. */
const most = 4;

export const straighten: Pass = {
  name: "straighten",
  about: "Makes straight code of reductions over a few values that stand side by side.",
  run,
};

function run(graph: Graph): Graph {
  const axes = new Set(
    nodesOf(graph, "reduce").flatMap(({ attributes, operands }) => {
      const [axis, other] = attributes.axes;
      return axis && !other && isFew(axis) && partsOf(operands[0]!, axis) ? [axis] : [];
    }),
  );
  if (axes.size === 0) return graph;
  const intern = interner();
  return rewriteGraph(graph, (node) => intern(straightened(node, axes)));
}

const isFew = ({ kind, size }: Axis): boolean =>
  kind === "stack" && size.kind === "fixed" && size.size > 0 && size.size <= most;

function straightened(node: Node, axes: ReadonlySet<Axis>): Node {
  if (node.op !== "reduce" && node.op !== "pick") return node;
  const axis = node.op === "pick" ? node.attributes.axis : node.attributes.axes[0]!;
  if (!axes.has(axis) || (node.op === "reduce" && node.attributes.axes.length > 1)) return node;
  const parts = partsOf(node.operands[0]!, axis);
  if (!parts) return node;
  return node.op === "pick" ? parts[node.attributes.index]! : reduced[node.attributes.fn](parts);
}

// ---- values taken apart -----------------------------------------------------------------------------------------

/** The elements along the axis, each as a value of its own; null where one of them is no less than the whole. */
function partsOf(node: Node, axis: Axis): readonly Node[] | null {
  const size = build.fixedSize(axis);
  if (!build.hasAxis(node, axis)) return new Array<Node>(size).fill(node);
  switch (node.op) {
    case "stack":
      return node.attributes.axis === axis ? node.operands : null;
    case "iota":
      return Array.from({ length: size }, (_, k) => build.constant(k, "i32"));
    case "broadcast": {
      const axes = build.without(node.type.axes, [axis]);
      return partsOf(node.operands[0]!, axis)?.map((x) => build.broadcast(x, axes)) ?? null;
    }
    case "unary":
    case "binary":
    case "select": {
      const operands = node.operands.map((x) => partsOf(x, axis));
      if (!operands.every((x) => x !== null)) return null;
      return Array.from({ length: size }, (_, k) =>
        elementwise(
          node,
          operands.map((x) => x[k]!),
        ),
      );
    }
    default:
      return null;
  }
}

/** Of the parts one may repeat along axes that another has. */
function elementwise(node: Node<"unary" | "binary" | "select">, operands: readonly Node[]): Node {
  const axes = build.union(...operands.map((x) => x.type.axes));
  const [a, b, c] = operands.map((x) => build.broadcast(x, axes)) as [Node, Node, Node];
  switch (node.op) {
    case "unary":
      return build.unary(node.attributes.fn, a);
    case "binary":
      return build.binary(node.attributes.fn, a, b);
    case "select":
      return build.select(a, b, c);
  }
}

// ---- reductions -------------------------------------------------------------------------------------------------

type Reduction = (parts: readonly Node[]) => Node;

const pairwise =
  (fn: "add" | "mul" | "max"): Reduction =>
  (parts) =>
    parts.reduce((a, b) => build.binary(fn, a, b));

const reduced: Readonly<Record<ReduceFunction, Reduction>> = {
  sum: pairwise("add"),
  prod: pairwise("mul"),
  max: pairwise("max"),
  logsumexp: logSumExp,
  argmax: firstOfLargest,
};

/** As a reduction does it: relative to the largest, unless that is infinite. */
function logSumExp(parts: readonly Node[]): Node {
  const largest = pairwise("max")(parts);
  const [limit, zero] = [Infinity, 0].map((x) => build.filled(x, largest.type)) as [Node, Node];
  const infinite = build.binary("eq", build.unary("abs", largest), limit);
  const from = build.select(infinite, zero, largest);
  const total = pairwise("add")(parts.map((x) => build.unary("exp", build.sub(x, from))));
  return build.add(from, build.unary("log", total));
}

function firstOfLargest(parts: readonly Node[]): Node {
  const [first, ...rest] = parts as [Node, ...Node[]];
  const place = (k: number): Node => build.broadcast(build.constant(k, "i32"), first.type.axes);
  let [best, largest] = [place(0), first];
  rest.forEach((x, k) => {
    best = build.select(build.binary("gt", x, largest), place(k + 1), best);
    largest = build.binary("max", largest, x);
  });
  return best;
}
