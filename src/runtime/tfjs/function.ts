/**
 * A model as a plain function of tensors, which tfjs differentiates: a kernel with a gradient of its own, registered under a
 * name that carries the program's hash. It has memory of its own, so that a call can stand anywhere between those of the
 * model, and each runs from fresh states. Nothing is kept from forwards to backwards but what tfjs saves, the inputs: going
 * backwards runs forwards again.
 */
import type { NamedTensorMap, Tensor } from "@tensorflow/tfjs-core";
import { fail, names } from "../errors.ts";
import { type Numbers, type Sizes, span } from "../layout.ts";
import type { BufferInfo, DataInfo, Metadata } from "../metadata.ts";
import type { TensorDevice } from "./device.ts";
import { clearPadding, type Lengths } from "./tensor-padding.ts";
import { denseDims, flatLayout, type FlatLayout, pack, unpack } from "./tensor-layout.ts";
import type { Tfjs } from "./open.ts";
import type { Entry } from "./program.ts";

export type Tensors = Readonly<Record<string, Tensor>>;

export interface ApplyOptions {
  /** By name; the model's own if not given. */
  readonly parameters?: Tensors;
  /** How long each example is along an axis, by its name, where they differ: int32[examples]. */
  readonly lengths?: Tensors;
  /** As in training: with dropout. */
  readonly training?: boolean;
  /** What is drawn differs from seed to seed. Default 0. */
  readonly seed?: number;
}

export interface ModelFunction {
  /** What `apply` reads, in the order of the source. */
  readonly inputs: readonly DataInfo[];
  /** Each output by name, of a batch of each input. */
  readonly apply: (inputs: Tensors, options?: ApplyOptions) => Tensors;
  /** The model's own parameters as new tensors. */
  readonly parameters: () => Tensors;
  readonly dispose: () => void;
}

export interface FunctionOptions {
  readonly tf: Tfjs;
  readonly metadata: Metadata;
  readonly device: TensorDevice;
  readonly entries: Readonly<Record<string, Entry<unknown>>>;
  /** What tells the program from all others. */
  readonly hash: string;
  /** The flat buffer of the model's own parameters, as a new tensor. */
  readonly ownParameters: () => Tensor;
}

/** What a tensor among the inputs of the kernel is. */
interface Role {
  readonly kind: "data" | "length" | "parameter" | "parameters";
  readonly name: string;
}

/** A call as tfjs keeps it. */
interface Call {
  readonly roles: readonly Role[];
  readonly training: boolean;
  readonly seed: number;
}

/** On WebGL tfjs holds the places of a table as floats. */
const mostPlaces = 2 ** 24;

export function openFunction(options: FunctionOptions): ModelFunction {
  const { tf, metadata, device, entries, ownParameters } = options;
  const outputs = metadata.outputs.filter(({ predict }) => metadata.buffers[predict ?? ""]);
  const backend = tf.getBackend();
  const kernelName = freeName(tf, `rnnc.${metadata.name}.${options.hash}`, backend);
  let sizes: Sizes | null = null;
  let layout: FlatLayout | null = null;

  const find = (name: string): BufferInfo =>
    metadata.buffers[name] ?? fail(`the model has no buffer \`${name}\``);
  const needLayout = (): FlatLayout => {
    const length = span(find("parameters"), {});
    if (backend === "webgl" && length > mostPlaces)
      fail(`on WebGL tfjs counts to ${mostPlaces}, and the model has ${length} parameters: use WebGPU`);
    return (layout ??= flatLayout(tf, metadata.parameters, length));
  };
  const named = (
    given: readonly Tensor[],
    { roles }: Call,
    kind: Role["kind"],
  ): ReadonlyMap<string, Tensor> =>
    new Map(roles.flatMap((role, k) => (role.kind === kind ? [[role.name, given[k]!] as const] : [])));

  /** Brings a dense tensor into a buffer, zeros past the ends of the examples. */
  const take = (name: string, axes: DataInfo["axes"], dense: Tensor, lengths: Lengths): void => {
    const buffer = find(name);
    const cast = tf.cast(dense, buffer.dtype === "f32" ? "float32" : "int32");
    const clear = clearPadding(tf, cast, buffer, denseDims(buffer, axes), lengths);
    device.take(buffer, pack(tf, clear, buffer, axes, sizes!));
  };

  const give = (name: string, axes: DataInfo["axes"], lengths: Lengths): Tensor => {
    const buffer = find(name);
    const dense = unpack(tf, device.give(buffer), buffer, axes, sizes!);
    return clearPadding(tf, dense, buffer, denseDims(buffer, axes), lengths);
  };

  /** Readies memory for an entry; gives the lengths. */
  const load = (entry: string, given: readonly Tensor[], call: Call): Lengths => {
    const data = named(given, call, "data");
    const lengths = named(given, call, "length");
    const next = sizesOf(metadata, data);
    if (!sizes || metadata.symbols.some((symbol) => sizes![symbol] !== next[symbol])) device.reserve(next);
    sizes = next;
    for (const name of entries[entry]!.inputs) {
      const tensor = data.get(name);
      const axis = /^(.*)\.length$/u.exec(name)?.[1];
      const own = axis === undefined ? undefined : lengths.get(axis);
      if (tensor) take(name, dataOf(metadata, name).axes, tensor, lengths);
      else if (own) device.take(find(name), pack(tf, within(own, sizes[axis!]!), find(name), [], sizes));
      else if (!name.startsWith("cotangent:")) device.write(find(name), frame(name, axis));
    }
    if (metadata.buffers["counters"])
      device.write(
        find("counters"),
        Int32Array.from({ length: span(find("counters"), {}) }, (_, k) => (k === 0 ? call.seed : 0)),
      );
    const parameters = named(given, call, "parameter");
    const whole = named(given, call, "parameters").get("") ?? null;
    if (metadata.parameters.length > 0)
      device.take(
        find("parameters"),
        whole ?? needLayout().pack(metadata.parameters.map(({ name }) => parameters.get(name)!)),
      );
    return lengths;
  };

  const within = (lengths: Tensor, longest: number): Tensor =>
    tf.minimum(tf.cast(lengths, "int32"), tf.scalar(longest, "int32"));

  /** What an entry reads besides data: the longest length for all, ids in order, fresh states. */
  const frame = (name: string, axis: string | undefined): Numbers => {
    const length = span(find(name), sizes!);
    if (axis !== undefined) return new Int32Array(length).fill(sizes![axis]!);
    return name === "example" ? Int32Array.from({ length }, (_, k) => k) : new Int32Array(length).fill(1);
  };

  const forwards = (given: readonly Tensor[], call: Call): Tensor[] => {
    const entry = call.training && entries["apply"] ? "apply" : "predict";
    const lengths = load(entry, given, call);
    device.run(entry);
    return outputs.map(({ predict, axes }) => give(predict!, axes, lengths));
  };

  /** A gradient for each of the tensors given, in their order. */
  const backwards = (given: readonly Tensor[], changes: readonly Tensor[], call: Call): readonly Tensor[] => {
    const entry = call.training && entries["apply"] ? "apply.pullback" : "pullback";
    if (!entries[entry])
      return fail(
        `\`${metadata.name}\` gives ${names(outputs.map((o) => o.name))} as labels, which have no gradient`,
      );
    const lengths = load(entry, given, call);
    outputs.forEach(({ name, axes }, k) => {
      if (entries[entry]!.inputs.includes(`cotangent:${name}`))
        take(`cotangent:${name}`, axes, changes[k]!, lengths);
    });
    device.run(entry);
    const flat = metadata.parameters.length > 0 ? device.give(find("gradients")) : null;
    const each = call.roles.some(({ kind }) => kind === "parameter") ? needLayout().unpack(flat!) : [];
    return call.roles.map(({ kind, name }, k) => {
      if (kind === "parameters") return flat!;
      if (kind === "parameter") return each[metadata.parameters.findIndex((p) => p.name === name)]!;
      const gradient = `gradient:${name}`;
      return kind === "data" && metadata.buffers[gradient]
        ? give(gradient, dataOf(metadata, name).axes, lengths)
        : tf.zeros(given[k]!.shape);
    });
  };

  tf.registerKernel({
    kernelName,
    backendName: backend,
    kernelFunc: ({ inputs, attrs }) =>
      tf.tidy(() => forwards(inputs as unknown as readonly Tensor[], attrs as unknown as Call)),
  });
  tf.registerGradient({
    kernelName,
    saveAllInputs: true,
    gradFunc: (changes, saved, attrs) => {
      const all = Array.isArray(changes) ? changes : [changes];
      // tfjs asks for them one by one, in scopes of their own: all are computed together.
      const found = backwards(saved, all, attrs as unknown as Call);
      return Object.fromEntries(found.map((x, k) => [k, () => x]));
    },
  });

  const read = new Set([...(entries["predict"]?.inputs ?? []), ...(entries["apply"]?.inputs ?? [])]);
  const data = metadata.data.filter(({ name }) => read.has(name));

  return {
    inputs: data,
    apply: (inputs, settings = {}) =>
      tf.tidy(() => {
        if (tf.getBackend() !== backend)
          fail(
            `the model was loaded on \`${backend}\`, and tfjs runs on \`${tf.getBackend()}\` now: load it again`,
          );
        const { training = false, seed = 0 } = settings;
        const entry = training && entries["apply"] ? "apply" : "predict";
        if (!entries[entry]) fail("the model has no output: name one with `output`");
        const given = [
          ...dataRoles(data, entries[entry]!.inputs, inputs),
          ...lengthRoles(metadata, settings.lengths ?? {}),
          ...(settings.parameters
            ? parameterRoles(metadata, settings.parameters)
            : metadata.parameters.length > 0
              ? ([[{ kind: "parameters", name: "" }, ownParameters()]] as const)
              : []),
        ];
        const call: Call = { roles: given.map(([role]) => role), training, seed };
        const found = tf
          .engine()
          .runKernel(kernelName, given.map(([, x]) => x) as unknown as NamedTensorMap, call as never);
        const list = found as unknown as readonly Tensor[];
        return Object.fromEntries(outputs.map(({ name }, k) => [name, list[k]!]));
      }),
    parameters: () =>
      tf.tidy(() => {
        const each = needLayout().unpack(ownParameters());
        return Object.fromEntries(metadata.parameters.map(({ name }, k) => [name, each[k]!]));
      }),
    dispose: () => {
      tf.unregisterKernel(kernelName, backend);
      tf.unregisterGradient(kernelName);
      layout?.dispose();
      device.dispose();
    },
  };
}

/** A name that no kernel has yet: an app may load a model twice. */
function freeName(tf: Tfjs, name: string, backend: string): string {
  for (let k = 1; ; k++) {
    const tried = k === 1 ? name : `${name}.${k}`;
    if (!tf.getKernel(tried, backend)) return tried;
  }
}

const dataOf = ({ data }: Metadata, name: string): DataInfo => data.find((info) => info.name === name)!;

type Given = readonly [Role, Tensor];

/** Of the model's data what an entry reads. */
function dataRoles(data: readonly DataInfo[], read: readonly string[], inputs: Tensors): readonly Given[] {
  for (const name of Object.keys(inputs))
    if (!data.some((info) => info.name === name))
      fail(`there is no input \`${name}\`; the model reads ${names(data.map((info) => info.name))}`);
  const wanted = data.filter(({ name }) => read.includes(name));
  return wanted.map(({ name }): Given => {
    const tensor = inputs[name] ?? fail(`\`${name}\` is missing: a tensor of a batch of it`);
    return [{ kind: "data", name }, tensor];
  });
}

function lengthRoles(metadata: Metadata, lengths: Tensors): readonly Given[] {
  return Object.entries(lengths).map(([name, tensor]): Given => {
    if (!metadata.symbols.includes(name) || name === "B")
      fail(`no axis \`${name}\` has lengths; ${names(metadata.symbols.filter((s) => s !== "B"))} may`);
    return [{ kind: "length", name }, tensor];
  });
}

function parameterRoles({ parameters }: Metadata, given: Tensors): readonly Given[] {
  return parameters.map(({ name, shape }): Given => {
    const tensor = given[name] ?? fail(`the parameter \`${name}\` is missing: give all, or none`);
    if (tensor.shape.join() !== shape.join())
      fail(`the parameter \`${name}\` is [${tensor.shape.join(", ")}], the model's is [${shape.join(", ")}]`);
    return [{ kind: "parameter", name }, tensor];
  });
}

/** The sizes that the tensors have, which must agree; 1 where none says. */
function sizesOf(metadata: Metadata, data: ReadonlyMap<string, Tensor>): Sizes {
  const found = new Map<string, { readonly by: string; readonly size: number }>();
  for (const [name, { shape }] of data) {
    const buffer = metadata.buffers[name]!;
    const dims = denseDims(buffer, dataOf(metadata, name).axes).map((dim) => buffer.dims[dim]!);
    const wanted = dims.map(({ symbol, plus }) => symbol ?? String(plus)).join(", ");
    if (dims.length !== shape.length || dims.some((d, k) => d.symbol === null && d.plus !== shape[k]))
      fail(`\`${name}\` is [${shape.join(", ")}], and a batch of it is [${wanted}]`);
    dims.forEach(({ symbol }, k) => {
      if (symbol === null) return;
      const known = found.get(symbol);
      const size = shape[k]!;
      if (known && known.size !== size)
        fail(`\`${name}\` is ${size} long along ${symbol}, but \`${known.by}\` is ${known.size}`);
      found.set(symbol, { by: name, size });
    });
  }
  return Object.fromEntries(metadata.symbols.map((symbol) => [symbol, found.get(symbol)?.size ?? 1]));
}
