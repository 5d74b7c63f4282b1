/**
 * The functions that the language cannot say itself: scalar functions, reductions, learned maps, random draws. All
 * else is in the standard library.
 */
import * as build from "../ir/graph/build.ts";
import type { Node, UnaryFunction } from "../ir/graph/types.ts";
import { nearest, orList } from "../diagnostics/nearest.ts";
import {
  asOperandTensor,
  failCount,
  namedArgument,
  only,
  operand,
  positional,
  type Builtin,
} from "./arguments.ts";
import { next, prev } from "./data.ts";
import { placeOf } from "./draws.ts";
import type { Expression } from "../parser/ast.ts";
import { fail, type Environment } from "./environment.ts";
import { evaluate } from "./evaluate.ts";
import { diagonal, linearMaps, scalarMap } from "./maps.ts";
import { logSumExp, meanOver, reduceMany, reduceOne, softmaxOver, sumOver } from "./reductions.ts";
import { ownPosition } from "./recurrence.ts";
import { failSequence } from "./running-axis.ts";
import { isPlaceholder, type Sizes } from "./sizes.ts";
import { align, apply, combine, isTime, merged, number, over, tensor, toF32 } from "./tensors.ts";
import type { CallSite, NumberValue, Value } from "./values.ts";
import { marginals, viterbi } from "./derivatives.ts";
import { collapsed } from "./paths.ts";
import { concatenate, dot, flattened, oneHot } from "./vectors.ts";

const onNumber: Partial<Record<UnaryFunction, (x: number) => number>> = {
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
};

const scalar =
  (fn: UnaryFunction): Builtin =>
  (site) => {
    const o = only(site, fn);
    const known = onNumber[fn];
    if (o.value.kind === "number" && known) return number(known(o.value.value));
    return apply(fn, { ...o, value: { ...asOperandTensor(o, site) } }, site.environment);
  };

// ---- random draws -----------------------------------------------------------------------------------------------

const draw =
  (make: (node: Node, site: CallSite) => Node, distribution: "uniform" | "normal"): Builtin =>
  (site) => {
    const { environment } = site;
    const once = namedArgument(site, "variational");
    const still = once !== null && truth(evaluate(once, environment));
    const place = placeOf(environment.file, environment.path.name, site.span);
    const { recurrence } = environment;
    return {
      kind: "draw",
      make: (axes) => {
        const kept = still ? axes.filter((axis) => axis.kind !== "time") : axes;
        return make(
          build.random(distribution, place, kept, recurrence && !still ? [recurrence.axis] : []),
          site,
        );
      },
    };
  };

const isUnsolved = (value: number, sizes: Sizes): boolean =>
  sizes.isOpen() && isPlaceholder(Math.abs(value) + 2);

const truth = (value: Value): boolean =>
  value.kind === "boolean" ? value.value : value.kind === "number" && value.value !== 0;

const bernoulli: Builtin = (site) => {
  const probability = only({ ...site, arguments: positional(site) }, "bernoulli");
  if (probability.value.kind !== "number") fail(site.environment, "number-wanted", probability.span);
  const { value } = probability.value;
  // A size that isn't solved yet is a number far from any probability.
  if (!(value >= 0 && value <= 1) && !isUnsolved(value, site.environment.session.sizes)) {
    const given = optionIn(positional(site)[0]!.value, site.environment);
    fail(site.environment, "not-a-probability", probability.span, {
      what: given ? `\`${given.option.name}\` of \`${given.option.of}\`` : "What `bernoulli` is given",
      found: given?.value ?? value,
    });
  }
  const p = build.constant(value);
  return draw((node) => build.binary("lt", node, p), "uniform")(site);
};

/** The option that `p`, or the p of `1 - p`, was given as: one is no probability where the other is none. */
function optionIn(expression: Expression, environment: Environment): Required<NumberValue> | null {
  if (expression.kind === "binary") {
    const { left, operator, right } = expression;
    const isRest = operator === "-" && left.kind === "number" && left.value === 1;
    return isRest ? optionIn(right, environment) : null;
  }
  const value = expression.kind === "name" ? environment.lookup(expression.name) : null;
  return value?.kind === "number" && value.option ? { ...value, option: value.option } : null;
}

// ---- the table --------------------------------------------------------------------------------------------------

const scalars = [
  "exp",
  "log",
  "sqrt",
  "abs",
  "sign",
  "floor",
  "sin",
  "cos",
  "sigmoid",
  "tanh",
  "softplus",
] as const;

const functions: Readonly<Record<string, Builtin>> = {
  ...Object.fromEntries(scalars.map((fn) => [fn, scalar(fn)])),
  sum: reduceOne("sum", sumOver),
  mean: reduceOne("mean", meanOver),
  prod: reduceMany("prod", (a, b) => build.mul(a, b)),
  max: reduceMany("max", (a, b) => build.binary("max", a, b)),
  min: (site) => {
    const operands = positional(site).map((a) => operand(a, site));
    if (operands.length < 2) failCount(site, "min", 2, operands.length);
    const nodes = combine(operands, site.environment, site.span);
    return merged(
      operands,
      nodes.reduce((a, b) => build.binary("min", ...(align([a, b]) as [Node, Node]))),
    );
  },
  logsumexp: logSumExp,
  argmax: reduceOne("argmax", (node, axes) => build.reduce("argmax", node, axes)),
  softmax: reduceOne("softmax", softmaxOver),
  identity: (site) => only(site, "identity").value,
  affine: (site) => linearMaps(site, true),
  linear: (site) => linearMaps(site, false),
  scalar: scalarMap,
  diag: diagonal,
  concat: concatenate,
  dot,
  one_hot: (site) => {
    const o = only(site, "one_hot");
    return oneHot(asOperandTensor(o, site), site.environment);
  },
  is_token: (site) => {
    const { value } = only(site, "is_token");
    return { kind: "boolean", value: value.kind === "tensor" && value.vocabulary !== null };
  },
  is_sequence: (site) => {
    const value = asOperandTensor(only(site, "is_sequence"), site);
    return { kind: "boolean", value: value.node.type.axes.some(isTime) };
  },
  /** The position along a sequence: in a step, the step's. */
  position: (site) => {
    const o = only(site, "position");
    const value = asOperandTensor(o, site);
    const axis = value.axes.findLast((a) => isTime(a.axis));
    if (axis) return { ...over(value, build.iota(axis.axis)), index: axis.axis };
    const { recurrence } = site.environment;
    return recurrence ? ownPosition(recurrence) : failSequence("position", value, site.environment, o.span);
  },
  next: (site) => {
    const o = only(site, "next");
    const { value } = positional(site)[0]!;
    return next(site, o.value, value.kind === "name" ? value.name : null);
  },
  prev: (site) => prev(site, only({ ...site, arguments: positional(site) }, "prev").value),
  /** The mean over an example's remaining axes. */
  average: (site) => {
    const value = asOperandTensor(only(site, "average"), site);
    return tensor(meanOver(toF32(value.node), build.without(value.node.type.axes, [build.batch])));
  },
  /** The states that a recurrence ended in, for `init = final(value)`. */
  final: (site) => {
    const o = only(site, "final");
    const value = asOperandTensor(o, site);
    if (!value.finals) fail(site.environment, "no-final-states", o.span);
    return { kind: "finals", states: value.finals };
  },
  /** The fixed named axes one after another in the feature. */
  flatten: (site) => {
    const value = asOperandTensor(only(site, "flatten"), site);
    return flattened(value, site);
  },
  marginals,
  viterbi,
  collapse: (site) => {
    const [path, blank] = positional(site).map((a) => operand(a, site));
    if (!path || !blank)
      failCount(site, "collapse", 2, positional(site).length, "Write `collapse(path, blank)`.");
    return collapsed(asOperandTensor(path, site), blank, site);
  },
  stop_gradient: (site) => {
    const value = asOperandTensor(only(site, "stop_gradient"), site);
    return over(value, build.stop(value.node));
  },
  normal: draw((node) => node, "normal"),
  uniform: draw((node) => node, "uniform"),
  bernoulli,
};

const reductions: ReadonlySet<string> = new Set([
  "sum",
  "mean",
  "prod",
  "max",
  "logsumexp",
  "argmax",
  "softmax",
]);

/** What is given by name. */
const namedOptions: Readonly<Record<string, readonly string[]>> = {
  affine: ["size", "bias"],
  linear: ["size"],
  prev: ["sampled"],
  normal: ["variational"],
  uniform: ["variational"],
  bernoulli: ["variational"],
};

/** Nothing that a call gives is passed over. */
const guarded =
  (name: string, run: Builtin): Builtin =>
  (site) => {
    const known = namedOptions[name] ?? [];
    for (const { name: given } of site.arguments)
      if (given && !known.includes(given.name))
        fail(site.environment, "unknown-option", given.span, {
          stage: name,
          name: given.name,
          nearest: nearest(given.name, known) ?? "",
          known: known.length > 0 ? orList(known) : "none",
        });
    const [binder] = site.binders;
    if (binder && !reductions.has(name)) fail(site.environment, "binder-not-taken", binder.span, { name });
    return run(site);
  };

export const builtinFunctions: Readonly<Record<string, Builtin>> = Object.fromEntries(
  Object.entries(functions).map(([name, run]) => [name, guarded(name, run)]),
);
