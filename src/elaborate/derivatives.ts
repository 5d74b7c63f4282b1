/**
 * `marginals` and `viterbi`: what a lattice says of its emissions, read off by differentiation. The gradient of a
 * log-partition is the marginals (Eisner 2016); with `max` for the sums over paths it is the best path.
 */
import * as build from "../ir/graph/build.ts";
import type { Node } from "../ir/graph/types.ts";
import { rewrite, topological } from "../ir/graph/walk.ts";
import { derive } from "../passes/differentiate.ts";
import { asOperandTensor, failCount, operand, positional, type Builtin } from "./arguments.ts";
import { fail } from "./environment.ts";
import { featureOf, over } from "./tensors.ts";
import type { CallSite, Tensor } from "./values.ts";

/** ∂logZ/∂e, over the axes of e. */
export const marginals: Builtin = (site) => {
  const { logZ, e } = operands(site, "marginals");
  return over(e, gradient(logZ.node, e.node));
};

/** The entry of e's last axis that the best path goes through; of equals the lowest. */
export const viterbi: Builtin = (site) => {
  const { logZ, e } = operands(site, "viterbi");
  const last = featureOf(e.node) ?? e.axes.at(-1)?.axis;
  if (!last) return fail(site.environment, "no-feature", site.span);
  const path = gradient(bestPath(logZ.node, e.node), e.node);
  return over(e, build.reduce("argmax", path, [last]));
};

function operands(site: CallSite, name: string): { logZ: Tensor; e: Tensor } {
  const given = positional(site).map((a) => asOperandTensor(operand(a, site), site));
  const [logZ, e] = given;
  if (!logZ || !e || given.length > 2)
    return failCount(site, name, 2, given.length, `Write \`${name}(logZ, e)\`.`);
  const { session, file } = site.environment;
  for (const { axis } of e.axes)
    session.looksAhead.push({ what: name, axis, of: e.node, file, span: site.span });
  return { logZ, e };
}

function gradient(value: Node, of: Node): Node {
  const [found] = derive([value], [of], []).gradients;
  return build.broadcast(found ?? build.constant(0), of.type.axes);
}

/** Sums over paths, those of what reads a recurrence, become maxima; a normaliser of the emissions stays. */
function bestPath(logZ: Node, e: Node): Node {
  const reads = new Set<Node>();
  // Its scans are others than those of the sums.
  const known = new Map<Node, Node>([[e, e]]);
  const below = new Set(topological([e]));
  for (const node of topological([logZ])) {
    if (below.has(node)) continue;
    if (node.op === "state") known.set(node, build.state(node.attributes.name, node.type));
    if (node.op === "position") known.set(node, build.position());
    if (node.op === "scan")
      for (const { formal, sequence } of build.scanParts(node).elements)
        known.set(formal, build.element(formal.attributes.name, sequence.type, node.attributes.axis));
    if (node.op === "state" || node.op === "result" || node.operands.some((x) => reads.has(x)))
      reads.add(node);
  }
  const [best] = rewrite(
    [logZ],
    (node, original) =>
      node.op === "reduce" && node.attributes.fn === "logsumexp" && reads.has(original)
        ? build.reduce("max", node.operands[0]!, node.attributes.axes)
        : node,
    known,
  );
  return best!;
}
