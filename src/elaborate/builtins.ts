/**
 * The functions that the language cannot say itself: scalar functions, reductions, learned maps, random draws. All
 * else is in the standard library.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, Node, ReduceFunction, UnaryFunction } from "../ir/graph/types.ts";
import type { Note } from "../diagnostics/diagnostic.ts";
import { nearest, orList } from "../diagnostics/nearest.ts";
import type { Argument, Expression } from "../parser/ast.ts";
import { next, prev } from "./data.ts";
import { placeOf } from "./draws.ts";
import { extend, fail, placeIn, type Environment } from "./environment.ts";
import { evaluate, evaluateSize } from "./evaluate.ts";
import { parameter } from "./parameters.ts";
import { isPlaceholder, type Sizes } from "./sizes.ts";
import {
  align,
  apply,
  asTensor,
  combine,
  featureAxis,
  featureOf,
  meet,
  merged,
  number,
  over,
  plainAxis,
  tensor,
  toF32,
  type Operand,
} from "./tensors.ts";
import type { CallSite, Tensor, Value } from "./values.ts";

type Builtin = (site: CallSite) => Value;

// ---- arguments --------------------------------------------------------------------------------------------------

const positional = (site: CallSite): readonly Argument[] => site.arguments.filter((a) => a.name === null);

const namedArgument = (site: CallSite, name: string): Expression | null =>
  site.arguments.find((a) => a.name?.name === name)?.value ?? null;

const operand = (argument: Argument, site: CallSite): Operand => ({
  value: evaluate(argument.value, site.environment),
  span: argument.value.span,
});

function only(site: CallSite, name: string): Operand {
  const [first, second] = positional(site);
  if (!first || second) failCount(site, name, 1, positional(site).length);
  return operand(first, site);
}

/** `way` shows how it is called. */
export function failCount(
  { environment, span }: Pick<CallSite, "environment" | "span">,
  name: string,
  wanted: number,
  found: number,
  way = `Write \`${name}(${["x", "y", "z"].slice(0, wanted).join(", ")})\`.`,
  notes: readonly Note[] = [],
): never {
  const values = (n: number) => (n === 1 ? "1 value" : `${n} values`);
  return fail(
    environment,
    "argument-count",
    span,
    { name, wanted: values(wanted), found: found === 0 ? "none" : String(found), way },
    notes,
  );
}

const asOperandTensor = (o: Operand, site: CallSite): Tensor => asTensor(o.value, site.environment, o.span);

// ---- scalar functions -------------------------------------------------------------------------------------------

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

// ---- reductions -------------------------------------------------------------------------------------------------

/** The axes that a reduction works on: those of its binders, else the feature. */
function reducedAxes(site: CallSite, value: Tensor): readonly Axis[] {
  if (site.binders.length === 0) {
    const feature = featureOf(value.node);
    return feature ? [feature] : [];
  }
  return site.binders.map((binder) => {
    const bound = site.environment.lookup(binder.name);
    const axis = bound?.kind === "tensor" ? bound.index : undefined;
    if (!axis || !build.hasAxis(value.node, axis))
      fail(site.environment, "unused-binder", binder.span, { name: binder.name });
    return axis;
  });
}

/** A sum of a product is a contraction. */
function sumOver(node: Node, axes: readonly Axis[]): Node {
  if (axes.length === 0) return node;
  if (node.op === "binary" && node.attributes.fn === "mul" && node.type.dtype === "f32") {
    const [a, b] = node.operands as [Node, Node];
    if (axes.every((axis) => build.hasAxis(a, axis) && build.hasAxis(b, axis)))
      return build.contract(a, b, axes);
  }
  return build.reduce("sum", node, axes);
}

/** How many elements a reduction counts, as a number to divide by. */
function countOf(axes: readonly Axis[]): Node {
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

const reduceOne =
  (name: string, run: (node: Node, axes: readonly Axis[]) => Node): Builtin =>
  (site) => {
    const o = only(site, name);
    const value = asOperandTensor(o, site);
    const node = name === "argmax" ? value.node : toF32(value.node);
    return over(value, run(node, reducedAxes(site, value)));
  };

/** With several arguments they combine elementwise. */
const reduceMany =
  (name: ReduceFunction, pair: (a: Node, b: Node) => Node): Builtin =>
  (site) => {
    const operands = positional(site).map((a) => operand(a, site));
    if (operands.length < 2)
      return reduceOne(name, (node, axes) => (axes.length === 0 ? node : build.reduce(name, node, axes)))(
        site,
      );
    if (operands.every((o) => o.value.kind === "number") && name === "max")
      return number(Math.max(...operands.map((o) => (o.value as { value: number }).value)));
    const nodes = combine(operands, site.environment, site.span, name === "logsumexp" ? "f32" : null);
    return merged(
      operands,
      nodes.reduce((a, b) => pair(...(align([a, b]) as [Node, Node]))),
    );
  };

/** log(e^a + e^b), -inf where both are: the larger plus softplus of minus the distance. */
function logAddExp(a: Node, b: Node): Node {
  const larger = build.binary("max", a, b);
  const smaller = build.binary("min", a, b);
  const none = build.binary("eq", smaller, build.constant(-Infinity));
  const distance = build.select(none, build.constant(0), build.sub(larger, smaller));
  return build.select(none, larger, build.add(larger, build.unary("softplus", build.neg(distance))));
}

/** Softmax in its stable form: e^(x - logsumexp x). */
export function softmaxOver(node: Node, axes: readonly Axis[]): Node {
  return axes.length === 0
    ? build.broadcast(build.constant(1), node.type.axes)
    : build.unary("exp", build.sub(node, build.reduce("logsumexp", node, axes)));
}

// ---- learned maps -----------------------------------------------------------------------------------------------

const usual = { kind: "glorot" } as const;
const recurrent = { kind: "orthogonal" } as const;

/** Which operand a weight belongs to: `affine(x, h[t-1])` has `Wx` and `Wh`. */
function operandName(expression: Expression): string {
  if (expression.kind === "name") return expression.name;
  if (expression.kind === "index" && expression.operand.kind === "name") return expression.operand.name;
  return "";
}

/** A map from a state to one of its size: its start keeps the state's norm. */
const isRecurrent = (value: Tensor): boolean => value.node.op === "state";

/** A sum of learned linear maps, one an operand; `bias` null for none. */
function linearMaps(site: CallSite, biased: boolean): Tensor {
  const { environment } = site;
  const { session } = environment;
  const key = `${environment.path.name}@${environment.file}:${site.span.start}`;
  const given = namedArgument(site, "size");
  const size = given
    ? evaluateSize(given, environment)
    : session.sizes.fresh(
        key,
        placeIn(environment, site.span),
        "the size of this map",
        `Write it: \`${biased ? "affine" : "linear"}(…, size = 64)\`.`,
      );
  const out = featureAxis(session, size);
  const operands = positional(site).map((a) => ({ argument: a, ...operand(a, site) }));
  if (operands.length === 0) failCount(site, biased ? "affine" : "linear", 1, 0);
  const products = operands.map((o): Node => {
    const value = asTensor(o.value, environment, o.span);
    if (value.vocabulary) fail(environment, "token-where-vector", o.span, { name: value.vocabulary.name });
    const feature = featureOf(value.node);
    if (!feature) fail(environment, "no-feature", o.span);
    const inner = plainAxis(session, build.fixedSize(feature), 1);
    const square = isRecurrent(value) && build.fixedSize(feature) === size;
    const weight = parameter(
      environment,
      `W${operandName(o.argument.value)}`,
      [out, inner],
      square ? recurrent : usual,
    );
    return build.contract(build.rename(toF32(value.node), feature, inner), weight, [inner]);
  });
  const sum = products.reduce((a, b) => build.add(...(align([a, b]) as [Node, Node])));
  const origin = { file: environment.file, span: site.span };
  if (!biased) return { ...merged(operands, sum), origin };
  const start = namedArgument(site, "bias");
  const value = start ? evaluate(start, environment) : number(0);
  if (value.kind !== "number") fail(environment, "number-wanted", start!.span);
  const bias = parameter(environment, "b", [out], { kind: "constant", value: value.value });
  return { ...merged(operands, build.add(sum, bias)), origin };
}

/** A learned affine map of one value to a size. */
export function mapTo(value: Tensor, size: number, environment: Environment, span: CallSite["span"]): Tensor {
  const argument: Argument = { name: null, value: { kind: "name", name: "", span }, span };
  const written: Argument = {
    name: { name: "size", span },
    value: { kind: "number", value: size, text: String(size), span },
    span,
  };
  const inner = extend(environment, new Map<string, Value>([["", value]]));
  return linearMaps({ arguments: [argument, written], binders: [], environment: inner, span }, true);
}

/** One number: a learned weighted sum of the features of each operand, plus a bias. */
const scalarMap: Builtin = (site) => {
  const operands = positional(site).map((a) => ({ argument: a, ...operand(a, site) }));
  if (operands.length === 0) failCount(site, "scalar", 1, 0);
  const products = operands.map((o): Node => {
    const value = asTensor(o.value, site.environment, o.span);
    const feature = featureOf(value.node);
    if (!feature) fail(site.environment, "no-feature", o.span);
    const weight = parameter(site.environment, `w${operandName(o.argument.value)}`, [feature], usual);
    return build.contract(toF32(value.node), weight, [feature]);
  });
  const bias = parameter(site.environment, "b", [], { kind: "zeros" });
  return merged(
    operands,
    build.add(
      products.reduce((a, b) => build.add(...(align([a, b]) as [Node, Node]))),
      bias,
    ),
  );
};

const diagonal: Builtin = (site) => {
  const o = only(site, "diag");
  const value = asOperandTensor(o, site);
  const feature = featureOf(value.node);
  if (!feature) fail(site.environment, "no-feature", o.span);
  const weight = parameter(
    site.environment,
    `diag.${operandName(positional(site)[0]!.value) || "x"}`,
    [feature],
    {
      kind: "uniform",
      bound: Number((1 / Math.sqrt(build.fixedSize(feature))).toPrecision(6)),
    },
  );
  return over(value, build.mul(value.node, weight));
};

// ---- axes -------------------------------------------------------------------------------------------------------

/** Features one after another. */
const concatenate: Builtin = (site) => {
  const operands = positional(site).map((a) => operand(a, site));
  if (operands.length === 0) failCount(site, "concat", 2, 0);
  const tensors = operands.map((o) => asVector(asOperandTensor(o, site), site.environment));
  return concatTensors(tensors, site.environment, site);
};

/** A single number stands beside vectors as one more feature. */
function asVector(value: Tensor, environment: Environment): Tensor {
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
  return merged(operands, known ? build.concat(parts, from, to) : build.rename(parts[0]!, from[0]!, to));
}

/** Along each fixed axis the parts side by side, the last declared innermost. */
function flattened(value: Tensor, site: CallSite): Tensor {
  const fixed = value.axes.map((a) => a.axis).filter((axis) => axis.size.kind === "fixed");
  const axis = fixed.at(-1);
  if (!axis) return value;
  const kept = value.axes.filter((a) => a.axis !== axis);
  const parts = Array.from({ length: build.fixedSize(axis) }, (_, k): Tensor => {
    const node = build.pick(value.node, axis, k);
    const own = featureOf(node) ? node : build.broadcast(node, [featureAxis(site.environment.session, 1)]);
    return { ...value, node: own, axes: kept };
  });
  return flattened({ ...concatTensors(parts, site.environment, site), axes: kept }, site);
}

const dot: Builtin = (site) => {
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
  return {
    ...value,
    node: build.unary("float", build.binary("eq", index, build.iota(axis))),
    vocabulary: null,
  };
}

// ---- random -----------------------------------------------------------------------------------------------------

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
  if (!(value >= 0 && value <= 1) && !isUnsolved(value, site.environment.session.sizes))
    fail(site.environment, "setting-range", probability.span, {
      key: "bernoulli",
      wanted: "a probability, between 0 and 1",
      found: value,
    });
  const p = build.constant(value);
  return draw((node) => build.binary("lt", node, p), "uniform")(site);
};

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
  logsumexp: reduceMany("logsumexp", logAddExp),
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
  next: (site) => {
    const o = only(site, "next");
    const { value } = positional(site)[0]!;
    return next(site, o.value, value.kind === "name" ? value.name : null);
  },
  prev: (site) => prev(site, only(site, "prev").value),
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
