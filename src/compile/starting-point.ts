/**
 * A model as its training begins: compiled, its parameters as the module draws them, and made data whose sequences all
 * have the same length. Two programs that declare the same data get the same numbers.
 */
import { objectiveEntry } from "../elaborate/objective.ts";
import type { Model } from "../elaborate/program.ts";
import { fixedSize } from "../ir/graph/build.ts";
import type { Environment } from "../ir/graph/eval.ts";
import type { Graph } from "../ir/graph/types.ts";
import { axesOf } from "../ir/graph/walk.ts";
import { stableHash } from "../passes/hash.ts";
import { split } from "../passes/split.ts";
import { startMachine, type Machine } from "../runtime/machine.ts";
import { check } from "./check.ts";
import { compile } from "./compile.ts";
import { readParameters } from "./module-memory.ts";
import {
  generator,
  raggedLengths,
  randomInputs,
  vocabularySizes,
  type DataShape,
} from "./random-environment.ts";
import type { CompileOptions } from "./types.ts";

export interface StartOptions extends CompileOptions {
  /** Of the data and the parameters; default 1. */
  readonly seed?: number;
  /** Steps of every sequence; default 100. */
  readonly length?: number;
}

export interface StartingPoint {
  readonly model: Model;
  readonly machine: Machine;
  /** The loss as elaboration made it; dropout is on. */
  readonly loss: Graph;
  readonly environment: Environment;
  readonly shape: DataShape;
}

const examples = 8;

/** Null where the program has errors, or no loss. */
export async function startingPoint(
  source: string,
  file: string,
  { seed = 1, length = 100, ...options }: StartOptions,
): Promise<StartingPoint | null> {
  const { model } = check(source, file, { ...options, assume: true });
  // Of objectives that alternate, the first.
  const [objective = null] = model?.trained ?? [];
  const loss = model && split(model.graph, objectiveEntry("train", objective));
  if (!model || !loss) return null;
  const { wasm, metadata } = await compile(source, file, { ...options, assume: true });
  if (!wasm || !metadata) return null;

  const machine = await startMachine(metadata, wasm);
  const counters = machine.buffer("counters");
  // Without parameters there is nothing to start.
  if (counters) machine.integers()[machine.at(counters)] = seed;
  if (metadata.entries.initialise !== null) machine.run("initialise");
  const drawn = readParameters(machine, "parameters");
  const params = new Map(
    model.parameters.map(({ name, axes }) => {
      const sizes = axes.map(fixedSize);
      // The module leaves out what makes no difference to any of its results.
      const data = drawn.get(name) ?? new Float64Array(sizes.reduce((a, b) => a * b, 1));
      return [name, { axes, sizes, data }];
    }),
  );
  const given = new Set(
    model.data.flatMap(({ role, axes: own }) => (role === "input" ? own.map(({ name }) => name) : [])),
  );
  // What only targets run along is shorter than what they are told from: labels than frames, an answer than its source.
  const lengths = raggedLengths(axesOf(loss), examples, (_, { name }) =>
    given.has(name) ? length : Math.ceil(length / 4),
  );
  const shape = { examples, lengths, vocabularies: vocabularySizes(model.data) };
  // A generator for each input, so that what else a program declares changes nothing.
  const inputs = randomInputs([loss], shape, (name) => generator(seed ^ stableHash(name)));
  const ids = Int32Array.from({ length: examples }, (_, b) => b);
  const random = { seed, step: 0, examples: ids };
  const environment = { batch: examples, inputs, params, lengths, random };
  return { model, machine, loss, environment, shape };
}
