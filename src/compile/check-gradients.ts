/**
 * Are a program's gradients right? Each parameter's, on small random data of ragged lengths: the evaluator's (float64)
 * against central differences of the loss, and the module's (float32) against the evaluator's.
 */
import { evaluate, type Environment, type Tensor } from "../ir/graph/eval.ts";
import { objectiveEntry } from "../elaborate/objective.ts";
import type { Model } from "../elaborate/program.ts";
import { fixedSize } from "../ir/graph/build.ts";
import type { Axis, Graph } from "../ir/graph/types.ts";
import { nodesOf } from "../ir/graph/walk.ts";
import { split } from "../passes/split.ts";
import { startMachine, type Machine, type Purpose } from "../runtime/machine.ts";
import { check } from "./check.ts";
import { compile } from "./compile.ts";
import { makeEntries, type ObjectiveEntry } from "./entries.ts";
import { readParameters, writeInputs, writeParameters } from "./module-memory.ts";
import { generator, randomEnvironment, type Generator } from "./random-environment.ts";
import type { CompileOptions } from "./types.ts";

export interface GradientRow {
  readonly parameter: string;
  readonly shape: readonly number[];
  /** The norm of the evaluator's gradient. */
  readonly norm: number;
  /** ‖evaluator − differences‖ relative to the larger of the two, over the elements that were tried. */
  readonly differences: number;
  /** ‖module − evaluator‖ relative to the evaluator's. */
  readonly module: number;
}

export interface GradientOptions extends CompileOptions {
  readonly seed?: number;
  /** How many elements of each parameter are tried against differences. */
  readonly elements?: number;
}

/** What is small enough for float64 and large enough for float32. */
export const gradientLimits = { differences: 1e-6, module: 1e-4 } as const;

/** Null where the program has errors, or no loss. */
export async function checkGradients(
  source: string,
  file: string,
  { seed = 1, elements = 8, ...options }: GradientOptions = {},
): Promise<readonly GradientRow[] | null> {
  const { model } = check(source, file, { ...options, assume: true });
  const objectives = model ? makeEntries(model).objectives : [];
  if (!model || objectives.length === 0) return null;
  const compilation = await compile(source, file, { ...options, assume: true });
  if (!compilation.wasm || !compilation.metadata) return null;

  const random = generator(seed);
  const machine = await startMachine(compilation.metadata, compilation.wasm);
  const rows = objectives.flatMap((objective) => rowsOf(model, objective, machine, random, elements));
  return model.parameters.map(
    ({ name, axes }) =>
      rows.find(({ parameter }) => parameter === name) ?? partless(name, axes.map(fixedSize)),
  );
}

/** Of a parameter that no loss depends on: a product with zero, say, which the compiler has done away with. */
const partless = (parameter: string, shape: readonly number[]): GradientRow => ({
  parameter,
  shape,
  norm: 0,
  differences: 0,
  module: 0,
});

/** One for each parameter that the objective trains. */
function rowsOf(
  model: Model,
  { net, graph }: ObjectiveEntry,
  machine: Machine,
  random: Generator,
  elements: number,
): readonly GradientRow[] {
  const loss = split(model.graph, objectiveEntry("train", net))!;
  const environment = finiteEnvironment(model, [graph, loss], random);
  const exact = byParameter(graph, environment);
  const computed = moduleGradients(machine, environment, objectiveEntry("gradients", net));
  // A gradient that is zero but for rounding is compared with the others'; in float32 it is that sooner.
  const largest = Math.max(...[...exact.values()].map(norm));
  const floor = { double: 1e-4 * largest, single: 1e-2 * largest };
  return model.parameters.flatMap((p): readonly GradientRow[] => {
    const own = exact.get(p.name);
    if (!own) return [];
    const places = sample(own, elements, random);
    const there = places.map((k) => own[k]!);
    const found = places.map((k) => nearestDifference(loss, environment, p.name, k, own[k]!));
    const scale = Math.max(norm(found), norm(there), floor.double);
    const row: GradientRow = {
      parameter: p.name,
      shape: p.axes.map(fixedSize),
      norm: norm(own),
      differences: norm(found.map((x, k) => x - there[k]!)) / scale,
      module: norm(own.map((x, k) => x - computed.get(p.name)![k]!)) / Math.max(norm(own), floor.single),
    };
    return [row];
  });
}

const examples = 3;

/** Lengths may not fit one another: more labels than CTC has steps for are impossible, and their loss is infinite. */
export function finiteEnvironment(
  model: Model,
  graphs: readonly [Graph, Graph],
  random: Generator,
): Environment {
  for (let trial = 0; ; trial++) {
    const environment = randomEnvironment(model, graphs, random, {
      examples,
      // The first example has five steps, the others from two to five.
      length: (b) => (b === 0 ? 5 : 2 + Math.floor(4 * random())),
    });
    if (trial === mostTrials || Number.isFinite(lossOf(graphs[1], environment))) return environment;
  }
}

const mostTrials = 50;

function lossOf(graph: Graph, environment: Environment): number {
  const root = graph.outputs.find((o) => o.role === "loss")!;
  return evaluate({ ...graph, outputs: [root] }, environment).get(root.name)!.data[0]!;
}

const norm = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, x) => sum + x * x, 0));

/** Some places of a gradient, all of them if it is small: most where it is not zero (a table has few rows in use). */
function sample(gradient: Float64Array, count: number, random: () => number): readonly number[] {
  const { length } = gradient;
  if (length <= count) return Array.from({ length }, (_, k) => k);
  const used = Array.from(gradient.keys()).filter((k) => gradient[k] !== 0);
  return Array.from({ length: count }, (_, k) => {
    const anywhere = Math.floor(random() * length);
    return k === 0 || used.length === 0 ? anywhere : used[Math.floor(random() * used.length)]!;
  });
}

// ---- three gradients ----------------------------------------------------------------------------------------------

/** The evaluator's gradients, elements in the order of the source's axes. */
export function byParameter(graph: Graph, environment: Environment): ReadonlyMap<string, Float64Array> {
  const values = evaluate(graph, environment);
  const found = new Map<string, Float64Array>();
  for (const node of nodesOf(graph, "param")) {
    const { name, members, stack } = node.attributes;
    const gradient = values.get(name);
    if (!gradient) continue;
    members.forEach((member, k) => found.set(member.name, part(gradient, member.axes, stack, k)));
  }
  return found;
}

/** One member of a merged parameter's gradient. */
function part(gradient: Tensor, axes: readonly Axis[], stack: Axis | null, index: number): Float64Array {
  const sizes = axes.map(fixedSize);
  const stride = (axis: Axis): number =>
    gradient.sizes.slice(gradient.axes.indexOf(axis) + 1).reduce((a, b) => a * b, 1);
  const result = new Float64Array(sizes.reduce((a, b) => a * b, 1));
  const base = stack ? index * stride(stack) : 0;
  for (let flat = 0; flat < result.length; flat++) {
    let [rest, at] = [flat, base];
    for (let k = axes.length - 1; k >= 0; k--) {
      at += (rest % sizes[k]!) * stride(axes[k]!);
      rest = Math.floor(rest / sizes[k]!);
    }
    result[flat] = gradient.data[at]!;
  }
  return result;
}

/** A step that straddles a kink, such as relu's, says nothing of either side; then a shorter one is asked. */
function nearestDifference(
  loss: Graph,
  environment: Environment,
  name: string,
  at: number,
  expected: number,
): number {
  const wide = centralDifference(loss, environment, name, at, 1e-3);
  const error = Math.abs(wide - expected);
  if (error <= gradientLimits.differences * Math.abs(expected)) return wide;
  const narrow = centralDifference(loss, environment, name, at, 1e-5);
  return Math.abs(narrow - expected) < error ? narrow : wide;
}

/** Of five points: the error is of the fourth order, so the step can be large enough for the rounding. */
function centralDifference(
  loss: Graph,
  environment: Environment,
  name: string,
  at: number,
  step: number,
): number {
  const { data } = environment.params.get(name)!;
  const before = data[at]!;
  const lossAt = (value: number): number => {
    data[at] = value;
    return lossOf(loss, environment);
  };
  const [a, b] = [
    lossAt(before + step) - lossAt(before - step),
    lossAt(before + 2 * step) - lossAt(before - 2 * step),
  ];
  data[at] = before;
  return (8 * a - b) / (12 * step);
}

function moduleGradients(
  machine: Machine,
  environment: Environment,
  entry: Purpose,
): ReadonlyMap<string, Float64Array> {
  writeInputs(machine, environment);
  writeParameters(machine, environment.params);
  machine.run(entry);
  return readParameters(machine, "gradients");
}
