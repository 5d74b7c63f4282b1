/** What an expression means: one function a kind of expression. Pipelines and calls of stages are in `stages.ts`. */
import * as build from "../ir/graph/build.ts";
import type { Node } from "../ir/graph/types.ts";
import type { Binary, BinaryOperator, Call, Conditional, Expression, Length, Name } from "../parser/ast.ts";
import { builtinFunctions } from "./builtins.ts";
import { builtinStages, modifiers } from "./layers.ts";
import { evaluatePipe } from "./stages.ts";
import { callDefinition } from "./options.ts";
import { fail, type Environment } from "./environment.ts";
import { lossKey } from "./output-layers.ts";
import { evaluateIndex, bindIndices } from "./indices.ts";
import {
  asTensor,
  combine,
  describe,
  elementwise,
  apply,
  featureAxis,
  featureOf,
  isData,
  merged,
  number,
  sizeNote,
  tensor,
  toBool,
  withFeature,
} from "./tensors.ts";
import type { FunctionValue, NumberValue, Tensor, Value } from "./values.ts";
import { isPlaceholder } from "./sizes.ts";
import { wayFromUnknown } from "./unknown-names.ts";
import { unrolledSum } from "./unrolled.ts";

export function evaluate(expression: Expression, environment: Environment): Value {
  switch (expression.kind) {
    case "number":
      return number(expression.value);
    case "string":
      return { kind: "text", value: expression.value };
    case "name":
      return lookup(expression, environment);
    case "length":
      return lengthOf(expression, environment);
    case "unary": {
      const value = evaluate(expression.operand, environment);
      if (value.kind === "boolean" && expression.operator === "not")
        return { kind: "boolean", value: !value.value };
      if (value.kind === "number" && expression.operator === "-") return number(-value.value);
      requireData(value, expression.operand, environment);
      return apply(
        expression.operator === "-" ? "neg" : "not",
        { value, span: expression.operand.span },
        environment,
      );
    }
    case "binary":
      return binary(expression, environment);
    case "if":
      return conditional(expression, environment);
    case "pipe":
      return evaluatePipe(expression, environment);
    case "call":
      return call(expression, environment);
    case "index":
      return evaluateIndex(expression, environment);
    case "parenthesised":
      return evaluate(expression.value, environment);
    case "list":
      return { kind: "list", values: expression.items.map((item) => numberOf(item, environment)) };
    default:
      return expression satisfies never;
  }
}

function numberOf(expression: Expression, environment: Environment): number {
  const value = evaluate(expression, environment);
  return value.kind === "number" ? value.value : fail(environment, "number-wanted", expression.span);
}

export function lookup(name: Name, environment: Environment): Value {
  const value = find(name.name, environment);
  if (value) return value;
  if (environment.lookup(lossKey(name.name)))
    return fail(environment, "loss-as-function", name.span, { name: name.name });
  if (Object.hasOwn(modifiers, name.name))
    return fail(environment, "modifier-without-stage", name.span, { name: name.name });
  if (environment.session.axes.get(name.name)?.kind === "time")
    return fail(environment, "axis-as-value", name.span, { name: name.name });
  const known = [
    ...environment.names(),
    ...[builtinFunctions, builtinStages, modifiers].flatMap((table) => Object.keys(table)),
    "training",
  ];
  return fail(environment, "unknown-name", name.span, {
    name: name.name,
    way: wayFromUnknown(name.name, known),
  });
}

/** A name's meaning: what the program binds comes before the compiler's own. */
export function find(name: string, environment: Environment): Value | null {
  const bound = environment.lookup(name);
  if (bound) return bound;
  if (name === "training") return { kind: "boolean", value: environment.session.mode.training };
  const builtin = Object.hasOwn(builtinFunctions, name) ? builtinFunctions[name] : undefined;
  const stage = Object.hasOwn(builtinStages, name) ? builtinStages[name] : undefined;
  if (!builtin)
    return stage ? stage({ arguments: [], binders: [], environment, span: { start: 0, end: 0 } }) : null;
  if (name === "normal" || name === "uniform")
    return builtin({ arguments: [], binders: [], environment, span: { start: 0, end: 0 } });
  return { kind: "function", name, call: builtin } satisfies FunctionValue;
}

function requireData(value: Value, expression: Expression, environment: Environment): void {
  if (!isData(value) && value.kind !== "boolean") asTensor(value, environment, expression.span);
}

// ---- numbers the compiler knows -------------------------------------------------------------------------------

const onNumbers: Readonly<
  Record<Exclude<BinaryOperator, "@" | "and" | "or">, (a: number, b: number) => number | boolean>
> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => ((a % b) + b) % b,
  "^": (a, b) => a ** b,
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

const functions = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "div",
  "%": "mod",
  "^": "pow",
  "==": "eq",
  "!=": "ne",
  "<": "lt",
  "<=": "le",
  ">": "gt",
  ">=": "ge",
  and: "and",
  or: "or",
} as const;

function binary(expression: Binary, environment: Environment): Value {
  const { operator } = expression;
  const left = evaluate(expression.left, environment);
  if ((operator === "and" || operator === "or") && left.kind === "boolean")
    return left.value === (operator === "or") ? left : evaluate(expression.right, environment);
  const right = evaluate(expression.right, environment);
  if (operator === "@") return matrixProduct(left, right, expression, environment);
  if (left.kind === "number" && right.kind === "number" && operator !== "and" && operator !== "or") {
    const result = onNumbers[operator](left.value, right.value);
    return typeof result === "boolean" ? { kind: "boolean", value: result } : number(result);
  }
  if (left.kind === "word" && right.kind === "word" && (operator === "==" || operator === "!="))
    return { kind: "boolean", value: (left.word === right.word) === (operator === "==") };
  requireData(left, expression.left, environment);
  requireData(right, expression.right, environment);
  return elementwise(
    functions[operator],
    { value: left, span: expression.left.span },
    { value: right, span: expression.right.span },
    environment,
    expression.span,
  );
}

/** `W @ x`: W's last axis with x's feature; W's last remaining unnamed axis becomes the new feature. */
function matrixProduct(left: Value, right: Value, expression: Binary, environment: Environment): Tensor {
  const w = asTensor(left, environment, expression.left.span);
  const x = asTensor(right, environment, expression.right.span);
  const [a, b] = [featureOf(w.node), featureOf(x.node)];
  const { sizes } = environment.session;
  if (!a || !b) fail(environment, "no-feature", (a ? expression.right : expression.left).span);
  if (!sizes.unify(build.fixedSize(a), build.fixedSize(b)))
    fail(
      environment,
      "sizes-do-not-meet",
      expression.span,
      { left: sizes.resolve(build.fixedSize(a)), right: sizes.resolve(build.fixedSize(b)) },
      [sizeNote(w, expression.left.span, environment), sizeNote(x, expression.right.span, environment)],
    );
  const axis = featureAxis(environment.session, sizes.resolve(build.fixedSize(a)));
  const product = build.contract(withFeature(w.node, axis), withFeature(x.node, axis), [axis]);
  // The unnamed axes of a matrix are named after their size; the last of them is the new feature.
  const rest = w.axes.filter((entry) => /^d\d/u.test(entry.axis.name));
  const last = rest[rest.length - 1];
  if (!last)
    return merged(
      [
        { value: w, span: expression.span },
        { value: x, span: expression.span },
      ],
      product,
    );
  const feature = featureAxis(environment.session, build.fixedSize(last.axis));
  const node = build.rename(product, last.axis, feature);
  return merged(
    [
      { value: w, span: expression.span },
      { value: x, span: expression.span },
    ],
    node,
  );
}

// ---- choices --------------------------------------------------------------------------------------------------

function conditional(expression: Conditional, environment: Environment): Value {
  const condition = evaluate(expression.condition, environment);
  if (condition.kind === "boolean")
    return evaluate(condition.value ? expression.then : expression.else, environment);
  if (condition.kind === "number")
    return evaluate(condition.value !== 0 ? expression.then : expression.else, environment);
  const then = evaluate(expression.then, environment);
  const otherwise = evaluate(expression.else, environment);
  requireData(condition, expression.condition, environment);
  requireData(then, expression.then, environment);
  requireData(otherwise, expression.else, environment);
  const sides = [
    { value: then, span: expression.then.span },
    { value: otherwise, span: expression.else.span },
  ];
  const [a, b] = combine(sides, environment, expression.span) as [Node, Node];
  // A random condition has an own draw for every element of what it chooses between.
  const axes = build.union(a.type.axes, b.type.axes);
  const choice =
    condition.kind === "draw"
      ? condition.make(axes)
      : asTensor(condition, environment, expression.condition.span).node;
  const all = build.union(choice.type.axes, axes);
  const node = build.select(build.broadcast(toBool(choice), all), a, b);
  return merged(
    [
      ...sides,
      ...(condition.kind === "tensor" ? [{ value: condition, span: expression.condition.span }] : []),
    ],
    node,
  );
}

// ---- sizes ------------------------------------------------------------------------------------------------------

export function evaluateSize(expression: Expression, environment: Environment): number {
  const given = evaluate(expression, environment);
  // The name of an axis is its size where a size is wanted: `param A[k, k']` over `e[t, k]`.
  const axis = given.kind === "tensor" ? given.index : undefined;
  const value = axis?.size.kind === "fixed" ? number(axis.size.size) : given;
  const { sizes } = environment.session;
  if (value.kind === "number" && isPlaceholder(value.value) && !sizes.isOpen())
    fail(environment, "size-too-large", expression.span, {
      what: "This size",
      size: value.value,
      limit: 2 ** 31 - 1,
    });
  if (
    value.kind === "number" &&
    (isPlaceholder(value.value) || (Number.isInteger(value.value) && value.value > 0))
  )
    return sizes.resolve(value.value);
  if (value.kind !== "number" || value.option === undefined)
    return fail(environment, "size-wanted", expression.span, {
      what: value.kind === "number" ? `${value.value}` : describe(value),
      way: "Write a number, or an option that is one.",
    });
  const { name, of } = value.option;
  const share = value.value > 0 && value.value < 1;
  return fail(environment, "size-wanted", expression.span, {
    what: `${value.value}, the option \`${name}\` of \`${of}\``,
    way:
      `Values without a name fill the options in their order, which \`rnnc explain ${of}\` shows; with its name one stands anywhere: \`${name} = 8\`.` +
      (share ? ` To drop a share is a stage of its own: \`>> dropout(${value.value})\`.` : ""),
  });
}

/** `|x|`: the length of an axis or of what runs along it, the size of a vocabulary, the size of a feature. */
function lengthOf(expression: Length, environment: Environment): Value {
  const { name } = expression.of;
  const value = environment.lookup(name) ?? find(name, environment);
  if (value === null) {
    const axis = environment.session.axes.get(name);
    if (axis) return axisLength(axis);
    return fail(environment, "unknown-name", expression.of.span, {
      name,
      way: wayFromUnknown(name, [...environment.names(), ...environment.session.axes.keys()]),
    });
  }
  if (value.kind === "list") return number(value.values.length);
  if (value.kind !== "tensor")
    return fail(environment, "no-length", expression.span, { name, what: describe(value) });
  if (value.step) return axisLength(value.step.axis);
  if (value.index) return axisLength(value.index);
  if (value.vocabulary) return number(environment.session.sizes.resolve(value.vocabulary.size));
  const feature = featureOf(value.node);
  if (feature) return number(environment.session.sizes.resolve(build.fixedSize(feature)));
  const [only] = value.axes;
  if (only) return axisLength(only.axis);
  return fail(environment, "no-length", expression.span, { name, what: describe(value) });
}

function axisLength(axis: Parameters<typeof build.length>[0]): NumberValue | Tensor {
  return axis.size.kind === "fixed" ? number(axis.size.size) : tensor(build.length(axis));
}

// ---- calls ------------------------------------------------------------------------------------------------------

/** A choice of an option is no function, so it hides none: `score: dot | general` beside `dot(a, b)`. */
function calledValue(callee: Expression, environment: Environment): Value {
  const value = callee.kind === "name" ? lookup(callee, environment) : evaluate(callee, environment);
  const builtin = value.kind === "word" ? builtinFunctions[value.word] : undefined;
  return builtin && value.kind === "word" ? { kind: "function", name: value.word, call: builtin } : value;
}

function call(expression: Call, environment: Environment): Value {
  const { callee } = expression;
  const target = calledValue(callee, environment);
  const inner =
    expression.binders.length > 0
      ? bindIndices(expression.binders, expression.arguments, environment)
      : environment;
  const site = {
    arguments: expression.arguments,
    binders: expression.binders,
    environment: inner,
    span: expression.span,
  };
  const terms = unrolledSum(target, site);
  if (terms) return terms;
  if (target.kind === "function") return target.call(site);
  if (target.kind === "draw" && callee.kind === "name") return builtinFunctions[callee.name]!(site);
  if (target.kind === "definition") return callDefinition(target, site);
  if (target.kind === "stage") {
    const inputs = expression.arguments.map((a) =>
      asTensor(evaluate(a.value, environment), environment, a.value.span),
    );
    return target.apply(inputs, { environment, span: expression.span, backward: false });
  }
  return fail(environment, "not-callable", callee.span, { what: describe(target) });
}
