/**
 * mask-padding: makes padding harmless, for backends that reduce over whole buffers.
 *
 *   %1 = exp %x                 becomes     %1 = exp %x
 *   %2 = reduce [T] sum %1                  %2 = broadcast [B] (iota [T])
 *                                           %3 = lt %2, (length [T])
 *                                           %4 = select %3, %1, 0
 *                                           %5 = reduce [T] sum %4
 *
 * and in the body of a scan over T, where a sum over the batch counts only the examples that still run,
 *
 *   %1 = contract [B] %dg, %h   becomes     %1 = lt %position, (length [T])
 *                                           %2 = select %1, %dg, 0
 *                                           %3 = contract [B] %2, %h
 *
 * What is neutral depends on the reduction; a product needs one operand zero and the other finite, since 0 · NaN is
 * NaN. Where the analysis in padding.ts shows that the operands already are, nothing is inserted.
 *
 * Needs: a runtime that zeroes inputs past the end, and stores of scan outputs that do. Makes true: no reduction
 * depends on its operands' padding.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Graph, Node } from "../ir/graph/types.ts";
import { rewriteGraph } from "../ir/graph/walk.ts";
import { fit, summedAxes } from "./body.ts";
import { analysePadding, type Padding, type PaddingAnalysis } from "./padding.ts";
import type { Pass } from "./pass.ts";

export const maskPadding: Pass = {
  name: "mask-padding",
  about: "Makes the operands of reductions neutral past the examples' ends.",
  run: insertMasks,
};

/** Along what an operand has padding that a reduction meets: a ragged axis, or the steps of a scan over one. */
interface Extent {
  readonly axis: Axis;
  /** In a scan's body. */
  readonly position: Node | null;
}

function insertMasks(graph: Graph): Graph {
  const analysis = analysePadding(graph);
  const masks = new Map<Node | Axis, Node>();
  const mask = ({ axis, position }: Extent): Node => {
    const key = position ?? axis;
    let found = masks.get(key);
    if (!found) {
      const end = build.length(axis);
      const at = position ?? build.broadcast(build.iota(axis), end.type.axes);
      masks.set(key, (found = build.binary("lt", at, end)));
    }
    return found;
  };
  /** One of `operands` with a neutral value where it is needed; a mask may not bring axes that none of them has. */
  const neutralise = (x: Node, extents: readonly Extent[], neutral: number, operands = [x]): Node => {
    const axes = build.union(...operands.map((y) => y.type.axes));
    return extents.map(mask).reduce((value, condition) => {
      if (build.without(condition.type.axes, axes).length > 0) return value;
      const [c, v, n] = fit([condition, value, build.constant(neutral, dtypeOf(value))]) as [
        Node,
        Node,
        Node,
      ];
      return build.select(c, v, n);
    }, x);
  };

  return rewriteGraph(graph, (node, original) => {
    const extents = extentsOf(original, analysis);
    if (extents.length === 0) return node;
    const operands = original.operands;
    switch (node.op) {
      case "reduce": {
        const { fn, axes } = node.attributes;
        const needed = extents.filter(
          ({ axis }) => fn !== "sum" || analysis.padding(operands[0]!, axis) !== "zero",
        );
        const value = neutralise(node.operands[0]!, needed, neutralOf(fn, dtypeOf(node.operands[0]!)));
        return build.reduce(fn, value, axes);
      }
      case "contract": {
        const [a, b] = node.operands as [Node, Node];
        const [forA, forB] = chooseMasks(operands as [Node, Node], extents, analysis);
        return build.contract(
          neutralise(a, forA, 0, [a, b]),
          neutralise(b, forB, 0, [a, b]),
          node.attributes.axes,
        );
      }
      case "scatter": {
        const [indices, updates] = node.operands as [Node, Node];
        const needed = extents.filter(({ axis }) => analysis.padding(operands[1]!, axis) !== "zero");
        const value = neutralise(updates, needed, 0, [indices, updates]);
        return build.scatter(indices, value, node.attributes.axis, node.attributes.over);
      }
      default:
        return node;
    }
  });
}

/** The padding that a reduction meets: a sum over the batch meets that of all axes, of the steps around it too. */
function extentsOf(node: Node, analysis: PaddingAnalysis): readonly Extent[] {
  const over = summedAxes(node);
  const met = over.some((axis) => axis.kind === "batch")
    ? build.union(over, ...node.operands.map((x) => x.type.axes))
    : over;
  const along = met.filter(build.isRagged).map((axis): Extent => ({ axis, position: null }));
  if (met === over) return along;
  const around = analysis.enclosing(node).map((scan) => scan.attributes);
  return [...along, ...around.filter((scan) => build.isRagged(scan.axis))];
}

/** Which extents to mask in which operand of a product: one must be zero, the other at least finite. */
function chooseMasks(
  [a, b]: readonly [Node, Node],
  extents: readonly Extent[],
  { padding }: PaddingAnalysis,
): readonly [Extent[], Extent[]] {
  const [forA, forB]: [Extent[], Extent[]] = [[], []];
  for (const extent of extents) {
    const [inA, inB] = [padding(a, extent.axis), padding(b, extent.axis)];
    if (inA === "any") forA.push(extent);
    if (inB === "any") forB.push(extent);
    const zero = (x: Padding): boolean => x === "zero" || x === "any"; // What is masked is zero.
    if (zero(inA) || zero(inB)) continue;
    // Both are finite: the smaller one is masked, if it can be.
    const smaller = a.type.axes.length <= b.type.axes.length ? forA : forB;
    smaller.push(extent);
  }
  return [forA, forB];
}

const dtypeOf = (node: Node): "f32" | "i32" | "bool" =>
  node.type.dtype === "tuple" ? "f32" : node.type.dtype;

function neutralOf(fn: Node<"reduce">["attributes"]["fn"], dtype: "f32" | "i32" | "bool"): number {
  switch (fn) {
    case "sum":
      return 0;
    case "prod":
      return 1;
    case "max":
    case "logsumexp":
    case "argmax":
      return dtype === "f32" ? -Infinity : -(2 ** 31);
    default:
      return fn satisfies never;
  }
}
