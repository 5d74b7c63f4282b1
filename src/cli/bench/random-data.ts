/** Random values for a model's inputs, targets and weights: what they are does not matter, only how much of them there is. */
import type { Dense } from "../../runtime/encode.ts";
import type { DataInfo, Metadata } from "../../runtime/metadata.ts";
import { elements, writeSafetensors } from "../../runtime/safetensors.ts";

/** How long sequences are, by the name of their axis. */
export type Lengths = (axis: string) => number;

/** `count` examples of some data: numbers in [-1, 1), or ids of its vocabulary. */
export function randomExamples(info: DataInfo, lengths: Lengths, count: number): readonly Dense[] {
  const shape = [
    ...info.axes.map(({ name, size }) => size ?? lengths(name)),
    ...(info.feature === null ? [] : [info.feature]),
  ];
  const size = elements(shape);
  return Array.from({ length: count }, () => ({ shape, data: randomValues(info, size) }));
}

function randomValues({ base, vocabulary }: DataInfo, size: number): Float32Array | Int32Array {
  if (base === "f32") return uniform(size, 1);
  return Int32Array.from({ length: size }, () => Math.floor(Math.random() * (vocabulary?.size ?? 2)));
}

/** Small enough that sums stay near 1. */
export function randomWeights({ parameters }: Metadata): Uint8Array {
  const tensors = parameters.map(({ name, shape }) => {
    const data = uniform(elements(shape), 1 / Math.sqrt(shape.at(-1) ?? 1));
    return [name, { shape, data }] as const;
  });
  return writeSafetensors({ tensors: new Map(tensors), metadata: {} });
}

const uniform = (size: number, bound: number): Float32Array =>
  Float32Array.from({ length: size }, () => (2 * Math.random() - 1) * bound);
