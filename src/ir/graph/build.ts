/**
 * Builds nodes: computes each result's type from its operands and checks what the op demands. The only way to
 * make a node, for elaboration, passes and `read` alike, so a wrong graph fails where it is made.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import type {
  Attributes,
  Axis,
  BinaryFunction,
  DType,
  Node,
  Op,
  Parameter,
  ReduceFunction,
  ScanState,
  Type,
  UnaryFunction,
} from "./types.ts";
import { axisKinds } from "./types.ts";

// ---- axes ---------------------------------------------------------------------------------------------------

export const batch: Axis = { name: "B", kind: "batch", size: { kind: "batch" }, order: 0 };

export function fixedAxis(name: string, size: number, order: number, kind: Axis["kind"] = "feature"): Axis {
  return { name, kind, size: { kind: "fixed", size }, order };
}

export function raggedAxis(name: string, order: number, inside: Axis | null = null): Axis {
  return { name, kind: "time", size: { kind: "ragged", within: inside }, order };
}

/** The axes over which a ragged axis has its lengths: the examples, and the axes that it lies within. */
export function lengthAxes({ size }: Axis): readonly Axis[] {
  if (size.kind === "linear") return lengthAxes(size.of);
  if (size.kind !== "ragged") return [];
  return size.within ? union(lengthAxes(size.within), [size.within]) : [batch];
}

/** How a length follows from that of the source: `max(0, ⌊(times * |source| + plus) / by⌋)`. */
export interface LengthRule {
  readonly source: Axis;
  readonly times: number;
  readonly plus: number;
  readonly by: number;
}

/** From the first axis of a chain of linear ones. A multiple of what was rounded down is no such rule. */
export function lengthRule(axis: Axis): LengthRule {
  const { size } = axis;
  if (size.kind !== "linear") return { source: axis, times: 1, plus: 0, by: 1 };
  const inner = lengthRule(size.of);
  if (inner.by !== 1 && size.times !== 1)
    throw new CompilerBug(`axis ${axis.name} is a multiple of a length that was rounded down`);
  return {
    source: inner.source,
    times: inner.times * size.times,
    plus: inner.plus * size.times + size.plus * inner.by,
    by: inner.by * (size.by ?? 1),
  };
}

export function fixedSize(axis: Axis): number {
  if (axis.size.kind !== "fixed") throw new CompilerBug(`axis ${axis.name} has no fixed size`);
  return axis.size.size;
}

/** Whether each example has a length of its own along the axis. */
export function isRagged(axis: Axis): boolean {
  return axis.size.kind === "ragged" || axis.size.kind === "linear";
}

/** The canonical order of axes: by kind, then by `order`, then by name. */
export function axisOrder(a: Axis, b: Axis): number {
  return (
    axisKinds.indexOf(a.kind) - axisKinds.indexOf(b.kind) ||
    a.order - b.order ||
    (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  );
}

export function union(...sets: readonly (readonly Axis[])[]): readonly Axis[] {
  return [...new Set(sets.flat())].sort(axisOrder);
}

export function without(axes: readonly Axis[], removed: readonly Axis[]): readonly Axis[] {
  return axes.filter((axis) => !removed.includes(axis));
}

export function sameAxes(a: readonly Axis[], b: readonly Axis[]): boolean {
  return a.length === b.length && a.every((axis) => b.includes(axis));
}

export function hasAxis(node: Node, axis: Axis): boolean {
  return node.type.axes.includes(axis);
}

// ---- nodes --------------------------------------------------------------------------------------------------

function make<K extends Op>(
  op: K,
  operands: readonly Node[],
  attributes: Attributes[K],
  dtype: Type["dtype"],
  axes: readonly Axis[],
  label?: string,
): Node<K> {
  const sorted = [...axes].sort(axisOrder);
  if (new Set(sorted).size !== sorted.length)
    throw new CompilerBug(`${op}: an axis twice in ${sorted.map((a) => a.name).join(", ")}`);
  const node = { op, operands, attributes, type: { dtype, axes: sorted }, ...(label ? { label } : {}) };
  return node as unknown as Node<K>;
}

function demand(condition: boolean, op: Op, message: string): asserts condition {
  if (!condition) throw new CompilerBug(`${op}: ${message}`);
}

const show = (node: Node): string => `${node.op} [${node.type.axes.map((a) => a.name).join(", ")}]`;

export const withLabel = (node: Node, label: string): Node => ({ ...node, label }) as Node;

export const input = (name: string, dtype: DType, axes: readonly Axis[]): Node<"input"> =>
  make("input", [], { name }, dtype, axes, name);

export const param = (parameter: Parameter): Node<"param"> =>
  make(
    "param",
    [],
    { name: parameter.name, members: [parameter], stack: null },
    "f32",
    parameter.axes,
    parameter.name,
  );

/** Several parameters of one shape as one, side by side along `stack`. */
export function mergedParam(name: string, members: readonly Parameter[], stack: Axis): Node<"param"> {
  const axes = members[0]!.axes;
  demand(
    members.every((m) => sameAxes(m.axes, axes)),
    "param",
    `members of ${name} differ in shape`,
  );
  demand(fixedSize(stack) === members.length, "param", `${name} has ${members.length} members`);
  return make("param", [], { name, members, stack }, "f32", [...axes, stack], name);
}

export const constant = (value: number, dtype: DType = "f32"): Node<"constant"> =>
  make("constant", [], { value }, dtype, []);

export const iota = (axis: Axis): Node<"iota"> => make("iota", [], { axis }, "i32", [axis]);

export const length = (axis: Axis): Node<"length"> => make("length", [], { axis }, "i32", lengthAxes(axis));

export const random = (
  distribution: "uniform" | "normal",
  place: number,
  axes: readonly Axis[],
  fresh: readonly Axis[] = [],
): Node<"random"> => make("random", [], { distribution, place, fresh }, "f32", axes);

export const state = (name: string, type: Type): Node<"state"> =>
  make("state", [], { name }, type.dtype, type.axes, name);

export const element = (name: string, sequence: Type, axis: Axis): Node<"element"> =>
  make("element", [], { name }, sequence.dtype, without(sequence.axes, [axis]), name);

export const position = (): Node<"position"> => make("position", [], {}, "i32", []);

export function unary(fn: UnaryFunction, x: Node): Node<"unary"> {
  const { dtype, axes } = x.type;
  if (fn === "not") demand(dtype === "bool", "unary", `not of ${dtype}`);
  else if (fn === "float") demand(dtype !== "f32", "unary", "float of f32");
  else if (fn !== "neg" && fn !== "abs" && fn !== "sign")
    demand(dtype === "f32", "unary", `${fn} of ${dtype}`);
  return make("unary", [x], { fn }, fn === "float" ? "f32" : fn === "int" ? "i32" : dtype, axes);
}

const comparisons: ReadonlySet<BinaryFunction> = new Set(["lt", "le", "gt", "ge", "eq", "ne"]);

export function binary(fn: BinaryFunction, a: Node, b: Node): Node<"binary"> {
  demand(a.type.dtype === b.type.dtype, "binary", `${fn} of ${a.type.dtype} and ${b.type.dtype}`);
  const axes = elementwiseAxes("binary", [a, b]);
  return make("binary", [a, b], { fn }, comparisons.has(fn) ? "bool" : a.type.dtype, axes);
}

export function select(condition: Node, then: Node, otherwise: Node): Node<"select"> {
  demand(condition.type.dtype === "bool", "select", `condition is ${condition.type.dtype}`);
  demand(then.type.dtype === otherwise.type.dtype, "select", "branches differ in dtype");
  const operands = [condition, then, otherwise];
  return make("select", operands, {}, then.type.dtype, elementwiseAxes("select", operands));
}

/** One operand must have all the axes: an outer product is asked for by `broadcast`. */
function elementwiseAxes(op: Op, operands: readonly Node[]): readonly Axis[] {
  const axes = union(...operands.map((x) => x.type.axes));
  demand(
    operands.some((x) => x.type.axes.length === axes.length),
    op,
    `no operand has all axes: ${operands.map(show).join(" and ")}`,
  );
  return axes;
}

/** Adds those of `axes` that the value lacks; the value itself if it lacks none. */
export function broadcast(x: Node, axes: readonly Axis[]): Node {
  const added = without(axes, x.type.axes);
  if (added.length === 0) return x;
  return make("broadcast", [x], { axes: added }, x.type.dtype, [...x.type.axes, ...added]);
}

export function rename(x: Node, from: Axis, to: Axis): Node {
  if (from === to) return x;
  demand(hasAxis(x, from), "rename", `no axis ${from.name} in ${show(x)}`);
  return make("rename", [x], { from, to }, x.type.dtype, [...without(x.type.axes, [from]), to]);
}

export function reduce(fn: ReduceFunction, x: Node, axes: readonly Axis[]): Node {
  if (axes.length === 0) return x;
  demand(
    axes.every((axis) => hasAxis(x, axis)),
    "reduce",
    `${axes.map((a) => a.name)} of ${show(x)}`,
  );
  if (fn === "argmax") demand(axes.length === 1, "reduce", "argmax takes one axis");
  const dtype = fn === "argmax" ? "i32" : x.type.dtype;
  return make("reduce", [x], { fn, axes: [...axes].sort(axisOrder) }, dtype, without(x.type.axes, axes));
}

export function contract(a: Node, b: Node, axes: readonly Axis[]): Node<"contract"> {
  demand(
    axes.every((axis) => hasAxis(a, axis) && hasAxis(b, axis)),
    "contract",
    `${axes.map((x) => x.name)} of ${show(a)} and ${show(b)}`,
  );
  demand(a.type.dtype === "f32" && b.type.dtype === "f32", "contract", "operands must be f32");
  const rest = without(union(a.type.axes, b.type.axes), axes);
  return make("contract", [a, b], { axes: [...axes].sort(axisOrder) }, "f32", rest);
}

export function stack(operands: readonly Node[], axis: Axis): Node<"stack"> {
  const first = operands[0]!;
  demand(
    operands.every((x) => sameAxes(x.type.axes, first.type.axes)),
    "stack",
    "operands differ in axes",
  );
  demand(fixedSize(axis) === operands.length, "stack", `${operands.length} operands along ${axis.name}`);
  return make("stack", operands, { axis }, first.type.dtype, [...first.type.axes, axis]);
}

export function pick(x: Node, axis: Axis, index: number): Node<"pick"> {
  demand(hasAxis(x, axis), "pick", `no axis ${axis.name} in ${show(x)}`);
  demand(index >= 0 && index < fixedSize(axis), "pick", `index ${index} of ${axis.name}`);
  return make("pick", [x], { axis, index }, x.type.dtype, without(x.type.axes, [axis]));
}

export function slice(x: Node, axis: Axis, start: number, to: Axis): Node<"slice"> {
  demand(hasAxis(x, axis), "slice", `no axis ${axis.name} in ${show(x)}`);
  demand(start >= 0 && start + fixedSize(to) <= fixedSize(axis), "slice", `out of ${axis.name}`);
  return make("slice", [x], { axis, start, to }, x.type.dtype, [...without(x.type.axes, [axis]), to]);
}

export function concat(operands: readonly Node[], from: readonly Axis[], to: Axis): Node<"concat"> {
  const rest = without(operands[0]!.type.axes, [from[0]!]);
  demand(
    operands.every((x, k) => hasAxis(x, from[k]!) && sameAxes(without(x.type.axes, [from[k]!]), rest)),
    "concat",
    `operands differ in axes: ${operands.map(show).join(", ")}`,
  );
  demand(from.reduce((n, axis) => n + fixedSize(axis), 0) === fixedSize(to), "concat", "sizes do not add up");
  return make("concat", operands, { from, to }, operands[0]!.type.dtype, [...rest, to]);
}

export function place(x: Node, axis: Axis, start: number, from: Axis | null): Node<"place"> {
  demand(from === null || hasAxis(x, from), "place", `no axis ${from?.name} in ${show(x)}`);
  const rest = from === null ? x.type.axes : without(x.type.axes, [from]);
  return make("place", [x], { axis, start, from }, x.type.dtype, [...rest, axis]);
}

export function gather(table: Node, indices: Node, axis: Axis): Node<"gather"> {
  demand(hasAxis(table, axis), "gather", `no axis ${axis.name} in ${show(table)}`);
  demand(indices.type.dtype === "i32", "gather", `indices are ${indices.type.dtype}`);
  const axes = union(without(table.type.axes, [axis]), indices.type.axes);
  return make("gather", [table, indices], { axis }, table.type.dtype, axes);
}

export function scatter(indices: Node, updates: Node, axis: Axis, over: readonly Axis[]): Node<"scatter"> {
  demand(indices.type.dtype === "i32", "scatter", `indices are ${indices.type.dtype}`);
  const axes = without(union(indices.type.axes, updates.type.axes), over);
  return make("scatter", [indices, updates], { axis, over }, updates.type.dtype, [...axes, axis]);
}

export function shift(x: Node, axis: Axis, by: number, filler = 0): Node {
  demand(hasAxis(x, axis), "shift", `no axis ${axis.name} in ${show(x)}`);
  if (by === 0) return x;
  return make("shift", [x], { axis, by, filler }, x.type.dtype, x.type.axes);
}

export function reverse(x: Node, axis: Axis): Node<"reverse"> {
  demand(hasAxis(x, axis), "reverse", `no axis ${axis.name} in ${show(x)}`);
  return make("reverse", [x], { axis }, x.type.dtype, x.type.axes);
}

export const stop = (x: Node): Node<"stop"> => make("stop", [x], {}, x.type.dtype, x.type.axes);

export interface ScanParts {
  readonly axis: Axis;
  readonly reverse: boolean;
  readonly position: Node<"position">;
  readonly states: readonly (ScanState & { readonly start: Node })[];
  readonly elements: readonly { readonly formal: Node<"element">; readonly sequence: Node }[];
  readonly outputs: readonly Node[];
}

export function scan(parts: ScanParts, label?: string): Node<"scan"> {
  for (const { formal, next, start } of parts.states) {
    demand(
      sameAxes(formal.type.axes, start.type.axes),
      "scan",
      `start of ${formal.attributes.name}: ${show(start)}, not ${show(formal)}`,
    );
    demand(
      sameAxes(formal.type.axes, next.type.axes),
      "scan",
      `next ${formal.attributes.name}: ${show(next)}, not ${show(formal)}`,
    );
  }
  for (const { formal, sequence } of parts.elements)
    demand(hasAxis(sequence, parts.axis), "scan", `${formal.attributes.name} has no axis ${parts.axis.name}`);
  return make(
    "scan",
    [...parts.states.map((s) => s.start), ...parts.elements.map((e) => e.sequence)],
    {
      axis: parts.axis,
      reverse: parts.reverse,
      position: parts.position,
      states: parts.states.map(({ formal, next }) => ({ formal, next })),
      elements: parts.elements.map((e) => e.formal),
      outputs: parts.outputs,
    },
    "tuple",
    [],
    label,
  );
}

/** The inverse of `scan`: its starts and sequences beside their formals. */
export function scanParts(node: Node<"scan">): ScanParts {
  const { states, elements, ...rest } = node.attributes;
  return {
    ...rest,
    states: states.map((s, k) => ({ ...s, start: node.operands[k]! })),
    elements: elements.map((formal, k) => ({ formal, sequence: node.operands[states.length + k]! })),
  };
}

export function finalState(of: Node<"scan">, index: number): Node<"result"> {
  const { formal } = of.attributes.states[index]!;
  return make("result", [of], { part: "final", index }, formal.type.dtype, formal.type.axes);
}

export function scanOutput(of: Node<"scan">, index: number): Node<"result"> {
  const value = of.attributes.outputs[index]!;
  return make("result", [of], { part: "output", index }, value.type.dtype, [
    ...value.type.axes,
    of.attributes.axis,
  ]);
}

// ---- conveniences for rules and passes ------------------------------------------------------------------------

export const add = (a: Node, b: Node): Node => binary("add", a, b);
export const sub = (a: Node, b: Node): Node => binary("sub", a, b);
export const mul = (a: Node, b: Node): Node => binary("mul", a, b);
export const div = (a: Node, b: Node): Node => binary("div", a, b);
export const neg = (x: Node): Node => unary("neg", x);

/** A constant over axes, e.g. the zeros that a state starts from. */
export const filled = (value: number, type: Type): Node =>
  broadcast(constant(value, type.dtype === "tuple" ? "f32" : type.dtype), type.axes);

/** log(e^a + e^b), -inf where both are: the larger plus softplus of minus the distance. */
export function logAddExp(a: Node, b: Node): Node {
  const larger = binary("max", a, b);
  const smaller = binary("min", a, b);
  const none = binary("eq", smaller, constant(-Infinity));
  const distance = select(none, constant(0), sub(larger, smaller));
  return select(none, larger, add(larger, unary("softplus", neg(distance))));
}
