/**
 * A model run one step at a time. The states lie in the module's memory; a step writes the frame, calls the module
 * and returns views of its outputs: it allocates nothing.
 */
import type { DataSpecs, Inputs } from "./batch.ts";
import { encodeExample, isBatch, type Value } from "./encode.ts";
import { fail, names } from "./errors.ts";
import { batchDim, dimsOf, extent, gather, type Numbers, scatter, type Sizes, strides } from "./layout.ts";
import { type Machine, newTenant, type States, type Tenant } from "./machine.ts";
import type { BufferInfo, DataInfo, OutputInfo } from "./metadata.ts";
import { elements } from "./safetensors.ts";

export interface Stream {
  /**
   * One step: a frame, token or character for a model with one input, else values by the names of the inputs; those
   * left out keep their last value. For several sequences at once, a list of one each.
   *
   * Gives the outputs of this step by name, `[features]`, with several sequences `[examples, features]`. The arrays
   * are overwritten by the next step and by any other call of the model: copy what is to stay.
   */
  readonly step: (input: Value | Inputs) => Readonly<Record<string, Numbers>>;
  /** Starts anew. */
  readonly reset: () => void;
  /** A copy of the states; null before the first step. */
  readonly save: () => States | null;
  /** Goes on from saved states; null starts anew. */
  readonly restore: (states: States | null) => void;
}

export interface StreamOptions {
  /** Sequences run side by side. Default 1. */
  readonly examples?: number;
  /** Their identities, on which random numbers depend. Default 0, 1, … */
  readonly ids?: ArrayLike<number>;
}

/** An input of a step: where it goes, and its last value, the sequences one after another. */
interface Port {
  readonly name: string;
  readonly buffer: BufferInfo;
  readonly data: Numbers;
  readonly encode: (value: Value) => void;
  /** One id, below the limit. */
  readonly scalar: boolean;
  readonly limit: number;
  given: boolean;
}

export function openStream(machine: Machine, of: DataSpecs, options: StreamOptions = {}): Stream {
  const { launch, results, reset, save, restore } = openSteps(machine, of, options);
  return {
    step: (input) => {
      launch(input);
      return results();
    },
    reset,
    save,
    restore,
  };
}

/** A stream in parts: what starts a step, and what gives its results once they are in memory. */
export interface Steps extends Pick<Stream, "reset" | "save" | "restore"> {
  readonly tenant: Tenant;
  readonly sizes: Sizes;
  readonly launch: (input: Value | Inputs) => void;
  readonly results: () => Readonly<Record<string, Numbers>>;
}

export function openSteps(machine: Machine, of: DataSpecs, options: StreamOptions = {}): Steps {
  const { metadata } = machine;
  if (metadata.looksAhead !== null) fail(metadata.looksAhead);
  const examples = options.examples ?? 1;
  if (!Number.isInteger(examples) || examples < 1) fail(`a stream has 1 example or more, not ${examples}`);
  const tenant = newTenant();
  const sizes: Sizes = Object.fromEntries(metadata.symbols.map((s) => [s, s === "B" ? examples : 1]));
  const ports = metadata.data.flatMap(({ name, role }) => {
    const buffer = inputOfStep(machine, name, role);
    return buffer ? [makePort(of, name, buffer, examples)] : [];
  });
  const only = ports.length === 1 ? ports[0]! : null;
  const outputs: Record<string, Numbers> = {};
  let copies: (() => void)[] = [];

  const ready = (): void => {
    if (!machine.claim(tenant, sizes)) return;
    copies = metadata.outputs.flatMap((info) => outputView(machine, info, outputs));
    const ids = machine.buffer("example");
    if (ids)
      for (let k = 0; k < examples; k++) machine.integers()[machine.at(ids) + k] = options.ids?.[k] ?? k;
    for (const symbol of metadata.symbols) {
      const lengths = symbol === "B" ? undefined : machine.buffer(`${symbol}.length`);
      if (lengths) machine.integers().fill(1, machine.at(lengths), machine.at(lengths) + examples);
    }
  };

  const accept = (input: Value | Inputs): void => {
    if (only && (typeof input !== "object" || input === null || !(only.name in input)))
      return accepted(only, input as Value);
    if (typeof input !== "object" || input === null || Array.isArray(input) || ArrayBuffer.isView(input))
      fail(`a step of this model takes its inputs by name: ${names(ports.map((port) => port.name))}`);
    const named = input as Inputs;
    for (const name in named)
      accepted(
        ports.find((port) => port.name === name) ?? fail(`a step has no input \`${name}\``),
        named[name]!,
      );
  };

  return {
    tenant,
    sizes,
    launch: (input) => {
      accept(input);
      ready();
      for (const port of ports) {
        if (!port.given) fail(`\`${port.name}\` has not been given yet`);
        writePort(machine, port, examples);
      }
      machine.setFresh(tenant.examples === 0);
      machine.run("step");
      tenant.examples = examples;
    },
    results: () => {
      for (const copy of copies) copy();
      return outputs;
    },
    reset: () => machine.assign(tenant, null),
    save: () => machine.states(tenant),
    restore: (states) => {
      const given = states && Object.values(states)[0]?.shape[0];
      if (given && given !== examples)
        fail(`these states are of ${given} sequences, the stream has ${examples}`);
      machine.assign(tenant, states);
    },
  };
}

/** An input that an output shares its name with (`text`, and what comes next in it) has a number after it. */
function inputOfStep({ metadata }: Machine, name: string, role: DataInfo["role"]): BufferInfo | undefined {
  return metadata.buffers[`step.input:${name}`] ?? metadata.buffers[role === "input" ? name : ""];
}

function accepted(port: Port, value: Value): void {
  // The usual cases without any detour: an id, a frame of numbers.
  if (port.scalar && typeof value === "number" && value >= 0 && Number.isInteger(value) && value < port.limit)
    port.data[0] = value;
  else if (
    value instanceof Float32Array &&
    port.data instanceof Float32Array &&
    value.length === port.data.length
  )
    port.data.set(value);
  else port.encode(value);
  port.given = true;
}

function makePort(of: DataSpecs, name: string, buffer: BufferInfo, examples: number): Port {
  const whole = of.specs.get(name)!;
  // One step of the data: its sequence has gone.
  const axes = whole.info.axes.filter((axis) => axis.size !== null);
  const step = {
    ...whole,
    info: { ...whole.info, axes },
    sizes: whole.sizes.filter((size) => size !== null),
  };
  const size = elements(step.sizes as readonly number[]);
  const float = buffer.dtype === "f32";
  const data = float ? new Float32Array(size * examples) : new Int32Array(size * examples);
  return {
    name,
    buffer,
    data,
    scalar: !float && examples === 1 && step.sizes.length === 0,
    limit: whole.info.vocabulary?.size ?? Infinity,
    given: false,
    encode: (value) => {
      const batch = isBatch(step, value);
      const list = batch ? Array.from(value as ArrayLike<Value>) : [value];
      if (list.length !== examples)
        fail(`\`${name}\` has ${list.length} values, the stream ${examples} sequences`);
      list.forEach((x, k) => data.set(encodeExample(step, x, batch ? `${name}[${k}]` : name).data, k * size));
    },
  };
}

function writePort(machine: Machine, { buffer, data }: Port, examples: number): void {
  const view = machine.view(buffer);
  const at = machine.at(buffer);
  if (examples === 1) {
    const last = buffer.dims.length - 1;
    const flat = last < 0 || data.length === 1 || extent(buffer.dims[last]!, machine.sizes()) === data.length;
    if (flat) {
      view.set(data, at);
      return;
    }
  }
  const { shape, steps } = stepLayout(machine, buffer, []);
  scatter(view, at, steps, shape, data);
}

/** Shape and strides of a buffer of one step, the batch first. */
function stepLayout(machine: Machine, buffer: BufferInfo, axes: OutputInfo["axes"]) {
  const sizes = machine.sizes();
  const batch = batchDim(buffer);
  const dims = [...(batch < 0 ? [] : [batch]), ...dimsOf(buffer, axes)];
  const all = strides(buffer, sizes);
  return { shape: dims.map((dim) => extent(buffer.dims[dim]!, sizes)), steps: dims.map((dim) => all[dim]!) };
}

/** Puts a view of an output into `outputs`, or an array and the copying of each step where rows are padded. */
function outputView(machine: Machine, info: OutputInfo, outputs: Record<string, Numbers>): (() => void)[] {
  const buffer = machine.buffer(info.step ?? "");
  if (!buffer) return [];
  const { shape, steps } = stepLayout(machine, buffer, info.axes);
  const at = machine.at(buffer);
  const size = elements(shape);
  const contiguous = shape.every((n, k) => n === 1 || steps[k] === elements(shape.slice(k + 1)));
  if (contiguous) {
    outputs[info.name] = machine.view(buffer).subarray(at, at + size);
    return [];
  }
  const copy = buffer.dtype === "f32" ? new Float32Array(size) : new Int32Array(size);
  outputs[info.name] = copy;
  return [() => void gather(machine.view(buffer), at, steps, shape, copy)];
}
