/**
 * A program text, checked, and what the tests of its meaning give it: examples by name, each with its own lengths, and
 * parameters by name. Two runners take them: the evaluator of the graph (`evaluator.ts`) and the module (`module.ts`).
 */
import { check } from "../../src/compile/check.ts";
import type { CompileOptions } from "../../src/compile/types.ts";
import type { Model } from "../../src/elaborate/program.ts";
import { fixedSize } from "../../src/ir/graph/build.ts";
import { random } from "../../src/ir/random.ts";

export type Nested = number | readonly Nested[];

/** A list of examples of each input and target; ragged ones of different lengths. */
export type Data = Readonly<Record<string, readonly Nested[]>>;

/** By name, row-major in the order of the source. */
export type Values = ReadonlyMap<string, readonly number[]>;

export interface Program {
  readonly source: string;
  readonly options: CompileOptions;
  readonly model: Model;
}

/** What one call goes by. */
export interface Call {
  readonly data: Data;
  readonly parameters: Values;
  /** Carried states by name, the examples first: the call goes on from them. Without them it starts anew. */
  readonly states?: Values;
  readonly seed?: number;
  /** The step of training, on which random numbers depend. */
  readonly step?: number;
}

export interface Prediction {
  /** By name: one flat row-major list an example, without padding. */
  readonly outputs: ReadonlyMap<string, readonly (readonly number[])[]>;
  readonly states: Values;
}

export interface Lesson {
  /** Over the examples whose target is possible. */
  readonly loss: number;
  /** How many are not. */
  readonly impossible: number;
  readonly gradients: Values;
  readonly states: Values;
}

export interface Update {
  /** Before the update. */
  readonly loss: number;
  readonly parameters: Values;
  readonly states: Values;
}

export interface Runner {
  readonly name: string;
  readonly predict: (call: Call) => Prediction;
  /** The loss of training with its gradients. */
  readonly learn: (call: Call) => Lesson;
  /** The loss of evaluation. */
  readonly evaluate: (call: Call) => number;
  /** One step of training by plain gradient descent, which the program must ask for. */
  readonly descend: (call: Call, rate: number) => Update;
}

export function program(source: string, options: CompileOptions = {}): Program {
  const { model, diagnostics } = check(source, "model.rnn", options);
  if (!model) throw new Error(`${source}\n${diagnostics.map((d) => d.message).join("\n")}`);
  return { source, options, model };
}

/** What a typed array of 32 bits can hold, so that both runners start from the same numbers. */
export const single = (values: readonly number[]): number[] => values.map(Math.fround);

/** Normal numbers from a seed and a place in the data. */
export const normals = (count: number, seed: number, deviation = 1): number[] =>
  single(Array.from({ length: count }, (_, k) => deviation * random("normal", seed, 77, 0, k)));

export const whole = (count: number, seed: number, below: number): number[] =>
  Array.from({ length: count }, (_, k) => Math.floor(below * random("uniform", seed, 78, 0, k)));

export const shapeOf = (parameter: Model["parameters"][number]): number[] => parameter.axes.map(fixedSize);

export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, size) => n * size, 1);

/** Every parameter drawn anew, so that no gradient vanishes because something starts at zero or one. */
export function drawParameters({ model }: Program, seed = 1, deviation = 0.6): Map<string, number[]> {
  return new Map(
    model.parameters.map((p, k) => [p.name, normals(sizeOf(shapeOf(p)), 1000 * seed + k, deviation)]),
  );
}

/** Examples for every input and target: normal numbers, ids below the vocabulary's size. */
export function drawData(
  { model }: Program,
  lengths: Readonly<Record<string, readonly number[]>>,
  seed = 1,
): Data {
  const [first] = Object.values(lengths);
  return Object.fromEntries(
    model.data.map((info, place) => {
      const examples = first!.map((_, b) => {
        const shape = info.axes.map((axis) => axis.size ?? lengths[axis.name]![b]!);
        if (info.feature !== null) shape.push(info.feature);
        const key = 100 * seed + 10 * place + b;
        const size = sizeOf(shape);
        return nest(info.vocabulary ? whole(size, key, info.vocabulary.size) : normals(size, key), shape);
      });
      return [info.name, examples];
    }),
  );
}

export function nest(flat: readonly number[], shape: readonly number[]): Nested {
  if (shape.length === 0) return flat[0]!;
  const [size, ...rest] = shape;
  const step = sizeOf(rest);
  return Array.from({ length: size! }, (_, k) => nest(flat.slice(k * step, (k + 1) * step), rest));
}

export const flat = (value: Nested): number[] =>
  typeof value === "number" ? [value] : value.flatMap((inner) => flat(inner));

/** The length of an example along one of its axes. */
export function lengthAt(example: Nested, level: number): number {
  if (typeof example === "number") throw new Error("an example has too few axes");
  return level === 0 ? example.length : Math.max(0, ...example.map((inner) => lengthAt(inner, level - 1)));
}

/** One of several examples alone. */
export const exampleOf = (data: Data, b: number): Data =>
  Object.fromEntries(Object.entries(data).map(([name, examples]) => [name, [examples[b]!]]));
