/**
 * Runs a graph twice, by the graph's evaluator and lowered by the kernel interpreter, on the same random values, and
 * compares every output within the examples' lengths.
 */
import { expect } from "vitest";
import { evaluate, type Environment, type Tensor, withPadding } from "../../src/ir/graph/eval.ts";
import { axisOrder } from "../../src/ir/graph/build.ts";
import type { Axis, Graph, Node } from "../../src/ir/graph/types.ts";
import { nodesOf } from "../../src/ir/graph/walk.ts";
import { makeMachine } from "../../src/ir/kernel/eval.ts";
import { printKernels } from "../../src/ir/kernel/print.ts";
import type { Sizes } from "../../src/ir/kernel/layout.ts";
import type { Buffer, KernelProgram, Statement } from "../../src/ir/kernel/types.ts";
import { verifyKernels } from "../../src/ir/kernel/verify.ts";
import { random } from "../../src/ir/random.ts";
import { fuse } from "../../src/passes/fuse.ts";
import { compileKernels } from "../../src/passes/kernel-pipeline.ts";
import { lower, type Lowered } from "../../src/passes/lower.ts";
import { maskPadding } from "../../src/passes/mask-padding.ts";

export interface Case {
  readonly batch: number;
  readonly lengths?: Readonly<Record<string, readonly number[]>>;
  /** Integer inputs are drawn below this. */
  readonly classes?: number;
  readonly seed?: number;
}

/** A small generator of numbers in [-1, 1). */
export function numbers(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  };
}

function longest(axis: Axis, test: Case): number {
  const { size } = axis;
  if (size.kind === "fixed") return size.size;
  if (size.kind === "batch") return test.batch;
  if (size.kind === "ragged") return Math.max(...test.lengths![axis.name]!);
  return size.times * longest(size.of, test) + size.plus;
}

export function environmentOf(graph: Graph, test: Case): Environment {
  const next = numbers(test.seed ?? 7);
  const draw = (axes: readonly Axis[], dtype: Node["type"]["dtype"]): Tensor => {
    const sizes = axes.map((axis) => longest(axis, test));
    const count = sizes.reduce((a, b) => a * b, 1);
    const one = (): number =>
      dtype === "f32" ? next() : Math.floor(((next() + 1) / 2) * (test.classes ?? 2));
    return { axes, sizes, data: Float64Array.from({ length: count }, one) };
  };
  const inputs = new Map(
    nodesOf(graph, "input").map((n) => [n.attributes.name, draw(n.type.axes, n.type.dtype)]),
  );
  const members = nodesOf(graph, "param").flatMap((n) => n.attributes.members);
  const params = new Map(members.map((m) => [m.name, draw([...m.axes].sort(axisOrder), "f32")]));
  const examples = Int32Array.from({ length: test.batch }, (_, k) => 100 + 7 * k);
  return {
    batch: test.batch,
    inputs,
    params,
    lengths: new Map(Object.entries(test.lengths ?? {})),
    random: { seed: 5, step: 3, examples },
  };
}

/** The tensor's element at an index along its axes. */
const elementAt = (tensor: Tensor, at: ReadonlyMap<Axis, number>): number =>
  tensor.data[tensor.axes.reduce((n, axis, k) => n * tensor.sizes[k]! + (at.get(axis) ?? 0), 0)]!;

function* points(sizes: readonly number[]): Generator<readonly number[]> {
  const count = sizes.reduce((a, b) => a * b, 1);
  for (let n = 0; n < count; n++) {
    let rest = n;
    yield sizes.map((_, d) => {
      const inner = sizes.slice(d + 1).reduce((a, b) => a * b, 1);
      const x = Math.floor(rest / inner);
      rest %= inner;
      return x;
    });
  }
}

export type Pipeline = (program: KernelProgram) => KernelProgram;
export const plain: Pipeline = (program) => program;

/** What runs a program: the interpreter, or a module. */
export interface Runner {
  readonly run: (entry: string) => void;
  readonly read: (buffer: Buffer) => ArrayLike<number>;
  readonly write: (buffer: Buffer, data: ArrayLike<number>) => void;
}

/** All outputs as the lowered program computes them, by name. */
export function runLowered(
  lowered: Lowered,
  program: KernelProgram,
  entry: string,
  env: Environment,
  test: Case,
  makeRunner: (program: KernelProgram, sizes: Sizes) => Runner = (p, sizes) =>
    makeMachine(p, sizes, { random }),
): Map<string, Float64Array> {
  const sizes: Record<string, number> = { B: test.batch };
  for (const { symbol } of lowered.lengths) sizes[symbol] = Math.max(...test.lengths![symbol]!);
  for (const symbol of program.symbols) sizes[symbol] ??= Math.max(...(test.lengths?.[symbol] ?? [0]));
  const machine = makeRunner(program, sizes);
  for (const { buffer, symbol } of lowered.lengths) machine.write(buffer, test.lengths![symbol]!);
  if (lowered.counters) {
    const count = lowered.counters.dims[0]!.plus;
    machine.write(lowered.counters, [env.random.seed, env.random.step, ...Array<number>(count - 2).fill(0)]);
  }
  if (lowered.example) machine.write(lowered.example, env.random.examples);
  for (const { name, buffer, axes } of lowered.inputs) {
    const tensor = env.inputs.get(name);
    if (!tensor) continue;
    const values = [...points(axes.map((a) => longest(a, test)))].map((point) => {
      const at = new Map(axes.map((axis, k) => [axis, point[k]!]));
      const batch = axes.findIndex((a) => a.kind === "batch");
      // The runtime zeroes inputs past the end.
      const past = axes.some(
        (a, k) =>
          a.size.kind === "ragged" && batch >= 0 && point[k]! >= test.lengths![a.name]![point[batch]!]!,
      );
      return past ? 0 : elementAt(tensor, at);
    });
    machine.write(buffer, values);
  }
  const stacked = new Map<string, Float64Array>();
  for (const { parameter, buffer, index, stackDim, dims } of lowered.parameters) {
    const tensor = env.params.get(parameter.name)!;
    const sizesOf = buffer.dims.map((d) => d.plus);
    const data = stacked.get(buffer.name) ?? new Float64Array(sizesOf.reduce((a, b) => a * b, 1));
    stacked.set(buffer.name, data);
    [...points(sizesOf)].forEach((point, n) => {
      if (stackDim !== null && point[stackDim] !== index) return;
      data[n] = elementAt(tensor, new Map(parameter.axes.map((axis, k) => [axis, point[dims[k]!]!])));
    });
    machine.write(buffer, data);
  }
  machine.run(entry);
  const results = new Map<string, Float64Array>();
  for (const o of lowered.outputs)
    if (o.entry === entry) results.set(o.name, Float64Array.from(machine.read(o.buffer)));
  for (const { name, buffer } of lowered.inputs)
    if (buffer.role === "state") results.set(name, Float64Array.from(machine.read(buffer)));
  for (const { parameter, gradient, index, stackDim, dims } of lowered.parameters) {
    const all = machine.read(gradient);
    const sizesOf = gradient.dims.map((d) => d.plus);
    const axes = [...parameter.axes].sort(axisOrder);
    const dimOf = axes.map((axis) => dims[parameter.axes.indexOf(axis)]!);
    const read = (order: readonly number[]): Float64Array => {
      const values = [...points(order.map((k) => sizesOf[k]!))].map((point) => {
        const at = sizesOf.map((_, k) => (order.includes(k) ? point[order.indexOf(k)]! : index!));
        return all[at.reduce((n, x, k) => n * sizesOf[k]! + x, 0)]!;
      });
      return Float64Array.from(values);
    };
    results.set(parameter.name, read(dimOf));
    // The stack axis comes before those of features, in whatever order the buffer has them.
    const before = axes.filter((axis) => axis.kind !== "feature").length;
    if (stackDim !== null)
      results.set(
        gradient.name.slice(2),
        read([...dimOf.slice(0, before), stackDim, ...dimOf.slice(before)]),
      );
  }
  return results;
}

/**
 * Lowers, runs and compares; gives the program for checks of its structure. Without a pipeline the program is
 * compared fused, and fused with a memory plan, as well.
 */
export function check(graph: Graph, test: Case, pipeline: Pipeline = plain): KernelProgram {
  if (pipeline === plain) {
    check(graph, test, fuse);
    check(graph, test, compileKernels);
  }
  const env = environmentOf(graph, test);
  const wanted = withPadding(evaluate(graph, env), NaN, env);
  const lowered = lower("test", [{ name: "main", graph: maskPadding.run(graph) }]);
  const program = verifyKernels(pipeline(verifyKernels(lowered.program, "lower")), "pipeline");
  let found: Map<string, Float64Array>;
  try {
    found = runLowered(lowered, program, "main", env, test);
  } catch (fault) {
    throw new Error(`${(fault as Error).message}\n${printKernels(program)}`, { cause: fault });
  }
  for (const [name, tensor] of wanted) {
    const got = found.get(name);
    expect(got, name).toBeDefined();
    const sorted = [...tensor.axes].sort(axisOrder);
    const sizes = sorted.map((axis) => tensor.sizes[tensor.axes.indexOf(axis)]!);
    let n = 0;
    for (const point of points(sizes)) {
      const value = elementAt(tensor, new Map(sorted.map((axis, k) => [axis, point[k]!])));
      const own = got![n++]!;
      if (Number.isNaN(value)) continue;
      const close = Object.is(own, value) || Math.abs(own - value) <= 1e-9 * Math.max(1, Math.abs(value));
      if (!close) throw new Error(`${name}[${point}] is ${own}, not ${value}\n${printKernels(program)}`);
    }
    expect(got!.length, name).toBe(n);
  }
  return program;
}

/** The statements of all time loops' bodies, loop by loop. */
export function loopBodies(program: KernelProgram): (readonly Statement[])[] {
  const found: (readonly Statement[])[] = [];
  const visit = (s: Statement): void => {
    if (s.kind !== "loop") return;
    found.push(s.body);
    s.body.forEach(visit);
  };
  program.entries.flatMap((e) => e.body).forEach(visit);
  return found;
}

export const kinds = (body: readonly Statement[]): string[] => body.map((s) => s.kind);
