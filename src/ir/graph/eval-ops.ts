/**
 * The evaluator's table: what each op computes, of tensors in canonical order of axes. Formals and scans are bound
 * in `eval.ts`.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { exampleCounter, random } from "../random.ts";
import { batch, isRagged, sameAxes, without } from "./build.ts";
import type { Context } from "./eval-context.ts";
import { fillPadding } from "./eval-context.ts";
import { binaryFunctions, unaryFunctions } from "./eval-scalar.ts";
import { evaluateContract, evaluateReduce, evaluateScatter, indexLimit } from "./eval-sums.ts";
import type { Tensor } from "./tensor.ts";
import { arrange, offsets, product, put, scalar, strides, take } from "./tensor.ts";
import type { Axis, Node, Op, Parameter, Type } from "./types.ts";

/** Ops whose value the evaluator finds elsewhere. */
export type BoundOp = "state" | "element" | "position" | "scan" | "result";

type Evaluate<K extends Op> = (node: Node<K>, operands: readonly Tensor[], context: Context) => Tensor;

export const evaluators: { readonly [K in Exclude<Op, BoundOp>]: Evaluate<K> } = {
  input: (node, _, context) => {
    const { name } = node.attributes;
    return fillPadding(stored(name, context.environment.inputs.get(name), node.type, context), NaN, context);
  },
  param: evaluateParam,
  constant: (node) => scalar(node.attributes.value),
  iota: (node, _, context) => build(node.type, context, (i) => i),
  length: (node, _, context) => {
    const { axis } = node.attributes;
    if (!isRagged(axis)) return scalar(context.size(axis));
    const { axes, sizes, data } = context.lengths(axis);
    return axes.length === node.type.axes.length
      ? { axes, sizes, data: Float64Array.from(data) }
      : build(node.type, context, () => data[0]!);
  },
  random: evaluateRandom,

  unary: (node, [x]) => {
    const f = unaryFunctions[node.attributes.fn];
    const { axes, sizes, data } = x!;
    return { axes, sizes, data: data.map((value) => f(value)) };
  },
  binary: (node, operands, context) => {
    const { fn } = node.attributes;
    const whole = fn === "div" && node.type.dtype === "i32";
    const f = whole ? (a: number, b: number) => Math.trunc(a / b) : binaryFunctions[fn];
    const [a, b] = operands.map((x) => fit(x, node.type, context));
    return { ...a!, data: a!.data.map((value, i) => f(value, b!.data[i]!)) };
  },
  select: (node, operands, context) => {
    const [condition, yes, no] = operands.map((x) => fit(x, node.type, context));
    return { ...yes!, data: condition!.data.map((c, i) => (c ? yes!.data[i]! : no!.data[i]!)) };
  },
  stop: (_, [x]) => x!,

  broadcast: (node, [x], context) => fit(x!, node.type, context),
  rename: (node, [x], context) => {
    const { from, to } = node.attributes;
    return fit({ ...x!, axes: x!.axes.map((axis) => (axis === from ? to : axis)) }, node.type, context);
  },
  reduce: (node, [x], context) => evaluateReduce(node, x!, context),
  contract: (node, [a, b], context) => evaluateContract(node, a!, b!, context),

  pick: (node, [x], context) => {
    const { axis, index } = node.attributes;
    return view(x!, node.type, context, strides(x!), index * strides(x!)(axis));
  },
  slice: (node, [x], context) => {
    const { axis, start, to } = node.attributes;
    const stride = strides(x!);
    return view(x!, node.type, context, (a) => stride(a === to ? axis : a), start * stride(axis));
  },
  place: (node, [x], context) => {
    const { axis, start, from } = node.attributes;
    return assemble(node.type, axis, [{ value: x!, start, from }], context);
  },
  stack: (node, operands, context) => {
    const parts = operands.map((value, start) => ({ value, start, from: null }));
    return assemble(node.type, node.attributes.axis, parts, context);
  },
  concat: (node, operands, context) => {
    const { from, to } = node.attributes;
    let start = 0;
    const parts = operands.map((value, k) => {
      const part = { value, start, from: from[k]! };
      start += context.size(from[k]!);
      return part;
    });
    return assemble(node.type, to, parts, context);
  },

  gather: (node, [table, indices], context) => {
    const { axis } = node.attributes;
    const { axes } = node.type;
    const sizes = axes.map(context.size);
    const stride = strides(table!);
    const from = offsets(axes, sizes, (other) => (other === axis ? 0 : stride(other)));
    const index = offsets(axes, sizes, strides(indices!));
    const limit = indexLimit(axis, axes, sizes, context);
    const data = new Float64Array(from.length);
    for (let i = 0; i < from.length; i++) {
      const at = indices!.data[index[i]!]!;
      // an index from padding gives padding
      if (Number.isNaN(at)) data[i] = NaN;
      else if (at >= 0 && at < limit(i)) data[i] = table!.data[from[i]! + at * stride(axis)]!;
    }
    return { axes, sizes, data };
  },
  scatter: (node, [indices, updates], context) => evaluateScatter(node, indices!, updates!, context),
  shift: (node, [x], context) => {
    const { axis, by, filler } = node.attributes;
    return along(x!, axis, context, (t, length) => (t - by >= 0 && t - by < length ? t - by : null), filler);
  },
  reverse: (node, [x], context) =>
    along(x!, node.attributes.axis, context, (t, length) => length - 1 - t, NaN),
};

function build(type: Type, context: Context, f: (i: number) => number): Tensor {
  const sizes = type.axes.map(context.size);
  return { axes: type.axes, sizes, data: Float64Array.from({ length: product(sizes) }, (_, i) => f(i)) };
}

function fit(x: Tensor, type: Type, context: Context): Tensor {
  return x.axes.length === type.axes.length && x.axes.every((axis, k) => axis === type.axes[k])
    ? x
    : arrange(x, type.axes, type.axes.map(context.size));
}

function view(x: Tensor, type: Type, context: Context, stride: (axis: Axis) => number, base: number): Tensor {
  const sizes = type.axes.map(context.size);
  return { axes: type.axes, sizes, data: take(x.data, offsets(type.axes, sizes, stride, base)) };
}

interface Part {
  readonly value: Tensor;
  readonly start: number;
  readonly from: Axis | null;
}

/** Zeros, and each part at its start along `axis`. */
function assemble(type: Type, axis: Axis, parts: readonly Part[], context: Context): Tensor {
  const sizes = type.axes.map(context.size);
  const data = new Float64Array(product(sizes));
  const stride = strides({ axes: type.axes, sizes });
  for (const { value, start, from } of parts) {
    const to = offsets(value.axes, value.sizes, (a) => stride(a === from ? axis : a), start * stride(axis));
    put(data, to, value.data, offsets(value.axes, value.sizes, strides(value)));
  }
  return { axes: type.axes, sizes, data };
}

/** Each position of `axis` takes another's value, within the example's own length; null: the filler. */
function along(
  x: Tensor,
  axis: Axis,
  context: Context,
  source: (position: number, length: number) => number | null,
  filler: number,
): Tensor {
  const rest = without(x.axes, [axis]);
  const restSizes = rest.map(context.size);
  const base = offsets(rest, restSizes, strides(x));
  const length = indexLimit(axis, rest, restSizes, context);
  const stride = strides(x)(axis);
  const size = context.size(axis);
  const data = new Float64Array(x.data.length).fill(NaN);
  for (let r = 0; r < base.length; r++)
    for (let t = 0, n = length(r); t < Math.min(size, n); t++) {
      const from = source(t, n);
      data[base[r]! + t * stride] = from === null ? filler : x.data[base[r]! + from * stride]!;
    }
  return { ...x, data };
}

function stored(name: string, tensor: Tensor | undefined, type: Type, context: Context): Tensor {
  if (!tensor) throw new CompilerBug(`no value is given for ${name}`);
  const wrong = tensor.axes.some((axis, k) => tensor.sizes[k] !== context.size(axis));
  if (wrong || !sameAxes(tensor.axes, type.axes) || tensor.data.length !== product(tensor.sizes)) {
    const show = (axes: readonly Axis[], sizes: readonly number[]): string =>
      axes.map((axis, k) => `${axis.name}: ${sizes[k]}`).join(", ");
    const wanted = show(type.axes, type.axes.map(context.size));
    throw new CompilerBug(`${name} is [${wanted}], not [${show(tensor.axes, tensor.sizes)}]`);
  }
  return fit(tensor, type, context);
}

function evaluateParam(node: Node<"param">, _: readonly Tensor[], context: Context): Tensor {
  const { members, stack } = node.attributes;
  const load = (member: Parameter): Tensor =>
    stored(
      member.name,
      context.environment.params.get(member.name),
      { dtype: "f32", axes: stack ? without(node.type.axes, [stack]) : node.type.axes },
      context,
    );
  if (stack === null) return load(members[0]!);
  const parts = members.map((member, start) => ({ value: load(member), start, from: null }));
  return assemble(node.type, stack, parts, context);
}

/**
 * The coordinate counts the axes that the number is fresh along first, be they axes of the value or of enclosing
 * scans, so that lifting a random number out of a loop keeps it.
 */
function evaluateRandom(node: Node<"random">, _: readonly Tensor[], context: Context): Tensor {
  const { distribution, place, fresh } = node.attributes;
  const { axes } = node.type;
  const sizes = axes.map(context.size);
  const coordinates = [...fresh, ...without(axes, [...fresh, batch])];
  const stride = strides({ axes: coordinates, sizes: coordinates.map(context.size) });
  const outer = fresh.filter((axis) => !axes.includes(axis));
  const base = outer.reduce((n, axis) => n + (context.positions.get(axis) ?? 0) * stride(axis), 0);
  const coordinate = offsets(axes, sizes, (axis) => (axis === batch ? 0 : stride(axis)), base);
  const example = offsets(axes, sizes, (axis) => (axis === batch ? 1 : 0));
  const { seed, step, examples } = context.environment.random;
  const isBatched = axes.includes(batch);
  const data = new Float64Array(coordinate.length);
  for (let i = 0; i < data.length; i++) {
    const id = isBatched ? (examples[example[i]!] ?? 0) : 0;
    data[i] = random(distribution, seed, place, exampleCounter(id, step), coordinate[i]!);
  }
  return { axes, sizes, data };
}
