/**
 * The evaluator as a runner: float64, no pass but differentiation. Padding of inputs is NaN, so a value that depends
 * on it shows.
 */
import { batch, lengthAxes, lengthRule } from "../../src/ir/graph/build.ts";
import { evaluate, type Environment, type Tensor } from "../../src/ir/graph/eval.ts";
import { arrange, strides } from "../../src/ir/graph/tensor.ts";
import type { Axis, Graph, Node } from "../../src/ir/graph/types.ts";
import { axesOf, nodesOf } from "../../src/ir/graph/walk.ts";
import { differentiate } from "../../src/passes/differentiate.ts";
import { split } from "../../src/passes/split.ts";
import type { Call, Lesson, Nested, Program, Runner, Values } from "./program.ts";
import { lengthAt, shapeOf, sizeOf } from "./program.ts";

/** One entry of the model as elaboration made it: `predict`, `evaluate`, `train`. */
export function entry({ model }: Program, name: string): Graph {
  const graph = split(model.graph, name);
  if (!graph) throw new Error(`the model has no ${name}`);
  return graph;
}

/** The inputs, lengths and parameters that a graph of the program runs on. */
export function environmentOf(program: Program, graph: Graph, call: Call): Environment {
  const { model } = program;
  const count = Object.values(call.data)[0]!.length;
  const lengths = new Map<string, number[]>();
  const within = new Set(axesOf(graph).flatMap((axis) => (lengthAxes(axis).length > 1 ? [axis.name] : [])));
  for (const info of model.data)
    for (const [level, axis] of info.axes.entries()) {
      const given = call.data[info.name];
      if (axis.size !== null || !given) continue;
      if (!within.has(axis.name))
        lengths.set(
          axis.name,
          given.map((example) => lengthAt(example, level)),
        );
      else if (level === 1) lengths.set(axis.name, rowLengths(given));
    }
  const inputs = new Map(
    nodesOf(graph, "input").map((node) => [node.attributes.name, inputTensor(program, node, call, lengths)]),
  );
  const params = new Map(
    model.parameters.map((p): [string, Tensor] => [
      p.name,
      { axes: p.axes, sizes: shapeOf(p), data: Float64Array.from(call.parameters.get(p.name)!) },
    ]),
  );
  const examples = Int32Array.from({ length: count }, (_, k) => k);
  const random = { seed: call.seed ?? 1, step: call.step ?? 0, examples };
  return { batch: count, inputs, params, lengths, random };
}

/** One a row of an example, all first rows first; 0 where an example has no such row. */
function rowLengths(examples: readonly Nested[]): number[] {
  const rows = Math.max(0, ...examples.map((example) => lengthAt(example, 0)));
  const lengthOf = (row: Nested | undefined): number => (Array.isArray(row) ? row.length : 0);
  return Array.from({ length: rows }, (_, s) =>
    examples.map((example) => lengthOf((example as readonly Nested[])[s])),
  ).flat();
}

/** A fixed axis has its size in its name. */
const isNamed = ({ name, size }: Axis, wanted: string): boolean =>
  name === (size.kind === "fixed" ? `${wanted}:${size.size}` : wanted);

function inputTensor(
  { model }: Program,
  { attributes, type }: Node<"input">,
  { data, states }: Call,
  lengths: ReadonlyMap<string, readonly number[]>,
): Tensor {
  const { name } = attributes;
  const count = Object.values(data)[0]!.length;
  const sizeOfAxis = (axis: Axis): number =>
    axis === batch
      ? count
      : axis.size.kind === "fixed"
        ? axis.size.size
        : Math.max(0, ...lengths.get(axis.name)!);
  const sizes = type.axes.map(sizeOfAxis);
  const tensor = { axes: type.axes, sizes, data: new Float64Array(sizeOf(sizes)) };
  if (name === "fresh") return { ...tensor, data: tensor.data.fill(states ? 0 : 1) };
  if (name.startsWith("state:"))
    return { ...tensor, data: states ? Float64Array.from(states.get(name)!) : tensor.data };
  tensor.data.fill(type.dtype === "f32" ? NaN : 0);
  const info = model.data.find((d) => d.name === name)!;
  const order = info.axes.map((own) => type.axes.find((axis) => isNamed(axis, own.name))!);
  const feature = type.axes.find((axis) => axis.kind === "feature");
  const step = strides(tensor);
  const all = [...order, ...(feature ? [feature] : [])];
  const steps = all.map(step);
  const write = (value: Nested, level: number, at: number): void => {
    const size = all[level]?.size;
    const wanted = size?.kind === "fixed" ? size.size : null;
    if (typeof value === "number" ? level < all.length : wanted !== null && value.length !== wanted)
      throw new Error(`an example of ${name} has another shape than ${name}`);
    if (typeof value === "number") tensor.data[at] = value;
    else value.forEach((inner, k) => write(inner, level + 1, at + k * steps[level]!));
  };
  data[name]!.forEach((example, b) => write(example, 0, b * step(batch)));
  return tensor;
}

/** A result's elements within the lengths, example by example, in the order of the source. */
function examplesOf(tensor: Tensor, order: readonly Axis[], environment: Environment): number[][] {
  const step = strides(tensor);
  return Array.from({ length: environment.batch }, (_, b) => {
    const read = (level: number, at: number): number[] => {
      const axis = order[level];
      if (!axis) return [tensor.data[at]!];
      const { source, times, plus, by } = lengthRule(axis);
      const given =
        source.size.kind === "fixed" ? source.size.size : environment.lengths.get(source.name)![b]!;
      const size = Math.max(0, Math.floor((times * given + plus) / by));
      return Array.from({ length: size }, (_, k) => read(level + 1, at + k * step(axis))).flat();
    };
    return read(0, b * step(batch));
  });
}

const carried = (graph: Graph, values: ReadonlyMap<string, Tensor>): Values =>
  new Map(
    graph.outputs.flatMap(({ name, role }) =>
      role === "carry" ? [[name, [...values.get(name)!.data]] as const] : [],
    ),
  );

/** The gradients among a graph's outputs, in the order of the source. */
export function gradientsOf({ model }: Program, values: ReadonlyMap<string, Tensor>): Values {
  return new Map(
    model.parameters.map((p) => {
      const found = values.get(p.name);
      const sizes = shapeOf(p);
      const data = found ? arrange(found, p.axes, sizes).data : new Float64Array(sizeOf(sizes));
      return [p.name, [...data]];
    }),
  );
}

export function evaluator(program: Program): Runner {
  const { model } = program;
  const run = (graph: Graph, call: Call) => {
    const environment = environmentOf(program, graph, call);
    return { environment, values: evaluate(graph, environment) };
  };
  const learn = (call: Call): Lesson => {
    const graph = differentiate.run(entry(program, "train"));
    const { values } = run(graph, call);
    const loss = values.get("train:loss")!.data[0]!;
    const impossible = values.get("train:impossible")?.data[0] ?? 0;
    return { loss, impossible, gradients: gradientsOf(program, values), states: carried(graph, values) };
  };
  return {
    name: "evaluator",
    predict: (call) => {
      const graph = entry(program, "predict");
      const { environment, values } = run(graph, call);
      const outputs = new Map(
        model.results.map(({ name, value, meaning }) => {
          const feature = value.node.type.axes.find((axis) => axis.kind === "feature");
          const order = [...value.axes.map((a) => a.axis), ...(feature ? [feature] : [])];
          const examples = examplesOf(values.get(`predict:${name}`)!, order, environment);
          // As the runtime gives them: without what a path leaves out.
          const said = (list: readonly number[]) =>
            meaning === "labels" ? list.filter((k) => k >= 0) : list;
          return [name, examples.map(said)];
        }),
      );
      return { outputs, states: carried(graph, values) };
    },
    learn,
    evaluate: (call) => run(entry(program, "evaluate"), call).values.get("evaluate:loss")!.data[0]!,
    descend: (call, rate) => {
      const { loss, gradients, states } = learn(call);
      const parameters = new Map(
        [...call.parameters].map(([name, values]): [string, number[]] => {
          const gradient = gradients.get(name)!;
          return [name, values.map((x, k) => x - rate * gradient[k]!)];
        }),
      );
      return { loss, parameters, states };
    },
  };
}
