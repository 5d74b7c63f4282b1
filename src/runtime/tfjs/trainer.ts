/**
 * Training on a device: the trainer of the WASM runtime, whose methods give promises. Steps may be called without waiting
 * for those before: the device works them off in order, and only loss and norm come back.
 */
import { type Batch, type DataSpecs, madeBatch } from "../batch.ts";
import { sizesOf } from "../feed.ts";
import type { Sizes } from "../layout.ts";
import { newTenant, type Machine, type Tenant } from "../machine.ts";
import {
  type Evaluation,
  openTraining,
  stepsOf,
  type StepReport,
  type Trainer,
  type TrainerOptions,
  type Training,
  weightedMean,
} from "../trainer.ts";
import type { Candidates } from "../risk.ts";
import type { ChunkOptions, Sequences } from "../chunks.ts";
import { type DeviceInputs, withoutTensors } from "./tensors.ts";

/** As `Trainer`, but what reads from the device gives promises. */
export interface DeviceTrainer extends Pick<
  Trainer,
  "position" | "settings" | "batch" | "chunks" | "endEpoch"
> {
  readonly step: (batch: DeviceInputs | Batch) => Promise<StepReport>;
  readonly evaluate: (batch: DeviceInputs | Batch) => Promise<Evaluation>;
  readonly evaluateChunks: (sequences: Sequences, options?: ChunkOptions) => Promise<Evaluation>;
  readonly save: () => Promise<Uint8Array>;
  readonly load: (file: ArrayBuffer | Uint8Array) => Promise<void>;
  readonly weights: () => Promise<Uint8Array>;
}

/** What a trainer needs of the model it belongs to. */
export interface Owner {
  readonly machine: Machine;
  readonly of: DataSpecs;
  /** Runs a call when those before it have ended. */
  readonly turn: <T>(call: () => T | Promise<T>) => Promise<T>;
  /** Brings the states that a call would displace to the host. */
  readonly makeWay: (tenant: Tenant, sizes: Sizes, fresh: boolean) => Promise<void>;
  readonly download: (names: readonly string[]) => Promise<void>;
  readonly changed: (names: readonly string[]) => void;
  /** The buffers of the flat parameters, moments and counters. */
  readonly persistent: readonly string[];
  /** Draws what minimum risk training learns from; null for all other models. */
  readonly candidatesOf: ((batch: Batch, seed: number) => Promise<Candidates | null>) | null;
}

export function openDeviceTrainer(
  owner: Owner,
  options: TrainerOptions & { readonly initialise: boolean },
): DeviceTrainer {
  const { machine, of, turn, makeWay, download, changed, persistent, candidatesOf } = owner;
  const training: Training = openTraining(machine, of, options);
  changed(persistent.filter((name) => name !== "parameters"));

  const made = async (given: DeviceInputs | Batch): Promise<Batch> =>
    isMade(given) ? given : training.made(await withoutTensors(given));

  const evaluate = async (batch: Batch, tenant: Tenant): Promise<Evaluation> => {
    await makeWay(tenant, sizesOf(of, batch), batch.fresh);
    training.launchEvaluation(batch, tenant);
    await download(training.measured);
    return training.evaluated(batch);
  };

  return {
    settings: training.settings,
    position: training.position,
    batch: training.batch,
    chunks: training.chunks,
    endEpoch: training.endEpoch,
    step: async (given) => {
      const batch = await made(given);
      // The next step may start before this one's loss has come back.
      const { rate, risk, arrived } = await turn(async () => {
        const seed = training.settings.seed + training.position().step;
        const drawn = candidatesOf && (await candidatesOf(batch, seed));
        const own = drawn?.batch ?? batch;
        await makeWay(training.training, sizesOf(of, own), own.fresh);
        changed(["settings"]);
        const rate = training.launch(own);
        return { rate, risk: drawn?.risk, arrived: download(training.reported) };
      });
      await arrived;
      return training.report(rate, risk);
    },
    evaluate: async (given) => {
      const batch = await made(given);
      return turn(() => evaluate(batch, training.evaluating));
    },
    evaluateChunks: (sequences, chunk) =>
      turn(async () => {
        const tenant = newTenant();
        const mean = weightedMean();
        for (const batch of training.chunks(sequences, chunk))
          mean.add(await evaluate(batch, tenant), stepsOf(batch));
        return mean.result();
      }),
    save: () =>
      turn(async () => {
        await download([...persistent, ...machine.metadata.states]);
        return training.save();
      }),
    load: (file) =>
      turn(() => {
        training.load(file);
        changed(persistent);
      }),
    weights: () =>
      turn(async () => {
        await download(persistent);
        return training.weights();
      }),
  };
}

const isMade = (given: DeviceInputs | Batch): given is Batch => madeBatch(given as Batch);
