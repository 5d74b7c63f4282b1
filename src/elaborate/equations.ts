/**
 * Equations with axes on their left, `p[t, k] = …`: what the names there mean, and values brought to these axes. A
 * name with a size, `z[u: 2 * |i| + 1]`, makes an axis; in a state or a parameter of the body it names a fixed one.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node } from "../ir/graph/types.ts";
import type { AxisEntry, BodyStatement, Equation, Expression } from "../parser/ast.ts";
import { nearest } from "../diagnostics/nearest.ts";
import { fail, type Environment } from "./environment.ts";
import { evaluate, evaluateSize } from "./evaluate.ts";
import { featureOf, listedLike, namedAxis, remember, toF32, withFeature } from "./tensors.ts";
import type { Tensor } from "./values.ts";
import { indexAlong } from "./views.ts";

/** An axis on the left of an equation, and what it is called there. */
export interface LeftAxis {
  readonly name: string;
  readonly axis: Axis;
}

/** The entries of a body that make an axis, by its name. */
export function madeAxes(body: readonly BodyStatement[]): ReadonlyMap<string, AxisEntry> {
  const entries = body.flatMap((s): readonly AxisEntry[] => {
    if (s.kind === "state") return s.states.flatMap((d) => d.axes);
    if (s.kind === "param") return s.axes;
    return s.kind === "equation" ? (s.axes ?? []) : [];
  });
  return new Map(entries.flatMap((e) => (e.name && e.size ? [[e.name.name, e] as const] : [])));
}

/** The axis that an entry with a size makes: fixed, or as long as its size says for each example. */
export function madeAxis(entry: AxisEntry, environment: Environment): Tensor {
  const { name } = entry.name!;
  const size = evaluate(entry.size!, environment);
  const linear = size.kind === "tensor" && !size.index ? linearLength(size.node) : null;
  if (linear && linear.times !== 1 && build.lengthRule(linear.of).by !== 1)
    fail(environment, "multiple-of-windows", entry.span, { name });
  if (!linear)
    return indexAlong(namedAxis(environment.session, name, evaluateSize(entry.size!, environment)));
  const { of, times, plus } = linear;
  const label = `${name}:${times}*${of.name}+${plus}`;
  return indexAlong(
    remember(environment.session, label, () => ({
      name: label,
      kind: "time",
      size: { kind: "linear", of, times, plus },
      order: of.order + 0.0625,
    })),
  );
}

/** `times * |of| + plus`, if the value is such a length. */
function linearLength(node: Node): { of: Axis; times: number; plus: number } | null {
  if (node.op === "broadcast") return linearLength(node.operands[0]!);
  if (node.op === "length") return { of: node.attributes.axis, times: 1, plus: 0 };
  if (node.op !== "binary") return null;
  const [a, b] = node.operands.map((x) => (x.op === "broadcast" ? x.operands[0]! : x)) as [Node, Node];
  const [left, right] = [linearLength(a), linearLength(b)];
  const [k, length] = left ? [b, left] : [a, right];
  if (!length || k.op !== "constant" || (left && right)) return null;
  const { value } = k.attributes;
  switch (node.attributes.fn) {
    case "add":
      return { ...length, plus: length.plus + value };
    case "sub":
      return left ? { ...length, plus: length.plus - value } : null;
    case "mul":
      return { of: length.of, times: length.times * value, plus: length.plus * value };
    default:
      return null;
  }
}

/** What stands on the left of an equation: its axes in order, without the running step of a recurrence. */
export function leftAxes({ axes }: Equation, environment: Environment): readonly LeftAxis[] {
  return (axes ?? []).flatMap((entry): readonly LeftAxis[] => {
    const expression: Expression | null = entry.name ? { kind: "name", ...entry.name } : entry.size;
    const name = entry.name?.name ?? (expression?.kind === "name" ? expression.name : null);
    const value = name === null ? null : environment.lookup(name);
    if (value?.kind === "tensor" && value.step) return [];
    if (name !== null && value?.kind === "tensor" && value.index) return [{ name, axis: value.index }];
    return fail(environment, "no-such-index", entry.span, {
      name: name ?? "this",
      nearest: name === null ? "" : (nearest(name, environment.names()) ?? ""),
    });
  });
}

/** A value over the axes on the left of its equation, under the names that they have there. */
export function shaped(
  value: Tensor,
  left: readonly LeftAxis[],
  environment: Environment,
  span: Equation["span"],
): Tensor {
  if (left.length === 0) return value;
  const feature = left.find((l) => l.axis.kind === "feature");
  const own = featureOf(value.node);
  if (feature && own && own !== feature.axis) {
    const [found, wanted] = [build.fixedSize(own), build.fixedSize(feature.axis)];
    if (!environment.session.sizes.unify(found, wanted))
      fail(environment, "state-size", span, { name: feature.name, declared: wanted, found });
  }
  const fitted = feature && own ? withFeature(value.node, feature.axis) : value.node;
  const node = build.broadcast(
    fitted,
    left.map((l) => l.axis),
  );
  return {
    ...listedLike({ ...value, node, axes: value.axes }, named(node, left)),
    ...(feature ? { featureName: feature.name } : {}),
    ends: null,
  };
}

/** A node with its axes listed as an equation's left names them. */
export function named(node: Node, left: readonly LeftAxis[]): Tensor {
  return {
    kind: "tensor",
    node,
    axes: left.filter((l) => l.axis.kind !== "feature" && build.hasAxis(node, l.axis)),
    vocabulary: null,
    ends: null,
    origin: null,
    ...featureNamed(left),
  };
}

function featureNamed(left: readonly LeftAxis[]): Pick<Tensor, "featureName"> {
  const feature = left.find((l) => l.axis.kind === "feature");
  return feature ? { featureName: feature.name } : {};
}

export const asState = (value: Tensor): Tensor => ({ ...value, node: toF32(value.node) });
