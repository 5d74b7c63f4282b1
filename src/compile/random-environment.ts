/**
 * Made data for looking at a program's gradients without any of its own: uniform numbers, vocabulary entries at random,
 * and parameters of a modest size. The same for the same generator.
 */
import type { Model } from "../elaborate/program.ts";
import { batch, fixedSize, isRagged, lengthAxes } from "../ir/graph/build.ts";
import type { Environment, Tensor } from "../ir/graph/eval.ts";
import type { Axis, Graph, Node, Parameter } from "../ir/graph/types.ts";
import { axesOf, nodesOf } from "../ir/graph/walk.ts";

/** Gives uniform numbers in [0, 1), one after another. */
export type Generator = () => number;

/** A small generator: the data only have to be the same for the same seed. */
export function generator(seed: number): Generator {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface DataShape {
  readonly examples: number;
  /** By the names of the ragged axes, see `Environment`. */
  readonly lengths: ReadonlyMap<string, readonly number[]>;
  /** Sizes of vocabularies by the name of their data. */
  readonly vocabularies: ReadonlyMap<string, number>;
}

/** An environment for graphs of the model; `length` gives the lengths as `raggedLengths` takes them. */
export function randomEnvironment(
  model: Model,
  graphs: readonly Graph[],
  random: Generator,
  { examples, length, seed = 1 }: RandomShape,
): Environment {
  const lengths = raggedLengths(graphs.flatMap(axesOf), examples, length);
  const shape = { examples, lengths, vocabularies: vocabularySizes(model.data) };
  const inputs = randomInputs(graphs, shape, () => random);
  const params = randomParameters(model.parameters, random);
  const ids = Int32Array.from({ length: examples }, (_, b) => b);
  return { batch: examples, inputs, params, lengths, random: { seed, step: 0, examples: ids } };
}

export interface RandomShape {
  readonly examples: number;
  readonly length: (example: number, axis: Axis) => number;
  /** Of what the model itself draws. */
  readonly seed?: number;
}

/** Lengths along the ragged axes, `draw` giving each by its example and axis; past the end of what an axis lies within they are 0. */
export function raggedLengths(
  axes: readonly Axis[],
  examples: number,
  draw: (example: number, axis: Axis) => number,
): Map<string, readonly number[]> {
  const found = new Map<string, readonly number[]>();
  const outward = [...axes].sort((a, b) => lengthAxes(a).length - lengthAxes(b).length);
  for (const axis of outward) {
    if (axis.size.kind !== "ragged" || found.has(axis.name)) continue;
    const shape = { examples, lengths: found, vocabularies: new Map<string, number>() };
    const over = lengthAxes(axis);
    const sizes = over.map((of) => sizeOf(of, shape));
    const count = sizes.reduce((a, b) => a * b, 1);
    const lengths = Float64Array.from({ length: count }, (_, k) =>
      draw(placeAt(over, sizes, k).get(batch)!, axis),
    );
    clearPadding(over, sizes, found, lengths);
    found.set(axis.name, [...lengths]);
  }
  return found;
}

/** A tensor for each input of the graphs. `random` gives the generator of an input's numbers. */
export function randomInputs(
  graphs: readonly Graph[],
  shape: DataShape,
  random: (name: string) => Generator,
): Map<string, Tensor> {
  const inputs = new Map<string, Tensor>();
  for (const node of graphs.flatMap((g) => nodesOf(g, "input"))) {
    const { name } = node.attributes;
    if (!inputs.has(name)) inputs.set(name, inputTensor(node, shape, elementOf(node, shape, random)));
  }
  return inputs;
}

/** Starts of sequences are fresh and states zero; tokens are entries of their vocabulary, others uniform. */
function elementOf(
  { attributes: { name }, type }: Node<"input">,
  { vocabularies }: DataShape,
  random: (name: string) => Generator,
): Generator {
  if (name === "fresh") return () => 1;
  if (name.startsWith("state:")) return () => 0;
  const draw = random(name);
  if (type.dtype === "i32") return () => Math.floor(draw() * (vocabularies.get(name) ?? 2));
  return () => Math.fround(draw());
}

/** One value for each place within the lengths, zero past an example's end: the module relies on that. */
export function inputTensor({ type: { axes } }: Node, shape: DataShape, value: Generator): Tensor {
  const sizes = axes.map((axis) => sizeOf(axis, shape));
  const data = Float64Array.from({ length: sizes.reduce((a, b) => a * b, 1) }, value);
  clearPadding(axes, sizes, shape.lengths, data);
  return { axes, sizes, data };
}

function sizeOf(axis: Axis, { examples, lengths }: DataShape): number {
  if (axis.size.kind === "fixed") return axis.size.size;
  return isRagged(axis) ? Math.max(...lengthsAlong(axis, lengths)) : examples;
}

/** Those given, or what follows from them: `2 * |i| + 1`. */
function lengthsAlong({ name, size }: Axis, given: DataShape["lengths"]): readonly number[] {
  if (size.kind !== "linear") return given.get(name)!;
  return lengthsAlong(size.of, given).map((n) => Math.max(0, size.times * n + size.plus));
}

function clearPadding(
  axes: readonly Axis[],
  sizes: readonly number[],
  lengths: ReadonlyMap<string, readonly number[]>,
  data: Float64Array,
): void {
  for (let flat = 0; flat < data.length; flat++) {
    const place = placeAt(axes, sizes, flat);
    const isPast = (axis: Axis): boolean => {
      const over = lengthAxes(axis);
      if (!isRagged(axis) || over.some((of) => !place.has(of))) return false;
      const at = over.reduce((n, of) => n * sizes[axes.indexOf(of)]! + place.get(of)!, 0);
      return place.get(axis)! >= lengthsAlong(axis, lengths)[at]!;
    };
    if (axes.some(isPast)) data[flat] = 0;
  }
}

/** The index along each axis of an element, row-major. */
function placeAt(axes: readonly Axis[], sizes: readonly number[], flat: number): ReadonlyMap<Axis, number> {
  const place = new Map<Axis, number>();
  for (let k = sizes.length - 1, rest = flat; k >= 0; rest = Math.floor(rest / sizes[k]!), k--)
    place.set(axes[k]!, rest % sizes[k]!);
  return place;
}

/** Uniform within ±1/√(last axis). */
export function randomParameters(parameters: readonly Parameter[], random: Generator): Environment["params"] {
  return new Map(
    parameters.map((p) => {
      const sizes = p.axes.map(fixedSize);
      const count = sizes.reduce((a, b) => a * b, 1);
      const scale = 1 / Math.sqrt(sizes.at(-1) ?? 1);
      const data = Float64Array.from({ length: count }, () => Math.fround((2 * random() - 1) * scale));
      return [p.name, { axes: p.axes, sizes, data }];
    }),
  );
}

export const vocabularySizes = (
  data: readonly { name: string; vocabulary: { size: number } | null }[],
): ReadonlyMap<string, number> =>
  new Map(data.flatMap((d) => (d.vocabulary ? [[d.name, d.vocabulary.size] as const] : [])));
