/** The evaluator's values in a module's memory, and the module's parameters and gradients as the evaluator has them. */
import type { Environment } from "../ir/graph/eval.ts";
import type { Axis } from "../ir/graph/types.ts";
import { dimsOf, eachPlace, extent, scatter, strides, type Sizes } from "../runtime/layout.ts";
import { newTenant, type Machine } from "../runtime/machine.ts";

/** Lays memory out for the environment's sizes, and writes its inputs, lengths, examples and random source. */
export function writeInputs(machine: Machine, environment: Omit<Environment, "params">): void {
  const { metadata } = machine;
  const sizes: Sizes = Object.fromEntries(
    metadata.symbols.map((s) => [
      s,
      s === "B" ? environment.batch : Math.max(...(environment.lengths.get(s) ?? [1])),
    ]),
  );
  machine.claim(newTenant(), sizes);
  const write = (name: string, axes: readonly Axis[], data: Float64Array): void => {
    const info = machine.buffer(name);
    if (!info) return;
    const order = axes.map((a) => info.dims.findIndex((d) => d.axis === a.name.split(":")[0]));
    const dims = order.every((d) => d >= 0) ? order : dimsOf(info, axes);
    const steps = dims.map((d) => strides(info, sizes)[d]!);
    const shape = dims.map((d) => extent(info.dims[d]!, sizes));
    const dense = info.dtype === "i32" ? Int32Array.from(data) : Float32Array.from(data);
    scatter(machine.view(info), machine.at(info), steps, shape, dense);
  };
  for (const [name, tensor] of environment.inputs) write(name, tensor.axes, tensor.data);
  for (const [name, lengths] of environment.lengths) {
    const info = machine.buffer(`${name}.length`);
    if (info) machine.integers().set(lengths, machine.at(info));
  }
  const ids = machine.buffer("example");
  if (ids) machine.integers().set(environment.random.examples, machine.at(ids));
  const counters = machine.buffer("counters");
  if (counters)
    machine.integers().set([environment.random.seed, environment.random.step], machine.at(counters));
}

export function writeParameters(machine: Machine, params: Environment["params"]): void {
  for (const info of machine.metadata.parameters) {
    const at = machine.at(machine.buffer("parameters")!);
    const { data } = params.get(info.name)!;
    let next = 0;
    eachPlace(info, (place) => void (machine.floats()[at + place] = data[next++]!));
  }
}

/** One number for each element of each parameter, row-major in the order of the source: the parameters or the gradients. */
export function readParameters(
  machine: Machine,
  buffer: "parameters" | "gradients",
): ReadonlyMap<string, Float64Array> {
  return new Map(
    machine.metadata.parameters.map((info) => {
      const from = machine.at(machine.buffer(buffer)!);
      const found: number[] = [];
      eachPlace(info, (place) => void found.push(machine.floats()[from + place]!));
      return [info.name, Float64Array.from(found)];
    }),
  );
}
