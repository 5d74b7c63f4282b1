/** Sums, means and other reductions: of the feature, or of what binders range over; of several values elementwise. */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node, ReduceFunction } from "../ir/graph/types.ts";
import { asOperandTensor, only, operand, positional, type Builtin } from "./arguments.ts";
import { fail } from "./environment.ts";
import { align, combine, featureOf, freeAxis, merged, number, over, remember, toF32 } from "./tensors.ts";
import type { CallSite, Tensor } from "./values.ts";

/** The axes that a reduction works on: those of its binders, else the feature. */
export function reducedAxes(site: CallSite, value: Tensor): readonly Axis[] {
  if (site.binders.length === 0) {
    const feature = featureOf(value.node);
    return feature ? [feature] : [];
  }
  return site.binders.map((binder) => {
    const bound = site.environment.lookup(binder.name);
    const axis = bound?.kind === "tensor" ? bound.index : undefined;
    if (!axis || !build.hasAxis(value.node, axis))
      fail(site.environment, "unused-binder", binder.span, { name: binder.name });
    freeAxis(value.node, axis, site.environment.session);
    return axis;
  });
}

/** A sum of a product is a contraction. */
export function sumOver(node: Node, axes: readonly Axis[]): Node {
  if (axes.length === 0) return node;
  if (node.op === "binary" && node.attributes.fn === "mul" && node.type.dtype === "f32") {
    const [a, b] = node.operands as [Node, Node];
    if (axes.every((axis) => build.hasAxis(a, axis) && build.hasAxis(b, axis)))
      return build.contract(a, b, axes);
  }
  return build.reduce("sum", node, axes);
}

/** How many elements a reduction counts, as a number to divide by. */
export function countOf(axes: readonly Axis[]): Node {
  return axes
    .map((axis) => (axis.size.kind === "fixed" ? build.constant(axis.size.size) : toF32(build.length(axis))))
    .reduce((a, b) => build.mul(...(align([a, b]) as [Node, Node])), build.constant(1));
}

/** The mean; over nothing 0. */
export function meanOver(node: Node, axes: readonly Axis[]): Node {
  if (axes.length === 0) return node;
  const count = build.binary("max", ...(align([countOf(axes), build.constant(1)]) as [Node, Node]));
  return build.div(...(align([sumOver(node, axes), count]) as [Node, Node]));
}

export const reduceOne =
  (name: string, run: (node: Node, axes: readonly Axis[]) => Node): Builtin =>
  (site) => {
    const o = only(site, name);
    const value = asOperandTensor(o, site);
    const axes = reducedAxes(site, value);
    if (axes.length === 0 && value.vocabulary)
      fail(site.environment, "token-where-vector", o.span, { name: value.vocabulary.name });
    const node = name === "argmax" ? value.node : toF32(value.node);
    return over(value, run(node, axes));
  };

/** With several arguments they combine elementwise. */
export const reduceMany =
  (name: ReduceFunction, pair: (a: Node, b: Node) => Node): Builtin =>
  (site) => {
    // What creates parameters is evaluated once.
    if (positional(site).length < 2)
      return reduceOne(name, (node, axes) => (axes.length === 0 ? node : build.reduce(name, node, axes)))(
        site,
      );
    const operands = positional(site).map((a) => operand(a, site));
    if (operands.every((o) => o.value.kind === "number") && name === "max")
      return number(Math.max(...operands.map((o) => (o.value as { value: number }).value)));
    const nodes = combine(operands, site.environment, site.span);
    return merged(
      operands,
      nodes.reduce((a, b) => pair(...(align([a, b]) as [Node, Node]))),
    );
  };

/** log Σ e^x of several values: a sum over alternatives like any other. */
export const logSumExp: Builtin = (site) => {
  if (positional(site).length < 2)
    return reduceOne("logsumexp", (node, axes) =>
      axes.length === 0 ? node : build.reduce("logsumexp", node, axes),
    )(site);
  const operands = positional(site).map((a) => operand(a, site));
  const { environment, span } = site;
  const nodes = combine(operands, environment, span, "f32");
  const all = build.union(...nodes.map((x) => x.type.axes));
  const axis = remember(environment.session, `alternatives:${nodes.length}`, () =>
    build.fixedAxis(`of${nodes.length}`, nodes.length, nodes.length, "stack"),
  );
  const side = build.stack(
    nodes.map((x) => build.broadcast(x, all)),
    axis,
  );
  return merged(operands, build.reduce("logsumexp", side, [axis]));
};

/** Softmax in its stable form: e^(x - logsumexp x). */
export function softmaxOver(node: Node, axes: readonly Axis[]): Node {
  return axes.length === 0
    ? build.broadcast(build.constant(1), node.type.axes)
    : build.unary("exp", build.sub(node, build.reduce("logsumexp", node, axes)));
}
