/**
 * A model on a device: predictions, streams, training and weights as the WASM runtime has them, over a machine whose memory
 * is the host's copy of the device's. What waits for the device gives a promise.
 */
import { type Batch, dataSpecs, type Inputs, makeBatch } from "../batch.ts";
import { bounded } from "../bounded.ts";
import { fail } from "../errors.ts";
import { feed, sizesOf } from "../feed.ts";
import { chooses, type GenerateOptions } from "../generate.ts";
import { newTenant, openMachine, type States, type Tenant } from "../machine.ts";
import type { Metadata } from "../metadata.ts";
import { readSpelled } from "../spellings.ts";
import { readSafetensors, type Tensor as Named, writeSafetensors } from "../safetensors.ts";
import { openSteps, type StreamOptions } from "../stream.ts";
import type { Numbers, Sizes } from "../layout.ts";
import type { TrainerOptions } from "../trainer.ts";
import type { Vocabulary } from "../vocabulary.ts";
import type { Value } from "../encode.ts";
import { checkTensors, readFlat, writeFlat } from "../weights.ts";
import type { DeviceReport, TensorDevice } from "./device.ts";
import type { ApplyOptions, FunctionOptions, ModelFunction, Tensors } from "./function.ts";
import { type Layer, type Layers, makeLayer } from "./layer.ts";
import { type MirrorOptions, openMirror } from "./mirror.ts";
import { answersElsewhere, generateOn } from "./generate.ts";
import { type DeviceTrainer, openDeviceTrainer, type Owner } from "./trainer.ts";
import { type DeviceInputs, type DeviceResult, withoutTensors, withTensor } from "./tensors.ts";
import type { Tfjs } from "./open.ts";
import { makeTurns } from "./turns.ts";

export interface DeviceStream {
  readonly step: (input: Value | Inputs) => Promise<Readonly<Record<string, Numbers>>>;
  readonly reset: () => Promise<void>;
  readonly save: () => Promise<States | null>;
  readonly restore: (states: States | null) => Promise<void>;
}

export interface DeviceModel {
  readonly metadata: Metadata;
  readonly vocabularies: ReadonlyMap<string, Vocabulary>;
  readonly predict: (
    inputs: DeviceInputs,
  ) => Promise<Readonly<Record<string, DeviceResult | readonly DeviceResult[]>>>;
  readonly reset: () => void;
  readonly stream: (options?: StreamOptions) => DeviceStream;
  readonly trainer: (options?: TrainerOptions) => DeviceTrainer;
  readonly weights: () => Promise<Uint8Array>;
  /** Those of a file, or tensors by the names of the parameters. */
  readonly loadWeights: (weights: ArrayBuffer | Uint8Array | Tensors) => Promise<void>;
  /** The model as a plain function of tensors, which `tf.grad` and its like differentiate. */
  readonly apply: (inputs: Tensors, options?: ApplyOptions) => Tensors;
  /** The parameters by name, as new tensors: what `apply` is differentiated by, or an optimiser's variables start from. */
  readonly parameters: () => Tensors;
  /** A layer of tfjs-layers that starts from the model's weights and then has its own. */
  readonly layer: (layers: Layers, options?: LayerSettings) => Layer;
  /** Text (or ids) that the model makes up, drawn or greedy. */
  readonly generate: (options?: GenerateOptions) => AsyncGenerator<string | number, void>;
  /** What the model holds of the device, and what it has run. */
  readonly report: () => DeviceReport;
  /** Gives back the device's memory. The model is of no use afterwards. */
  readonly dispose: () => void;
}

export interface LayerSettings {
  /** Unique in a LayersModel; made by tfjs if not given. */
  readonly name?: string;
  /** Of the first weights, where the model has none yet. */
  readonly seed?: number;
}

export interface DeviceModelOptions extends MirrorOptions {
  readonly tf: Tfjs;
  readonly device: TensorDevice;
  readonly openFunction: (ownParameters: FunctionOptions["ownParameters"]) => ModelFunction;
  readonly weights?: ArrayBuffer | Uint8Array | null;
}

export function openModel(options: DeviceModelOptions): DeviceModel {
  const { metadata, device } = options;
  const mirror = openMirror(options);
  const machine = openMachine(metadata, mirror.host);
  const of = dataSpecs(metadata);
  const turn = makeTurns();
  const tenant = newTenant();
  const status = { weights: metadata.parameters.length === 0 };
  const persistent = [
    "parameters",
    "counters",
    ...Object.keys(metadata.buffers).filter((b) => b.startsWith("moment.")),
  ].filter((name) => metadata.buffers[name]);

  // Its memory is as large as the model's: only who differentiates pays for it.
  let opened: ModelFunction | null = null;
  const applied = (): ModelFunction =>
    (opened ??= options.openFunction(() => {
      needWeights();
      mirror.upload("parameters");
      return device.give(metadata.buffers["parameters"]!);
    }));

  const needWeights = (): void => {
    if (!status.weights) fail("the model has no weights yet: load them, or train it");
  };

  /** States change hands on the host: those that must give way come there before, and the next run takes them along. */
  const makeWay = async (next: Tenant, sizes: Sizes, fresh: boolean): Promise<void> => {
    if (metadata.states.length === 0) return;
    const evicts = machine.evicts(next, sizes, fresh);
    if (evicts) await mirror.download(metadata.states);
    if (evicts || next.kept) mirror.changed(metadata.states);
  };

  const owner: Owner = {
    machine,
    of,
    turn,
    makeWay,
    download: mirror.download,
    changed: mirror.changed,
    persistent,
  };

  const predict = async (
    made: Batch,
  ): Promise<Readonly<Record<string, DeviceResult | readonly DeviceResult[]>>> => {
    needWeights();
    // States of `stateful` layers live on as long as the same number of examples comes.
    const batch = { ...made, fresh: tenant.examples !== made.count };
    await makeWay(tenant, sizesOf(of, batch), batch.fresh);
    feed(machine, of, batch, tenant);
    machine.run("predict");
    const outputs = metadata.outputs.filter(({ predict }) => machine.buffer(predict ?? ""));
    await mirror.download(outputs.map((o) => o.spelling?.emissions ?? o.predict!));
    return Object.fromEntries(
      outputs.map((info) => {
        const vocabulary = of.vocabularies.get(info.vocabulary?.of ?? "") ?? null;
        const buffer = machine.buffer(info.predict!)!;
        const results = readSpelled(machine, info, buffer, made, vocabulary).map((r) =>
          withTensor(options.tf, r),
        );
        return [info.name, made.single ? results[0]! : results];
      }),
    );
  };

  const model: DeviceModel = {
    metadata,
    vocabularies: of.vocabularies,
    predict: async (inputs) => {
      const made = makeBatch(of, await withoutTensors(inputs), { targets: false });
      const { generation } = metadata;
      if (generation && chooses(metadata, made, {})) fail(answersElsewhere(generation));
      return turn(() => predict(bounded(of, made)));
    },
    reset: () => machine.assign(tenant, null),
    stream: (settings) => (needWeights(), stream(settings)),
    trainer: (settings) => {
      const trainer = openDeviceTrainer(owner, { ...settings, initialise: !status.weights });
      status.weights = true;
      return trainer;
    },
    weights: () =>
      turn(async () => {
        needWeights();
        await mirror.download(persistent);
        const own = { model: metadata.name, fingerprint: metadata.fingerprint };
        return writeSafetensors({ tensors: new Map(readFlat(machine)), metadata: own });
      }),
    loadWeights: (weights) =>
      turn(async () => {
        if (weights instanceof ArrayBuffer || weights instanceof Uint8Array) return writeWeights(weights);
        const tensors = Object.entries(weights).map(async ([name, tensor]) => {
          const data = (await tensor.data()) as Float32Array;
          return [name, { data, shape: tensor.shape }] as const;
        });
        replace(new Map(await Promise.all(tensors)));
      }),
    apply: (inputs, settings) => applied().apply(inputs, settings),
    parameters: () => applied().parameters(),
    layer: (layers, { seed = 0, ...settings } = {}) => {
      if (!status.weights) {
        machine.constant("counters")[0] = seed;
        machine.run("initialise");
        status.weights = true;
      }
      return makeLayer({ tf: options.tf, layers, metadata, of: applied(), ...settings });
    },
    generate: (settings = {}) => {
      needWeights();
      return generateOn(of, () => stream(), settings);
    },
    report: device.report,
    dispose: () => {
      opened?.dispose();
      device.dispose();
    },
  };
  if (options.weights) writeWeights(options.weights);
  return model;

  function writeWeights(file: ArrayBuffer | Uint8Array): void {
    const { tensors } = readSafetensors(file);
    replace(new Map([...tensors].filter(([name]) => !name.includes(":"))));
  }

  function replace(own: ReadonlyMap<string, Named>): void {
    checkTensors("these weights", metadata.parameters, own);
    writeFlat(machine, own);
    mirror.changed(["parameters"]);
    status.weights = true;
  }

  function stream(settings: StreamOptions = {}): DeviceStream {
    const steps = openSteps(machine, of, settings);
    const outputs = metadata.outputs.flatMap(({ step }) => (step && machine.buffer(step) ? [step] : []));
    return {
      step: (input) =>
        turn(async () => {
          await makeWay(steps.tenant, steps.sizes, false);
          steps.launch(input);
          await mirror.download(outputs);
          return Object.fromEntries(
            Object.entries(steps.results()).map(([name, values]) => [name, values.slice()]),
          );
        }),
      reset: () => turn(steps.reset),
      save: () =>
        turn(async () => {
          if (!steps.tenant.kept) await mirror.download(metadata.states);
          return steps.save();
        }),
      restore: (states) => turn(() => steps.restore(states)),
    };
  }
}
