/** Learned maps: `affine`, `linear`, `scalar`, `diag`. Their sizes are solved from the equation that they stand in. */
import * as build from "../ir/graph/build.ts";
import type { Node } from "../ir/graph/types.ts";
import type { Argument, Expression } from "../parser/ast.ts";
import {
  asOperandTensor,
  failCount,
  namedArgument,
  only,
  operand,
  positional,
  type Builtin,
} from "./arguments.ts";
import { extend, fail, placeIn, type Environment } from "./environment.ts";
import { evaluate, evaluateSize } from "./evaluate.ts";
import { parameter } from "./parameters.ts";
import {
  align,
  asTensor,
  featureAxis,
  featureOf,
  merged,
  number,
  over,
  plainAxis,
  toF32,
} from "./tensors.ts";
import type { CallSite, Tensor, Value } from "./values.ts";

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
export function linearMaps(site: CallSite, biased: boolean): Tensor {
  const { environment } = site;
  const { session } = environment;
  // Before the map's own size: where neither is known, it is the state `h` of `h[t-1]` that wants declaring.
  const operands = positional(site).map((a) => ({ argument: a, ...operand(a, site) }));
  if (operands.length === 0) failCount(site, biased ? "affine" : "linear", 1, 0);
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
  const products = operands.map((o): Node => {
    if (o.value.kind === "number")
      fail(environment, "number-mapped", o.span, {
        name: biased ? "affine" : "linear",
        number: o.value.value,
      });
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
      site.span,
    );
    return build.contract(build.rename(toF32(value.node), feature, inner), weight, [inner]);
  });
  const sum = products.reduce((a, b) => build.add(...(align([a, b]) as [Node, Node])));
  const origin = { file: environment.file, span: site.span };
  if (!biased) return { ...merged(operands, sum), origin };
  const start = namedArgument(site, "bias");
  const value = start ? evaluate(start, environment) : number(0);
  if (value.kind !== "number") fail(environment, "number-wanted", start!.span);
  const bias = parameter(environment, "b", [out], { kind: "constant", value: value.value }, site.span);
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
export const scalarMap: Builtin = (site) => {
  const operands = positional(site).map((a) => ({ argument: a, ...operand(a, site) }));
  if (operands.length === 0) failCount(site, "scalar", 1, 0);
  const products = operands.map((o): Node => {
    const value = asTensor(o.value, site.environment, o.span);
    const feature = featureOf(value.node);
    if (!feature) fail(site.environment, "no-feature", o.span);
    const weight = parameter(
      site.environment,
      `w${operandName(o.argument.value)}`,
      [feature],
      usual,
      site.span,
    );
    return build.contract(toF32(value.node), weight, [feature]);
  });
  const bias = parameter(site.environment, "b", [], { kind: "zeros" }, site.span);
  return merged(
    operands,
    build.add(
      products.reduce((a, b) => build.add(...(align([a, b]) as [Node, Node]))),
      bias,
    ),
  );
};

export const diagonal: Builtin = (site) => {
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
    site.span,
  );
  return over(value, build.mul(value.node, weight));
};
