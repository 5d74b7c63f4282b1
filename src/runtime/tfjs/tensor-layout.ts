/** Dense tensors as the elements of a buffer, and back, by ops of tfjs: what is moved stays on the device. */
import type { Tensor } from "@tensorflow/tfjs-core";
import { batchDim, dimsOf, eachPlace, extent, type Sizes, strides } from "../layout.ts";
import type { BufferInfo, ParameterInfo } from "../metadata.ts";
import { elements } from "../safetensors.ts";
import type { Tfjs } from "./open.ts";

type Axes = readonly { readonly name: string }[];

/** The dims of a buffer in the order of a dense tensor: the batch, then the axes of the data. */
export function denseDims(buffer: BufferInfo, axes: Axes): readonly number[] {
  const batch = batchDim(buffer);
  return [...(batch < 0 ? [] : [batch]), ...dimsOf(buffer, axes)];
}

/** A dense tensor as the elements of a buffer in a row, zeros in its padding. */
export function pack(tf: Tfjs, dense: Tensor, buffer: BufferInfo, axes: Axes, sizes: Sizes): Tensor {
  const dims = denseDims(buffer, axes);
  const steps = strides(buffer, sizes);
  const ordered = tf.transpose(
    dense,
    buffer.dims.map((_, dim) => dims.indexOf(dim)),
  );
  return buffer.dims.reduceRight((inner, of, dim) => {
    const taken = extent(of, sizes) * steps[dim]!;
    const rows = tf.reshape(inner, [-1, taken]);
    const room = dim === 0 ? taken : steps[dim - 1]!;
    return room === taken
      ? rows
      : tf.pad2d(rows as never, [
          [0, 0],
          [0, room - taken],
        ]);
  }, ordered);
}

/** The elements of a buffer in a row as a dense tensor, without its padding. */
export function unpack(tf: Tfjs, packed: Tensor, buffer: BufferInfo, axes: Axes, sizes: Sizes): Tensor {
  const steps = strides(buffer, sizes);
  const extents = buffer.dims.map((of) => extent(of, sizes));
  const rows = buffer.dims.reduce((outer, _, dim) => {
    const room = dim === 0 ? extents[0]! * steps[0]! : steps[dim - 1]!;
    const taken = extents[dim]! * steps[dim]!;
    const within = tf.reshape(outer, [-1, room]);
    return room === taken ? within : tf.slice2d(within as never, [0, 0], [-1, taken]);
  }, packed);
  return tf.transpose(tf.reshape(rows, extents), [...denseDims(buffer, axes)]);
}

/** The parameters of a model in the flat buffer of them, moved by two tables of places. */
export interface FlatLayout {
  /** Tensors in the order of the metadata. */
  readonly pack: (parameters: readonly Tensor[]) => Tensor;
  readonly unpack: (flat: Tensor) => readonly Tensor[];
  readonly dispose: () => void;
}

/** `length`: of the flat buffer, in elements. */
export function flatLayout(tf: Tfjs, parameters: readonly ParameterInfo[], length: number): FlatLayout {
  const counts = parameters.map(({ shape }) => elements(shape));
  const places = new Int32Array(counts.reduce((a, b) => a + b, 0));
  // What belongs to no parameter is the zero before them all.
  const sources = new Int32Array(length);
  let next = 0;
  for (const info of parameters)
    eachPlace(info, (place) => {
      places[next++] = place;
      sources[place] = next;
    });
  const [toFlat, fromFlat] = [sources, places].map((table) => tf.keep(tf.tensor1d(table, "int32"))) as [
    Tensor,
    Tensor,
  ];
  return {
    pack: (given) => {
      const zero = tf.zeros([1]);
      const all = tf.concat([zero, ...given.map((x) => tf.reshape(x, [-1]))]);
      return tf.gather(all, toFlat as never);
    },
    unpack: (flat) => {
      const all = tf.gather(flat, fromFlat as never);
      let from = 0;
      return parameters.map(({ shape }, k) => {
        const one = tf.slice(all, [from], [counts[k]!]);
        from += counts[k]!;
        return tf.reshape(one, [...shape]);
      });
    },
    dispose: () => [toFlat, fromFlat].forEach((table) => table.dispose()),
  };
}
