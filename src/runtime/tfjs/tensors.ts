/** Tensors of tfjs among what a model is given and gives. */
import type { Inputs } from "../batch.ts";
import type { Value } from "../encode.ts";
import type { Result } from "../results.ts";
import type { Tfjs } from "./open.ts";

type Tensor = InstanceType<Tfjs["Tensor"]>;

/** What a model for tfjs takes: tensors too, of one example or of a batch, or in a list. */
export type DeviceValue = Value | Tensor | readonly DeviceValue[];
export type DeviceInputs = Readonly<Record<string, DeviceValue>>;

/** An output, which can be a tensor of the app's tfjs too. */
export interface DeviceResult extends Result {
  /** A new tensor: whoever asks for it disposes of it. */
  readonly tensor: () => Tensor;
}

export const withTensor = (tf: Tfjs, result: Result): DeviceResult => ({
  ...result,
  tensor: () =>
    tf.tensor(result.data, [...result.shape], result.data instanceof Int32Array ? "int32" : "float32"),
});

const isTensor = (value: unknown): value is Tensor =>
  typeof value === "object" && value !== null && "dataId" in value && "dtype" in value;

/** The same with the numbers of its tensors, read from wherever they are. */
export async function withoutTensors(inputs: DeviceInputs): Promise<Inputs> {
  if (!Object.values(inputs).some(holdsTensor)) return inputs as Inputs;
  const entries = await Promise.all(
    Object.entries(inputs).map(async ([name, value]) => [name, await read(value)] as const),
  );
  return Object.fromEntries(entries);
}

const holdsTensor = (value: unknown): boolean =>
  isTensor(value) || (Array.isArray(value) && value.some(isTensor));

async function read(value: DeviceValue): Promise<Value> {
  if (isTensor(value)) return { data: (await value.data()) as ArrayLike<number>, shape: value.shape };
  if (!holdsTensor(value)) return value as Value;
  return Promise.all((value as readonly DeviceValue[]).map(read)) as Promise<Value>;
}
