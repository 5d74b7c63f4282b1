/** The axis that recurrent and pooling stages run along. */
import type { Axis } from "../ir/graph/types.ts";
import { nearest } from "../diagnostics/nearest.ts";
import type { Span } from "../parser/ast.ts";
import { fail, type Environment } from "./environment.ts";
import { describe, freeAxis, isTime } from "./tensors.ts";
import type { Tensor } from "./values.ts";

export function failSequence(stage: string, value: Tensor, environment: Environment, span: Span): never {
  const way =
    value.origin && value.node.op !== "input"
      ? `What stands before it has no steps; \`${stage}\` needs a value for each.`
      : "Declare the axis, as in `f32[T, 39]`; or use `dense` where there is no sequence.";
  fail(environment, "sequence-wanted", span, { stage, type: describe(value), way });
}

/** The axis that recurrent and pooling stages run along: the innermost of the sequence's, or the one named. */
export function runningAxis(
  value: Tensor,
  along: string | null,
  stage: string,
  environment: Environment,
  span: Span,
): Axis {
  if (along !== null) {
    const named = value.axes.find((a) => a.name === along);
    if (!named)
      fail(environment, "no-such-axis", span, {
        axis: along,
        nearest:
          nearest(
            along,
            value.axes.map((a) => a.name),
          ) ?? "",
      });
    freeAxis(value.node, named.axis, environment.session);
    return named.axis;
  }
  const { axis } = value.axes.findLast((a) => isTime(a.axis)) ?? value.axes.at(-1) ?? { axis: null };
  if (!axis) return failSequence(stage, value, environment, span);
  freeAxis(value.node, axis, environment.session);
  return axis;
}
