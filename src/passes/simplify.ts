/**
 * simplify: the same values with fewer and simpler operations.
 *
 *   %1 = mul %x, 1                  becomes     %1 = contract [n] %x, %W
 *   %2 = contract [n] %1, %W                    %2 = add %1, %1
 *   %3 = contract [n] %x, %W
 *   %4 = stack [g] %2, %3
 *   %5 = add %2, (pick [g] 1 %4)
 *
 * and the outputs, states and elements of a scan that nothing reads are dropped.
 *
 * Identities keep bits, up to the sign of a zero; a product with a literal 0 is 0, since such zeros come from
 * autodiff and mean that there is no gradient. The rules stand in two tables, one function an op: arithmetic in
 * simplify-elementwise.ts, axes and sums in simplify-axes.ts; scans have simplify-scans.ts.
 *
 * Needs: nothing. Makes true: equal values are one node; no rule applies; scans carry only what is read.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import type { Graph, Node, Op } from "../ir/graph/types.ts";
import { rewriteGraph } from "../ir/graph/walk.ts";
import { interner } from "./intern.ts";
import { partAxes, type PartAxis } from "./part-axis.ts";
import type { Pass } from "./pass.ts";
import { axisRules } from "./simplify-axes.ts";
import { elementwiseRules } from "./simplify-elementwise.ts";
import { simplifyScans } from "./simplify-scans.ts";

export const simplify: Pass = {
  name: "simplify",
  about: "Folds constants, applies identities, merges equal values and drops what nothing reads.",
  run: toFixedPoint,
};

/** Gives what stands for a node, or the node itself. */
export type Rule<K extends Op> = (node: Node<K>, partAxis: PartAxis) => Node;

const rules: { readonly [K in Op]: Rule<K> } = {
  ...elementwiseRules,
  ...axisRules,
  input: (node) => node,
  param: (node) => node,
  constant: (node) => node,
  random: (node) => node,
  state: (node) => node,
  element: (node) => node,
  position: (node) => node,
  scan: (node) => node,
  result: (node) => node,
};

/** Every rule makes a graph smaller or brings it closer to a normal form, so rounds are few; more means a fault of ours. */
const maximalRounds = 200;

function toFixedPoint(graph: Graph): Graph {
  const partAxis = partAxes(graph);
  let current = graph;
  for (let round = 0; round < maximalRounds; round++) {
    const next = simplifyScans(applyRules(current, partAxis));
    if (next.outputs.every((o, k) => o.value === current.outputs[k]!.value)) return next;
    current = next;
  }
  throw new CompilerBug(`simplify does not come to an end in ${graph.name}`);
}

function applyRules(graph: Graph, partAxis: PartAxis): Graph {
  // Nothing will be differentiated any more, so what stops gradients has done its work.
  const differentiated = graph.outputs.some((o) => o.role === "gradient");
  const intern = interner();
  return rewriteGraph(graph, (node) => {
    let current = node;
    for (;;) {
      const next =
        current.op === "stop" && differentiated
          ? current.operands[0]!
          : (rules[current.op] as Rule<Op>)(current as never, partAxis);
      if (next === current) return intern(current);
      current = next;
    }
  });
}
