/** The compiled module as a runner, by the parts of the runtime that put batches and weights into its memory. */
import { compile } from "../../src/compile/compile.ts";
import { type Batch, dataSpecs, type Inputs, makeBatch } from "../../src/runtime/batch.ts";
import { feed } from "../../src/runtime/feed.ts";
import { type Machine, newTenant, startMachine, type States } from "../../src/runtime/machine.ts";
import { readOutput } from "../../src/runtime/results.ts";
import type { Tensor } from "../../src/runtime/safetensors.ts";
import { readFlat, writeFlat } from "../../src/runtime/weights.ts";
import { type Call, flat, lengthAt, type Nested, type Program, type Runner, type Values } from "./program.ts";

export interface ModuleRunner extends Runner {
  readonly machine: Machine;
  /** Runs after a batch lies in memory and before the module does: the place to spoil what must not matter. */
  readonly withMemory: (spoil: (machine: Machine, batch: Batch) => void) => Runner;
}

export async function moduleOf({ source, options }: Program): Promise<ModuleRunner> {
  const { wasm, metadata, diagnostics } = await compile(source, "model.rnn", options);
  if (!wasm || !metadata) throw new Error(diagnostics.map((d) => d.message).join("\n"));
  const machine = await startMachine(metadata, new Uint8Array(wasm));
  return { ...runner(machine, () => undefined), machine, withMemory: (spoil) => runner(machine, spoil) };
}

function runner(machine: Machine, spoil: (machine: Machine, batch: Batch) => void): Runner {
  const { metadata } = machine;
  const of = dataSpecs(metadata);

  /** With their shapes, which empty sequences as arrays would not tell. */
  const inputs = ({ data }: Call): Inputs =>
    Object.fromEntries(
      Object.entries(data).map(([name, examples]) => {
        const { sizes } = of.specs.get(name)!;
        return [name, examples.map((x) => ({ data: flat(x), shape: shape(x, sizes) }))];
      }),
    );

  const write = ({ parameters }: Call): void => {
    const tensors = metadata.parameters.map(({ name, shape }): [string, Tensor] => [
      name,
      { data: Float32Array.from(parameters.get(name)!), shape },
    ]);
    writeFlat(machine, new Map(tensors));
  };

  const run = (call: Call, purpose: "predict" | "gradients" | "evaluate") => {
    write(call);
    const { seed = 1, step = 0 } = call;
    const counters = machine.buffer("counters");
    if (counters) machine.integers().set([seed, step], machine.at(counters));
    const fresh = call.states === undefined;
    const batch = makeBatch(of, inputs(call), { targets: purpose !== "predict", fresh });
    const tenant = newTenant();
    if (call.states) machine.assign(tenant, statesIn(machine, call.states, batch.count));
    feed(machine, of, batch, tenant, purpose !== "predict");
    spoil(machine, batch);
    machine.run(purpose);
    const states: Values = new Map(
      Object.entries(machine.states(tenant) ?? {}).map(([name, { data }]) => [name, [...data]]),
    );
    machine.assign(tenant, null);
    return { batch, states };
  };

  const scalar = (name: string): number => machine.floats()[machine.at(machine.buffer(name)!)]!;

  const flatValues = (buffer: string): Values =>
    new Map(readFlat(machine, buffer).map(([name, { data }]) => [name, [...data]]));

  return {
    name: "module",
    predict: (call) => {
      const { batch, states } = run(call, "predict");
      const outputs = new Map(
        metadata.outputs.map((info) => {
          const buffer = machine.buffer(info.predict!)!;
          const results = readOutput(machine, info, buffer, batch, null);
          return [info.name, results.map(({ data }) => [...data])];
        }),
      );
      return { outputs, states };
    },
    learn: (call) => {
      const { states } = run(call, "gradients");
      const impossible = machine.buffer("train:impossible") ? scalar("train:impossible") : 0;
      return { loss: scalar("train:loss"), impossible, gradients: flatValues("gradients"), states };
    },
    evaluate: (call) => (run(call, "evaluate"), scalar("evaluate:loss")),
    descend: (call, rate) => {
      const { states } = run(call, "gradients");
      const loss = scalar("train:loss");
      machine.floats()[machine.at(machine.buffer("settings")!)] = rate;
      machine.run("update");
      return { loss, parameters: flatValues("parameters"), states };
    },
  };
}

const shape = (value: Nested, sizes: readonly (number | null)[]): number[] =>
  sizes.map((size, level) => size ?? lengthAt(value, level));

function statesIn({ metadata }: Machine, states: Values, count: number): States {
  return Object.fromEntries(
    metadata.states.map((name) => {
      const data = Float32Array.from(states.get(name)!);
      const sizes = metadata.buffers[name]!.dims.flatMap((d) => (d.symbol === null ? [d.plus] : []));
      return [name, { data, shape: [count, ...sizes] }];
    }),
  );
}
