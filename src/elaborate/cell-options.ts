/**
 * What every recurrent stage takes besides its own options: `along` which axis it runs, whether its states live on
 * (`stateful`), what they start from (`init`), and a stage that its output goes through before it joins the next step's
 * input (`feed`: input feeding, Luong et al. 2015).
 */
import * as build from "../ir/graph/build.ts";
import type { Node } from "../ir/graph/types.ts";
import type { Argument, Span } from "../parser/ast.ts";
import { mapTo } from "./maps.ts";
import { childPath, fail, type Environment, type Path } from "./environment.ts";
import { evaluate } from "./evaluate.ts";
import { lastStep } from "./layers.ts";
import { stageFrom, stageName } from "./stages.ts";
import { asTensor, describe, featureOf, isTime, over, withFeature } from "./tensors.ts";
import type { Finals, Stage, Tensor } from "./values.ts";

export interface CellOptions {
  readonly along: string | null;
  readonly stateful: boolean;
  readonly init: { readonly value: Tensor | Finals; readonly span: Span } | null;
  readonly feed: Stage | null;
}

export const noCellOptions: CellOptions = { along: null, stateful: false, init: null, feed: null };

export const cellOptionNames: readonly string[] = ["along", "stateful", "init", "feed"];

/** The options with an argument added; null if it is none of them. */
export function withCellOption(
  before: CellOptions,
  argument: Argument,
  environment: Environment,
): CellOptions | null {
  const { name, value, span } = argument;
  if (name === null) return stageName(value) === "stateful" ? { ...before, stateful: true } : null;
  switch (name.name) {
    case "along":
      return { ...before, along: stageName(value) };
    case "init": {
      const given = evaluate(value, environment);
      if (given.kind === "finals") return { ...before, init: { value: given, span } };
      return { ...before, init: { value: asTensor(given, environment, value.span), span } };
    }
    case "feed":
      return { ...before, feed: stageFrom(value, environment) };
    default:
      return null;
  }
}

/**
 * What a state starts from, by its name in the cell: a learned affine map of the last step of `init`'s value, or the
 * very state that another recurrence ended in.
 */
export function startFrom(
  options: CellOptions,
  path: Path,
  environment: Environment,
): ((state: string, formal: Node<"state">) => Node) | null {
  const { init } = options;
  if (!init) return null;
  const { value, span } = init;
  const inits = childPath(environment.session, path, "init");
  return (state, formal) => {
    const feature = featureOf(formal);
    if (!feature) return fail(environment, "no-feature", span);
    if (value.kind === "finals") {
      const final = value.states.get(state);
      const found = final ? featureOf(final) : null;
      if (
        !final ||
        !found ||
        !environment.session.sizes.unify(build.fixedSize(found), build.fixedSize(feature))
      )
        return fail(environment, "states-do-not-match", span, {
          state,
          wanted: build.fixedSize(feature),
          found: found ? `has ${build.fixedSize(found)} features` : "is not there",
          given: [...value.states.keys()].map((name) => `\`${name}\``).join(", "),
        });
      return withFeature(final, feature);
    }
    const own = {
      ...environment,
      path: childPath(environment.session, { ...inits, count: new Map() }, state),
    };
    return mapTo(lastOf(value, environment, span), build.fixedSize(feature), own, span).node;
  };
}

/** The last step of a sequence, of one that ran both ways each direction's own end; a value without a sequence as it is. */
function lastOf(value: Tensor, environment: Environment, span: Span): Tensor {
  const axis = [...value.axes]
    .reverse()
    .map((a) => a.axis)
    .find(isTime);
  if (axis && value.ends?.axis === axis) return value.ends.value;
  if (!axis)
    return featureOf(value.node) ? value : fail(environment, "not-a-value", span, { what: describe(value) });
  return over(value, lastStep(value.node, axis));
}
