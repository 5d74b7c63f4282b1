/**
 * Tensors by named axes: which axes meet, sizes that must agree, numbers that adapt, random draws that take a
 * shape. Everything that combines values elementwise goes through `combine`.
 */
import * as build from "../ir/graph/build.ts";
import type { Axis, BinaryFunction, DType, Node, UnaryFunction } from "../ir/graph/types.ts";
import type { Span } from "../parser/ast.ts";
import { fail, type Environment, type Session } from "./environment.ts";
import { isPlaceholder } from "./sizes.ts";
import type { Draw, NumberValue, Tensor, Value } from "./values.ts";

// ---- axes ---------------------------------------------------------------------------------------------------

/** The feature axis of a size: features of one size are one axis, which is what lets them meet. */
export function featureAxis(session: Session, size: number): Axis {
  return remember(session, `${size}`, () => build.fixedAxis(`d${size}`, size, size));
}

/** A further unnamed axis of a matrix: distinct from the feature even if equal in size. */
export function plainAxis(session: Session, size: number, level: number): Axis {
  const name = `d${size}${"'".repeat(level)}`;
  return remember(session, name, () => build.fixedAxis(name, size, 1000 - level, "named"));
}

/** `inside`: the axis before it in its type; it has a length for each position there unless the program needs one for all. */
export function timeAxis(session: Session, name: string, inside: Axis | null = null): Axis {
  const outer = inside && !session.sizes.noted(alike(name)) ? inside : null;
  // What is scanned lies outermost: within an axis, before it.
  const order = outer ? outer.order - 0.5 : session.axes.size;
  return remember(session, name, () => build.raggedAxis(name, order, outer));
}

const alike = (name: string): string => `alike:${name}`;

/**
 * Readies a value for an op that takes `axis` away or runs along it: what lies within the axis, `W` of `doc[S, W]`, then
 * has one length for all its positions. The next run of elaboration knows; data that differ are refused.
 */
export function freeAxis(value: Node, axis: Axis, { sizes }: Session): void {
  for (const inner of value.type.axes) {
    const source = sourceOf(inner);
    if (source !== axis && build.lengthAxes(inner).includes(axis)) sizes.note(alike(source.name));
  }
}

const sourceOf = (axis: Axis): Axis => (axis.size.kind === "linear" ? sourceOf(axis.size.of) : axis);

export function namedAxis(session: Session, name: string, size: number): Axis {
  return remember(session, `${name}:${size}`, () =>
    build.fixedAxis(`${name}:${size}`, size, session.axes.size, "named"),
  );
}

/** A fixed axis that stands beside values of one shape, e.g. directions. */
export function remember(session: Session, key: string, make: () => Axis): Axis {
  const before = session.axes.get(key);
  if (before) return before;
  const axis = make();
  session.axes.set(key, axis);
  return axis;
}

/** Another axis of the same length, named so; a sequence's comes a little `after` its like in the order of axes. */
export const likeAxis = (label: string, like: Axis, after: number, session: Session): Axis =>
  remember(session, label, () =>
    like.size.kind === "fixed"
      ? { ...like, name: label, kind: "named" }
      : {
          name: label,
          kind: "time",
          size: { kind: "linear", of: like, times: 1, plus: 0 },
          order: like.order + after,
        },
  );

export const featureOf = (node: Node): Axis | null =>
  node.type.axes.find((axis) => axis.kind === "feature") ?? null;

export const isTime = (axis: Axis): boolean => axis.kind === "time";

// ---- making tensors -----------------------------------------------------------------------------------------

/** A tensor all of whose named axes can be indexed, in the order of their declaration. */
export function tensor(node: Node, extra: Partial<Tensor> = {}): Tensor {
  const depth = (axis: Axis): number => build.lengthAxes(axis).length;
  const axes = node.type.axes
    .filter((axis) => axis.kind === "time" || axis.kind === "named")
    .sort((a, b) => depth(a) - depth(b))
    .map((axis) => ({ name: axis.name.split(":")[0]!, axis }));
  return { kind: "tensor", node, axes, vocabulary: null, ends: null, origin: null, ...extra };
}

/** The same axes and vocabulary over another node. */
export const over = (like: Tensor, node: Node): Tensor => ({
  ...tensor(node),
  axes: like.axes.filter((a) => build.hasAxis(node, a.axis)),
});

/**
 * The axes of a value in the order of another's and under its names; those that the other lacks follow. What the other
 * has but does not list stays unlisted.
 */
export function listedLike(value: Tensor, like: Tensor): Tensor {
  const first = like.axes.filter((a) => build.hasAxis(value.node, a.axis));
  const rest = value.axes.filter(
    (a) => !first.some((f) => f.axis === a.axis) && !build.hasAxis(like.node, a.axis),
  );
  return { ...value, axes: [...first, ...rest] };
}

export const number = (value: number): NumberValue => ({ kind: "number", value });

// ---- conversions --------------------------------------------------------------------------------------------

export function isData(value: Value): value is Tensor | NumberValue | Draw {
  return value.kind === "tensor" || value.kind === "number" || value.kind === "draw";
}

/** A value as a tensor; `what` says in an error what was wanted. */
export function asTensor(value: Value, environment: Environment, span: Span): Tensor {
  switch (value.kind) {
    case "tensor":
      return value;
    case "number":
      return tensor(build.constant(value.value));
    case "boolean":
      return tensor(build.constant(value.value ? 1 : 0, "bool"));
    case "draw":
      return tensor(value.make([]));
    case "text":
    case "function":
    case "stage":
    case "definition":
    case "finals":
    case "list":
    case "word":
      return fail(environment, "not-a-value", span, { what: describe(value), way: wayToValue(value) });
    default:
      return value satisfies never;
  }
}

/** How what is no value becomes one. */
function wayToValue(value: Value): string {
  if (value.kind === "text") return "Strings stand only after `import` and in settings.";
  if (value.kind === "list") return "Index it: `list[g]` is one of its numbers.";
  if (value.kind === "word") return "It is a choice of an option: compare it, as in `option == word`.";
  const stage = value.kind === "stage" || (value.kind === "definition" && value.definition.options !== null);
  return stage
    ? "A stage gives a value when something flows into it: `x >> stage`."
    : "A function gives a value when it is called: `f(x)`.";
}

export function describe(value: Value): string {
  switch (value.kind) {
    case "tensor":
      return `a value of type \`${describeType(value)}\``;
    case "number":
      return "a number";
    case "boolean":
      return "a truth value";
    case "draw":
      return "a random draw";
    case "text":
      return "a text";
    case "function":
      return `the function \`${value.name}\``;
    case "stage":
      return `the stage \`${value.name}\``;
    case "definition":
      return `the ${value.definition.options ? "stage" : "function"} \`${value.definition.name.name}\``;
    case "finals":
      return "the states that a recurrence ended in";
    case "list":
      return `a list of ${value.values.length} numbers`;
    case "word":
      return `the word \`${value.word}\``;
    default:
      return value satisfies never;
  }
}

/** `f32[T, 128]`, as a user writes a type. */
export function describeType(value: Tensor): string {
  const feature = featureOf(value.node);
  const entries = value.axes.map((a) =>
    a.axis.kind === "time" ? a.name : `${a.name}: ${sizeText(build.fixedSize(a.axis))}`,
  );
  if (feature) entries.push(sizeText(build.fixedSize(feature)));
  const base = value.vocabulary ? `token(${sizeText(value.vocabulary.size)})` : value.node.type.dtype;
  return entries.length === 0 ? base : `${base}[${entries.join(", ")}]`;
}

export const sizeText = (size: number): string => (isPlaceholder(size) ? "?" : String(size));

export function toF32(node: Node): Node {
  return node.type.dtype === "f32" ? node : build.unary("float", node);
}

export function toBool(node: Node): Node {
  if (node.type.dtype === "bool") return node;
  return build.binary("ne", node, build.constant(0, node.type.dtype as DType));
}

// ---- meeting ------------------------------------------------------------------------------------------------

export interface Operand {
  readonly value: Value;
  readonly span: Span;
}

/** Makes the features of two tensors one axis, or says which sizes do not meet. Gives the nodes in order. */
export function meet(
  tensors: readonly { tensor: Tensor; span: Span }[],
  environment: Environment,
  span: Span,
): Node[] {
  const { sizes } = environment.session;
  const first = tensors.find((x) => featureOf(x.tensor.node));
  if (!first) return tensors.map((x) => x.tensor.node);
  for (const { tensor: other, span: place } of tensors) {
    const axis = featureOf(other.node);
    const [a, b] = [featureSize(first.tensor, environment), axis ? build.fixedSize(axis) : null];
    if (b === null || sizes.unify(a, b)) continue;
    fail(environment, "sizes-do-not-meet", span, { left: sizes.resolve(a), right: sizes.resolve(b) }, [
      sizeNote(first.tensor, first.span, environment),
      sizeNote(other, place, environment),
    ]);
  }
  const target = featureAxis(environment.session, sizes.resolve(featureSize(first.tensor, environment)));
  return tensors.map((x) => withFeature(x.tensor.node, target));
}

export function sizeNote(value: Tensor, span: Span, environment: Environment) {
  const size = sizeText(environment.session.sizes.resolve(featureSize(value, environment)));
  const origin = value.origin ?? { file: environment.file, span };
  return { message: `This has ${size} features.`, file: origin.file, span: origin.span };
}

export function featureSize(value: Tensor, environment: Environment): number {
  const axis = featureOf(value.node);
  return axis ? environment.session.sizes.resolve(build.fixedSize(axis)) : 1;
}

/** The node with its feature axis replaced. */
export function withFeature(node: Node, target: Axis): Node {
  const axis = featureOf(node);
  return axis === null || axis === target ? node : build.rename(node, axis, target);
}

/** The tensor with sizes learned since it was made. */
export function refresh(value: Tensor, session: Session): Tensor {
  const axis = featureOf(value.node);
  if (!axis) return value;
  const size = session.sizes.resolve(build.fixedSize(axis));
  return size === build.fixedSize(axis)
    ? value
    : { ...value, node: withFeature(value.node, featureAxis(session, size)) };
}

/** Nodes over the union of their axes, ready for an elementwise op: if none has all, one is broadcast. */
export function align(nodes: readonly Node[]): Node[] {
  const axes = build.union(...nodes.map((x) => x.type.axes));
  if (nodes.some((x) => x.type.axes.length === axes.length)) return [...nodes];
  const largest = nodes.reduce((a, b) => (b.type.axes.length > a.type.axes.length ? b : a));
  let done = false;
  return nodes.map((x) => {
    if (x !== largest || done) return x;
    done = true;
    return build.broadcast(x, axes);
  });
}

/**
 * Values that meet elementwise, as nodes of one dtype over the union of their axes. `dtype` null means: i32 if
 * all are integers, else f32.
 */
export function combine(
  operands: readonly Operand[],
  environment: Environment,
  span: Span,
  dtype: DType | null = null,
): Node[] {
  const tensors = operands
    .filter((o) => o.value.kind === "tensor")
    .map((o) => ({ tensor: o.value as Tensor, span: o.span }));
  const met = meet(tensors, environment, span);
  const kind = dtype ?? commonType(operands);
  const axes = build.union(...met.map((x) => x.type.axes));
  let next = 0;
  const nodes = operands.map(({ value, span: place }): Node => {
    if (value.kind === "tensor") return convert(met[next++]!, kind);
    if (value.kind === "draw") return convert(value.make(axes), kind);
    if (value.kind === "number") return build.constant(value.value, kind === "bool" ? "f32" : kind);
    return convert(asTensor(value, environment, place).node, kind);
  });
  return align(nodes);
}

function convert(node: Node, dtype: DType): Node {
  if (node.type.dtype === dtype) return node;
  if (dtype === "f32") return toF32(node);
  if (dtype === "bool") return toBool(node);
  return build.unary("int", node);
}

/** i32 only if every operand is an integer; a number with a fraction makes f32. */
function commonType(operands: readonly Operand[]): DType {
  const kinds = operands.map(({ value }) => {
    if (value.kind === "tensor") return value.node.type.dtype as DType;
    if (value.kind === "number") return Number.isInteger(value.value) ? "i32" : "f32";
    if (value.kind === "boolean") return "bool";
    return value.kind === "draw" ? (value.make([]).type.dtype as DType) : "f32";
  });
  if (kinds.every((k) => k === "bool")) return "bool";
  return kinds.every((k) => k !== "f32") && operands.some((o) => o.value.kind === "tensor") ? "i32" : "f32";
}

/** A binary function of two values. */
export function elementwise(
  fn: BinaryFunction,
  left: Operand,
  right: Operand,
  environment: Environment,
  span: Span,
): Tensor {
  const dtype = fn === "div" || fn === "pow" ? "f32" : fn === "and" || fn === "or" ? "bool" : null;
  const [a, b] = combine([left, right], environment, span, dtype) as [Node, Node];
  return merged([left, right], build.binary(fn, a, b));
}

export function apply(fn: UnaryFunction, operand: Operand, environment: Environment): Tensor {
  const value = asTensor(operand.value, environment, operand.span);
  const keep =
    fn === "not" || fn === "float" || fn === "int"
      ? value.node
      : fn === "neg" || fn === "abs" || fn === "sign"
        ? value.node
        : toF32(value.node);
  return { ...over(value, build.unary(fn, fn === "not" ? toBool(keep) : keep)), origin: value.origin };
}

/** The result of combining: axes in the order of the left operand first, then what the others add. */
export function merged(operands: readonly Operand[], node: Node): Tensor {
  const axes: { name: string; axis: Axis }[] = [];
  let origin = null;
  for (const { value } of operands) {
    if (value.kind !== "tensor") continue;
    origin ??= value.origin;
    for (const entry of value.axes)
      if (build.hasAxis(node, entry.axis) && !axes.some((a) => a.axis === entry.axis)) axes.push(entry);
  }
  return { kind: "tensor", node, axes, vocabulary: null, ends: null, origin };
}
