/**
 * Training: the loop's bookkeeping around the module's entries `gradients` and `update`. Random numbers depend on seed,
 * step and example alone and a checkpoint holds everything else, so a training that was stopped and resumed gives
 * the same bits as one that was not.
 */
import { type Batch, type DataSpecs, type Inputs, madeBatch, makeBatch } from "./batch.ts";
import { type ChunkOptions, cutChunks, type Sequences } from "./chunks.ts";
import { moments, type Position, readCheckpoint, startPosition, writeCheckpoint } from "./checkpoint.ts";
import { feed } from "./feed.ts";
import { type Machine, newTenant, type Tenant } from "./machine.ts";
import type { ObjectiveInfo } from "./metadata.ts";
import { writeSafetensors } from "./safetensors.ts";
import type { Searches } from "./searches.ts";
import { learningRate, nextPlateau, waitFor } from "./schedule.ts";
import type { TrainSettings } from "./train-settings.ts";
import { readFlat } from "./weights.ts";

/** What may differ from the model's own `train { … }` without compiling it again. */
export type RunSettings = Partial<
  Pick<TrainSettings, "batch" | "epochs" | "steps" | "schedules" | "patience" | "validate">
> & {
  /** The optimiser's learning rate, before schedules. */
  readonly rate?: number;
};

export interface TrainerOptions {
  /** Of initial weights, dropout and sampling. Default: that of `train { … }`. */
  readonly seed?: number;
  readonly settings?: RunSettings;
  /** How many steps an epoch has: what `cosine` needs where `steps` is not given. */
  readonly stepsPerEpoch?: number;
}

/** How a training starts, and what it is handed. */
export interface TrainingOptions extends TrainerOptions {
  /** Whether weights are drawn first. */
  readonly initialise: boolean;
  /** Draws what minimum risk training learns from; null for models that search for nothing. */
  readonly candidatesOf?: Searches["candidatesOf"] | null;
}

/** By the nets that objectives name; of one without a net under the empty name. */
export type Losses = Readonly<Record<string, number>>;

export interface StepReport {
  /** Of this batch, before the update: the mean over its examples, `impossible` ones left out; inf where none is left. */
  readonly loss: number;
  /** By net, of objectives that alternate: `loss` is their sum. */
  readonly losses?: Losses;
  /** How many examples have the loss inf: no path spells their target, so there was nothing to learn from them. */
  readonly impossible: number;
  /** Of the gradient over all parameters, before clipping. */
  readonly norm: number;
  /** The learning rate. */
  readonly rate: number;
  /** Whether the update was left out because the gradient was not finite. */
  readonly skipped: boolean;
}

export interface Evaluation {
  /** The mean over the examples that count; inf where none does. */
  readonly loss: number;
  /** As in `StepReport`. */
  readonly losses?: Losses;
  /** Those whose target is not impossible; over long sequences, their steps. */
  readonly count: number;
  /** How many examples have the loss inf. */
  readonly impossible: number;
}

export interface EpochReport {
  /** Whether the loss has not improved for longer than `stop patience` allows. */
  readonly stop: boolean;
  /** Whether this loss is the best so far. */
  readonly best: boolean;
}

export interface BatchSettings {
  /** Identities of the examples, on which dropout depends: their places in the data. Default 0, 1, … */
  readonly ids?: ArrayLike<number>;
}

export interface Trainer {
  /** Where the training stands. */
  readonly position: () => Position;
  readonly settings: TrainSettings;
  /** Checks and encodes a batch of inputs and targets once, to be trained on often. */
  readonly batch: (inputs: Inputs, settings?: BatchSettings) => Batch;
  /** One step of training on one example, a list of examples of each input and target, or a chunk. */
  readonly step: (batch: Inputs | Batch) => StepReport;
  /** The loss without training: dropout is off, nothing changes. */
  readonly evaluate: (batch: Inputs | Batch) => Evaluation;
  /** Long sequences as chunks for `step`, in order, for a model with `tbptt`. */
  readonly chunks: (sequences: Sequences, options?: ChunkOptions) => Generator<Batch, void>;
  /** The loss over long sequences, weighted by their steps; the states of the training stay as they are. */
  readonly evaluateChunks: (sequences: Sequences, options?: ChunkOptions) => Evaluation;
  /** Ends an epoch, with the loss that counts: schedules go on, and waiting for an improvement. */
  readonly endEpoch: (loss: number) => EpochReport;
  /** Everything that the training goes on from, as a safetensors file. */
  readonly save: () => Uint8Array;
  /** Goes on from a checkpoint; refuses one of another model. */
  readonly load: (file: ArrayBuffer | Uint8Array) => void;
  /** The weights as a safetensors file: with `average`, their average. */
  readonly weights: () => Uint8Array;
}

export function openTrainer(machine: Machine, of: DataSpecs, options: TrainingOptions): Trainer {
  const training = openTraining(machine, of, options);
  const evaluate = (batch: Batch, tenant: Tenant): Evaluation => {
    training.launchEvaluation(batch, tenant);
    return training.evaluated(batch);
  };
  return {
    settings: training.settings,
    position: training.position,
    batch: training.batch,
    step: (given) => {
      const batch = training.made(given);
      const seed = training.settings.seed + training.position().step;
      const drawn = options.candidatesOf?.(machine, of, batch, seed) ?? null;
      return training.report(training.launch(drawn?.batch ?? batch), drawn?.risk);
    },
    evaluate: (batch) => evaluate(training.made(batch), training.evaluating),
    chunks: training.chunks,
    evaluateChunks: (sequences, chunk) => {
      const tenant = newTenant();
      const mean = weightedMean();
      for (const batch of training.chunks(sequences, chunk))
        mean.add(evaluate(batch, tenant), stepsOf(batch));
      return mean.result();
    },
    endEpoch: training.endEpoch,
    save: training.save,
    load: training.load,
    weights: training.weights,
  };
}

/** A trainer in parts: what starts work, and what reads its results once they are in memory. */
export interface Training extends Pick<
  Trainer,
  "settings" | "position" | "batch" | "chunks" | "endEpoch" | "save" | "load" | "weights"
> {
  /** Whose states training and evaluation keep. */
  readonly training: Tenant;
  readonly evaluating: Tenant;
  readonly made: (batch: Inputs | Batch) => Batch;
  /** One step; gives its learning rate. */
  readonly launch: (batch: Batch) => number;
  /** Names of the buffers that `report` and `evaluated` read. */
  readonly reported: readonly string[];
  readonly measured: readonly string[];
  /** What the last step left there; `risk`: what it made small, in minimum risk training. */
  readonly report: (rate: number, risk?: number) => StepReport;
  readonly launchEvaluation: (batch: Batch, tenant: Tenant) => void;
  /** What the last evaluation, of this batch, left there. */
  readonly evaluated: (batch: Batch) => Evaluation;
}

export function openTraining(machine: Machine, of: DataSpecs, options: TrainingOptions): Training {
  const { metadata } = machine;
  if (metadata.entries.evaluate === null) machine.run("evaluate");
  const objectives = metadata.alternating ?? [onlyObjective];
  const settings = mergeSettings(metadata.train, options);
  const training = newTenant();
  let position = startPosition;
  machine.constant("counters")[0] = settings.seed;
  if (options.initialise) machine.run("initialise");
  else clearTraining(machine);

  const lossAt = (name: string): number => machine.constant(name)[0]!;

  /** Counted only where a loss can be inf. */
  const counted = (names: readonly string[]): string[] => names.filter((name) => machine.buffer(name));
  const impossible = (names: readonly string[]): number => Math.max(0, ...counted(names).map(lossAt));
  const leftOut = objectives.map((objective) => objective.impossible);
  const left = ["evaluate:impossible"];
  const lossesBy = (of: (objective: ObjectiveInfo) => string): { readonly losses?: Losses } =>
    metadata.alternating
      ? { losses: Object.fromEntries(objectives.map((o) => [o.net ?? "", lossAt(of(o))])) }
      : {};

  return {
    settings,
    training,
    reported: [...objectives.map(({ loss }) => loss), ...counted(leftOut), "report"],
    measured: [...new Set(["evaluate:loss", ...counted(left), ...objectives.map(({ part }) => part)])],
    evaluating: newTenant(),
    position: () => position,
    made: (batch) => (madeBatch(batch) ? batch : makeBatch(of, batch, { targets: true })),
    batch: (inputs, { ids } = {}) => makeBatch(of, inputs, { targets: true, ids }),
    launch: (batch) => {
      feed(machine, of, batch, training, true);
      const rate = learningRate(settings, {
        step: position.step,
        epoch: position.epoch,
        totalSteps: totalSteps(settings, options),
        plateauScale: position.plateau.scale,
      });
      machine.constant("settings")[0] = rate;
      for (const { gradients, update } of objectives) {
        machine.run(gradients);
        machine.run(update);
      }
      position = { ...position, step: position.step + 1 };
      return rate;
    },
    report: (rate, risk) => {
      // The norm and whether the update was skipped, of one objective after another.
      const report = machine.constant("report");
      const norms = objectives.map((_, k) => report[2 * k]!);
      return {
        loss: risk ?? objectives.reduce((sum, { loss }) => sum + lossAt(loss), 0),
        ...lossesBy(({ loss }) => loss),
        impossible: impossible(leftOut),
        norm: norms.length === 1 ? norms[0]! : Math.hypot(...norms),
        rate,
        skipped: objectives.some((_, k) => report[2 * k + 1] !== 0),
      };
    },
    launchEvaluation: (batch, tenant) => {
      feed(machine, of, batch, tenant, true);
      machine.run("evaluate");
    },
    evaluated: ({ count }) => {
      const some = impossible(left);
      const losses = lossesBy(({ part }) => part);
      return { loss: lossAt("evaluate:loss"), ...losses, count: count - some, impossible: some };
    },
    chunks: (sequences, chunk) => cutChunks(of, settings, sequences, chunk),
    endEpoch: (loss) => {
      const waiting = waitFor(position.waiting, loss);
      const plateau = settings.schedules.reduce(
        (state, schedule) => (schedule.kind === "plateau" ? nextPlateau(state, loss, schedule) : state),
        position.plateau,
      );
      position = { ...position, epoch: position.epoch + 1, waiting, plateau };
      return {
        stop: settings.patience !== null && waiting.since > settings.patience,
        best: waiting.since === 0,
      };
    },
    save: () => writeCheckpoint(machine, position, machine.states(training)),
    load: (file) => {
      const checkpoint = readCheckpoint(machine, file);
      position = checkpoint.position;
      machine.assign(training, checkpoint.states);
    },
    weights: () => {
      const average = machine.buffer("moment.average") ? "moment.average" : "parameters";
      const own = { model: metadata.name, fingerprint: metadata.fingerprint };
      return writeSafetensors({ tensors: new Map(readFlat(machine, average)), metadata: own });
    },
  };
}

/** The steps of a chunk, over all its examples. */
export const stepsOf = (batch: Batch): number => batch.lengths.values().next().value![0]! * batch.count;

export function weightedMean(): {
  /** `steps`: of all the batch's examples together. */
  readonly add: (part: Evaluation, steps: number) => void;
  readonly result: () => Evaluation;
} {
  let sum = 0;
  let total = 0;
  let left = 0;
  return {
    add: ({ loss, count, impossible }, steps) => {
      const counted = (steps * count) / (count + impossible);
      if (count > 0) sum += loss * counted;
      total += counted;
      left += impossible;
    },
    result: () => ({ loss: total > 0 ? sum / total : Infinity, count: total, impossible: left }),
  };
}

/** Of a model whose every parameter one objective trains. */
const onlyObjective: ObjectiveInfo = {
  net: null,
  gradients: "gradients",
  update: "update",
  loss: "train:loss",
  impossible: "train:impossible",
  part: "evaluate:loss",
};

function mergeSettings(own: TrainSettings, { settings = {}, seed }: TrainerOptions): TrainSettings {
  const { rate, ...rest } = settings;
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const optimiser = rate === undefined ? own.optimiser : { ...own.optimiser, rate };
  return { ...own, ...given, optimiser, seed: seed ?? own.seed };
}

function totalSteps({ steps, epochs }: TrainSettings, { stepsPerEpoch }: TrainerOptions): number {
  return Math.min(steps ?? Infinity, epochs * (stepsPerEpoch ?? Infinity));
}

/** A new training of given weights: moments and counters zero, as `initialise` leaves them. */
function clearTraining(machine: Machine): void {
  for (const moment of moments(machine)) machine.constant(moment).fill(0);
  machine.constant("counters").fill(0, 1);
}
