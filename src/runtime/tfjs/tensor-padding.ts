/** Zeros past the ends of the examples, in dense tensors: what lies there is undefined otherwise. */
import type { Tensor } from "@tensorflow/tfjs-core";
import type { BufferInfo, ExtentInfo } from "../metadata.ts";
import type { Tfjs } from "./open.ts";

/** By the names of axes; those not there are as long as the tensors. */
export type Lengths = ReadonlyMap<string, Tensor>;

/** `dims`: the dims of the buffer in the order of the dense tensor's axes. */
export function clearPadding(
  tf: Tfjs,
  dense: Tensor,
  buffer: BufferInfo,
  dims: readonly number[],
  lengths: Lengths,
): Tensor {
  return dims.reduce((tensor, dim, axis) => {
    const of = buffer.dims[dim]!;
    const given = of.symbol === null ? undefined : lengths.get(of.symbol);
    // Lengths are over the batch, and over the axes before this one where it lies within them.
    if (!given || of.symbol === "B") return tensor;
    const own = tf.reshape(lengthOf(tf, given, of), [...given.shape, ...dims.slice(given.rank).map(() => 1)]);
    const places = tf.reshape(
      tf.range(0, dense.shape[axis]!, 1, "int32"),
      dims.map((_, k) => (k === axis ? -1 : 1)),
    );
    return tf.where(tf.less(places, own), tensor, tf.zerosLike(tensor));
  }, dense);
}

/** Of an axis that follows another's length: `times * length + plus`, divided by `by`. */
function lengthOf(tf: Tfjs, given: Tensor, { times, plus, by = 1 }: ExtentInfo): Tensor {
  const length = tf.cast(given, "int32");
  if (times === 1 && plus === 0 && by === 1) return length;
  const scaled = tf.add(tf.mul(length, tf.scalar(times, "int32")), tf.scalar(plus, "int32"));
  return tf.maximum(tf.floorDiv(scaled, tf.scalar(by, "int32")), tf.scalar(0, "int32"));
}
