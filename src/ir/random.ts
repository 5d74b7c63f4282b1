/**
 * Random numbers as a pure function of seed, training step, place, example and coordinate, by Threefry-2x32-20
 * (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011). A counter in place of a
 * stream means that hoisting, recomputing, sorting and padding never change a number.
 */
export interface RandomSource {
  readonly seed: number;
  /** The step of training. */
  readonly step: number;
  /** The identity of each example of the batch. */
  readonly examples: Int32Array;
}

const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** The golden ratio in 32 bits: steps of training lie far apart in the counter. */
const stepStride = 0x9e3779b9;

/** Two words of 32 bits each, unsigned, for a key and a counter of two words each. */
export function threefry(k0: number, k1: number, c0: number, c1: number): [number, number] {
  const keys = [k0 | 0, k1 | 0, 0x1bd11bda ^ k0 ^ k1];
  let x0 = (c0 + keys[0]!) | 0;
  let x1 = (c1 + keys[1]!) | 0;
  for (let round = 0; round < 20; round++) {
    const r = rotations[round % 8]!;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << r) | (x1 >>> (32 - r))) ^ x0;
    if (round % 4 === 3) {
      const group = (round + 1) / 4;
      x0 = (x0 + keys[group % 3]!) | 0;
      x1 = (x1 + keys[(group + 1) % 3]! + group) | 0;
    }
  }
  return [x0 >>> 0, x1 >>> 0];
}

/** The first word of the counter: the example and the step of training. */
export function exampleCounter(example: number, step: number): number {
  return (example + Math.imul(step, stepStride)) | 0;
}

/** In [0, 1), with 24 bits: exact in f32. */
export function uniform(word: number): number {
  return (word >>> 8) * 2 ** -24;
}

/** Box and Muller 1958, from two words. */
export function normal(x0: number, x1: number): number {
  return Math.sqrt(-2 * Math.log(1 - uniform(x0))) * Math.cos(2 * Math.PI * uniform(x1));
}

/** `example` is the first word of the counter, see `exampleCounter`. */
export function random(
  distribution: "uniform" | "normal",
  seed: number,
  place: number,
  example: number,
  coordinate: number,
): number {
  const [x0, x1] = threefry(seed, place, example, coordinate);
  return distribution === "uniform" ? uniform(x0) : normal(x0, x1);
}
