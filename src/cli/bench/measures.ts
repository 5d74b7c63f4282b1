/** What `rnnc bench` times of a model: each entry that it has, through the package's own interface, on random data. */
import type { Dense, Value } from "../../runtime/encode.ts";
import type { Model } from "../../runtime/load.ts";
import type { DataInfo } from "../../runtime/metadata.ts";
import { randomExamples, type Lengths } from "./random-data.ts";

export interface Measure {
  readonly name: "predict" | "step" | "train";
  readonly about: string;
  /** How many examples a run is of. */
  readonly examples: number;
  readonly run: () => unknown;
}

export interface Sizes {
  readonly batch: number;
  readonly lengths: Lengths;
}

export function measuresOf(model: Model, sizes: Sizes): readonly Measure[] {
  const { entries } = model.metadata;
  return [
    ...(entries.predict === null ? [] : [predicting(model, sizes)]),
    ...(entries.step === null ? [] : [stepping(model)]),
    ...(entries.evaluate === null ? [] : [training(model, sizes)]),
  ];
}

/** A value for each data of these roles, by name; what the runtime derives is not given. */
function valuesOf<T>(model: Model, roles: readonly DataInfo["role"][], value: (info: DataInfo) => T) {
  const given = model.metadata.data.filter(({ role, derived }) => roles.includes(role) && derived === null);
  return Object.fromEntries(given.map((info) => [info.name, value(info)]));
}

function predicting(model: Model, { batch, lengths }: Sizes): Measure {
  const inputs = valuesOf(model, ["input"], (info) => randomExamples(info, lengths, batch));
  return { name: "predict", about: "prediction", examples: batch, run: () => model.predict(inputs) };
}

function stepping(model: Model): Measure {
  const frame = valuesOf(model, ["input"], frameOf);
  const stream = model.stream();
  return { name: "step", about: "one step of one sequence", examples: 1, run: () => stream.step(frame) };
}

/** What a step reads of some data: its sequences have gone. */
function frameOf(info: DataInfo): Value {
  const axes = info.axes.filter(({ size }) => size !== null);
  const [{ data, shape }] = randomExamples({ ...info, axes }, () => 1, 1) as [Dense];
  if (shape.length === 0) return data[0]!;
  return shape.length === 1 ? data : { data, shape };
}

function training(model: Model, { batch, lengths }: Sizes): Measure {
  const trainer = model.trainer({ seed: 1, stepsPerEpoch: 1000 });
  const about = { name: "train", about: "training step", examples: batch } as const;
  const roles = ["input", "target"] as const;
  if (!model.metadata.chunked) {
    const made = trainer.batch(valuesOf(model, roles, (info) => randomExamples(info, lengths, batch)));
    return { ...about, run: () => trainer.step(made) };
  }
  // One long sequence, cut into as many as a batch has; one step more, for what comes next after the last.
  const long: Lengths = (axis) => lengths(axis) * batch + 1;
  const sequences = valuesOf(model, roles, (info) => randomExamples(info, long, 1)[0]!);
  const [axis] = model.metadata.symbols.filter((symbol) => symbol !== "B");
  const [chunk] = trainer.chunks(sequences, { batch, length: lengths(axis!) });
  return { ...about, run: () => trainer.step(chunk!) };
}
