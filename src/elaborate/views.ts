/** Values under the names that a definition gives to their axes, and axes as values. */
import * as build from "../ir/graph/build.ts";
import type { Axis } from "../ir/graph/types.ts";
import type { AxisEntry, Parameter } from "../parser/ast.ts";
import type { BodyCall } from "./body.ts";
import { fail, type Environment } from "./environment.ts";
import { evaluateSize } from "./evaluate.ts";
import {
  describeType,
  featureAxis,
  featureOf,
  freeAxis,
  namedAxis,
  likeAxis,
  remember,
  tensor,
  withFeature,
} from "./tensors.ts";
import type { Recurrence } from "./recurrence.ts";
import type { Tensor, Value } from "./values.ts";

/** The value along a fresh axis of the same length, so that the two can meet (see the rule of captures in the graph). */
export function shadowed(value: Tensor, axis: Axis, environment: Environment): Tensor {
  freeAxis(value.node, axis, environment.session);
  const shadow = likeAxis(`${axis.name}*`, axis, 0.5, environment.session);
  return {
    ...value,
    whole: value,
    node: build.rename(value.node, axis, shadow),
    axes: value.axes.map((a) => (a.axis === axis ? { name: a.name, axis: shadow } : a)),
  };
}

/** What a step sees of an outer value: one that runs along the steps' axis under another axis of the same length. */
export function captured(value: Value | null, { axis }: Recurrence, environment: Environment): Value | null {
  if (value?.kind !== "tensor" || !build.hasAxis(value.node, axis)) return value;
  return shadowed(value, axis, environment);
}

/** The axes of a state: named entries, and a last entry that is a size as the feature. */
export function declaredAxes(entries: readonly AxisEntry[], environment: Environment): readonly Axis[] {
  return entries.map((entry, k) => {
    const { session } = environment;
    if (entry.name && entry.size)
      return namedAxis(session, entry.name.name, evaluateSize(entry.size, environment));
    const expression = entry.size ?? { kind: "name" as const, name: entry.name!.name, span: entry.span };
    const size = evaluateSize(expression, environment);
    return k === entries.length - 1
      ? featureAxis(session, size)
      : namedAxis(session, entry.name?.name ?? `d${size}`, size);
  });
}

/**
 * An input as its parameter names it: `e[t, k]` names the last two axes from the right; the others are carried. A name
 * is also a number along its axis. In the definition the axis is one of that name, the same for every input that names
 * it, so that it never meets what another input carries along; `views` says whose it is.
 */
export function viewed(
  given: Tensor,
  parameter: Parameter,
  bindings: Map<string, Value>,
  environment: Environment,
  { span, environment: caller }: BodyCall,
  views: Views,
): Tensor {
  if (!parameter.axes) return given;
  const feature = featureOf(given.node);
  const slots: { name: string; axis: Axis }[] = [
    ...given.axes,
    ...(feature ? [{ name: "", axis: feature }] : []),
  ];
  const named = parameter.axes.slice().reverse();
  const visible: { name: string; axis: Axis }[] = [];
  let current = given;
  let featureName: string | null = null;
  named.forEach((entry, k) => {
    const slot = slots[slots.length - 1 - k];
    if (!slot)
      fail(caller, "too-few-axes", span, {
        name: parameter.name.name,
        wanted: parameter.axes!.length,
        type: describeType(given),
      });
    let { axis } = slot;
    if (entry.size && axis.kind === "feature") {
      const wanted = evaluateSize(entry.size, {
        ...environment,
        lookup: (n) => bindings.get(n) ?? environment.lookup(n),
      });
      if (!environment.session.sizes.unify(wanted, build.fixedSize(axis)))
        fail(caller, "sizes-do-not-meet", span, { left: wanted, right: build.fixedSize(axis) }, [
          {
            message: `\`${parameter.name.name}\` asks for ${wanted}.`,
            file: environment.file,
            span: entry.span,
          },
        ]);
      const solved = featureAxis(environment.session, environment.session.sizes.resolve(wanted));
      current = { ...current, node: withFeature(current.node, solved) };
      axis = solved;
    }
    if (!entry.name) return;
    const { name } = entry.name;
    if (axis.kind === "feature") featureName = name;
    else {
      const own = views.get(name);
      if (own && own.of !== axis)
        fail(caller, "one-name-two-axes", span, { name, first: own.of.name, second: axis.name });
      const isOuter = current.node.type.axes.some((a) => a !== axis && build.lengthAxes(a).includes(axis));
      const view = own?.axis ?? (isOuter ? axis : viewAxis(name, axis, environment));
      views.set(name, { axis: view, of: axis });
      current = { ...current, node: build.rename(current.node, axis, view) };
      axis = view;
      visible.unshift({ name, axis });
    }
    bindings.set(name, indexAlong(axis));
  });
  return { ...current, axes: visible, ...(featureName === null ? {} : { featureName }) };
}

/** The axes that a definition's parameters name, and whose they are. */
export type Views = Map<string, { readonly axis: Axis; readonly of: Axis }>;

function viewAxis(name: string, of: Axis, { session }: Environment): Axis {
  const label = `${name}~${of.name}`;
  return remember(session, label, () =>
    of.size.kind === "fixed"
      ? { ...of, name: label }
      : {
          name: label,
          kind: "time",
          size: { kind: "linear", of, times: 1, plus: 0 },
          order: of.order + 0.125,
        },
  );
}

/** For the caller the axes are its own again, but for one that the value also carries along. */
export function unviewed(value: Tensor, views: Views): Tensor {
  return [...views.values()].reduce((current, { axis, of }) => {
    if (!build.hasAxis(current.node, axis) || build.hasAxis(current.node, of)) return current;
    const axes = current.axes.map((a) => (a.axis === axis ? { name: of.name.split(":")[0]!, axis: of } : a));
    return { ...current, node: build.rename(current.node, axis, of), axes };
  }, value);
}

/** The positions along an axis, as a value and as an index. */
export const indexAlong = (axis: Axis): Tensor => ({ ...tensor(build.iota(axis)), index: axis });
