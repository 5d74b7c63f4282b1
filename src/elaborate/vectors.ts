/** Features put together and taken apart: `concat`, `flatten`, `dot`, 1-of-N. */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import { asOperandTensor, failCount, operand, positional, type Builtin } from "./arguments.ts";
import { fail, placeIn, type Environment } from "./environment.ts";
import { featureAxis, featureOf, meet, merged, over, toF32 } from "./tensors.ts";
import type { CallSite, Tensor } from "./values.ts";

/** Features one after another. */
export const concatenate: Builtin = (site) => {
  const operands = positional(site).map((a) => operand(a, site));
  if (operands.length === 0) failCount(site, "concat", 2, 0);
  const tensors = operands.map((o) => asVector(asOperandTensor(o, site), site.environment));
  return concatTensors(tensors, site.environment, site);
};

/** A single number stands beside vectors as one more feature. */
export function asVector(value: Tensor, environment: Environment): Tensor {
  if (featureOf(value.node) || value.vocabulary) return value;
  const one = featureAxis(environment.session, 1);
  return over(value, build.broadcast(toF32(value.node), [...value.node.type.axes, one]));
}

export function concatTensors(
  tensors: readonly Tensor[],
  environment: Environment,
  site: { readonly span: CallSite["span"] },
): Tensor {
  const from = tensors.map((x): Axis => featureOf(x.node) ?? fail(environment, "no-feature", site.span));
  const { session } = environment;
  const total = from.reduce((n, axis) => n + build.fixedSize(axis), 0);
  const known = from.every((axis) => build.fixedSize(axis) < 2 ** 31);
  // With a part unknown the whole is unknown in this run; the next run knows.
  const to = known
    ? featureAxis(session, total)
    : featureAxis(
        session,
        session.sizes.fresh(
          `concat:${environment.path.name}:${site.span.start}`,
          placeIn(environment, site.span),
          "this concatenation",
        ),
      );
  const axes = build.union(...tensors.map((x, k) => build.without(x.node.type.axes, [from[k]!])));
  const parts = tensors.map((x, k) => build.broadcast(toF32(x.node), [...axes, from[k]!]));
  const operands = tensors.map((value) => ({ value, span: site.span }));
  const node = known ? build.concat(parts, from, to) : build.rename(parts[0]!, from[0]!, to);
  return { ...merged(operands, node), origin: placeIn(environment, site.span) };
}

/** Along each fixed axis the parts side by side, the last declared innermost. */
export function flattened(value: Tensor, site: CallSite): Tensor {
  const fixed = value.axes.map((a) => a.axis).filter((axis) => axis.size.kind === "fixed");
  const axis = fixed.at(-1);
  if (!axis) return value;
  const kept = value.axes.filter((a) => a.axis !== axis);
  const size = build.fixedSize(axis);
  if (!featureOf(value.node)) {
    const node = build.rename(value.node, axis, featureAxis(site.environment.session, size));
    return flattened({ ...value, node, axes: kept }, site);
  }
  const parts = Array.from({ length: size }, (_, k): Tensor => ({
    ...value,
    node: build.pick(value.node, axis, k),
    axes: kept,
  }));
  return flattened({ ...concatTensors(parts, site.environment, site), axes: kept }, site);
}

export const dot: Builtin = (site) => {
  const operands = positional(site).map((a) => operand(a, site));
  const tensors = operands.map((o) => ({ tensor: asOperandTensor(o, site), span: o.span }));
  if (tensors.length !== 2) failCount(site, "dot", 2, tensors.length);
  const [a, b] = meet(tensors, site.environment, site.span) as [Node, Node];
  const feature = featureOf(a);
  if (!feature || featureOf(b) !== feature) fail(site.environment, "no-feature", site.span);
  return merged(operands, build.contract(toF32(a), toF32(b), [feature]));
};

/** Numbers as a vector of size `|y|`, for losses over probabilities: a token becomes 1-of-N, a vector stays. */
export function oneHot(value: Tensor, environment: Environment): Tensor {
  if (!value.vocabulary) return value;
  const axis = featureAxis(environment.session, environment.session.sizes.resolve(value.vocabulary.size));
  const index = build.broadcast(value.node, [...value.node.type.axes, axis]);
  const one = build.unary("float", build.binary("eq", index, build.iota(axis)));
  const { bag, ...rest } = value;
  return { ...rest, node: bag ? build.reduce("sum", one, [bag]) : one, vocabulary: null };
}
