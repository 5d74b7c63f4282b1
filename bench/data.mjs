/**
 * What every contestant of a row is given: the same inputs, targets and weights, drawn from a small generator, so that their
 * results can be compared before their times are.
 */

/** Uniform numbers in [0, 1). */
export const generator = (seed) => () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;

const integers = (random, count, below) =>
  Int32Array.from({ length: count }, () => Math.floor(random() * below));
const numbers = (random, count, scale) =>
  Float32Array.from({ length: count }, () => (2 * random() - 1) * scale);

/**
 * `frames` [B, T, features]; or `tokens` [B, T] with `targets` the tokens one step later, and `stream`, the
 * long sequence whose first chunk they are; else `targets` are labels.
 */
export function dataOf({ input, head, B, T }) {
  const random = generator(7);
  if (input.features) {
    const frames = numbers(random, B * T * input.features, 1);
    return { frames, targets: head ? labels(random, head, B) : null };
  }
  // Two chunks for each of the B sequences that the stream is cut into, and the last step's successor.
  const stream = integers(random, 2 * B * T + 1, input.vocabulary);
  const cut = (shift) =>
    Int32Array.from({ length: B * T }, (_, k) => stream[2 * T * Math.floor(k / T) + (k % T) + shift]);
  return { stream, tokens: cut(0), targets: cut(1) };
}

/** One an example, [B]; for CTC, whose last class is the blank, [B, labels]. */
const labels = (random, { classes, labels }, B) =>
  labels === undefined ? integers(random, B, classes) : integers(random, B * labels, classes - 1);

/** By name: dense, row-major, as their shapes in the program say; small enough that no gate saturates. */
export function weightsOf(parameters) {
  const random = generator(11);
  return new Map(
    parameters.map(({ name, shape }) => {
      const count = shape.reduce((a, b) => a * b, 1);
      return [name, { shape, data: numbers(random, count, 1 / Math.sqrt(shape.at(-1))) }];
    }),
  );
}

/** One after the other: of gates' maps [n, k], the map [gates·n, k]. */
export function joined(weights, prefix, names) {
  const parts = names.map((name) => weights.get(`${prefix}.${name}`).data);
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

/** [rows, columns] as [columns, rows]. */
export function transposed(data, columns) {
  const rows = data.length / columns;
  return Float32Array.from(data, (_, k) => data[(k % rows) * columns + Math.floor(k / rows)]);
}
