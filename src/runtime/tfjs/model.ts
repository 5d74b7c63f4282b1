/**
 * A model on a device: predictions, streams, training and weights as the WASM runtime has them, over a machine whose memory
 * is the host's copy of the device's. What waits for the device gives a promise.
 */
import { type Batch, type Inputs, makeBatch, specsOf } from "../batch.ts";
import { fail } from "../errors.ts";
import { feed, sizesOf } from "../feed.ts";
import type { GenerateOptions } from "../generate.ts";
import { newTenant, openMachine, type States, type Tenant } from "../machine.ts";
import type { Metadata } from "../metadata.ts";
import type { Model, PredictOptions } from "../model.ts";
import type { SearchOptions } from "../prefix-beam.ts";
import { readOutput, type Result } from "../results.ts";
import type { Candidates } from "../risk.ts";
import { readSafetensors, type Tensor as Named, writeSafetensors } from "../safetensors.ts";
import type { LabelledHypothesis } from "../spellings.ts";
import { openSteps, type StreamOptions } from "../stream.ts";
import type { Numbers, Sizes } from "../layout.ts";
import type { TrainerOptions } from "../trainer.ts";
import type { Vocabulary } from "../vocabulary.ts";
import type { Value } from "../encode.ts";
import { checkTensors, readFlat, writeFlat } from "../weights.ts";
import type { Choices, HostParts } from "./choices.ts";
import type { DeviceReport, TensorDevice } from "./device.ts";
import type { ApplyOptions, FunctionOptions, ModelFunction, Tensors } from "./function.ts";
import { type Layer, type Layers, makeLayer } from "./layer.ts";
import { type MirrorOptions, openMirror } from "./mirror.ts";
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
  readonly predict: (inputs: DeviceInputs, options?: PredictOptions) => Promise<DeviceOutputs>;
  /** The likeliest labels of each example, where paths spell them. */
  readonly hypotheses: (
    inputs: DeviceInputs,
    options?: SearchOptions,
  ) => Promise<readonly LabelledHypothesis[] | readonly (readonly LabelledHypothesis[])[]>;
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
  /** Text (or ids) that the model makes up. */
  readonly generate: (options?: GenerateOptions) => AsyncGenerator<string | number, void>;
  /** What the model holds of the device, and what it has run. */
  readonly report: () => DeviceReport;
  /** Gives back the device's memory. The model is of no use afterwards. */
  readonly dispose: () => void;
}

export type DeviceOutputs = Readonly<Record<string, DeviceResult | readonly DeviceResult[]>>;

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
  readonly choices: Choices | null;
  readonly hostParts: HostParts;
  readonly weights?: ArrayBuffer | Uint8Array | null;
}

export function openModel(options: DeviceModelOptions): DeviceModel {
  const { metadata, device, choices } = options;
  const mirror = openMirror(options);
  const machine = openMachine(metadata, mirror.host);
  const of = specsOf(metadata, choices?.choiceData ?? null);
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

  /** Runs `predict`; gives what its outputs are read from. */
  const run = async (made: Batch, seed?: number): Promise<void> => {
    needWeights();
    // States of `stateful` layers live on as long as the same number of examples comes.
    const batch = { ...made, fresh: tenant.examples !== made.count };
    await makeWay(tenant, sizesOf(of, batch), batch.fresh);
    feed(machine, of, batch, tenant);
    await seeded(seed, () => machine.run("predict"));
    await mirror.download(outputs.map((o) => o.spelling?.emissions ?? o.predict!));
  };

  /** What is drawn in the run is of the seed, and the training goes on with its own. */
  const seeded = async (seed: number | undefined, action: () => void): Promise<void> => {
    if (seed === undefined || !machine.buffer("counters")) return action();
    await mirror.download(["counters"]);
    const counters = machine.constant("counters");
    const own = counters.slice();
    counters.fill(0).fill(seed, 0, 1);
    mirror.changed(["counters"]);
    action();
    counters.set(own);
    mirror.changed(["counters"]);
  };

  const outputs = metadata.outputs.filter(({ predict }) => machine.buffer(predict ?? ""));

  const predict = async (made: Batch, { seed, beam }: PredictOptions): Promise<DeviceOutputs> => {
    await run(made, seed);
    return Object.fromEntries(
      outputs.map((info) => {
        const vocabulary = of.vocabularies.get(info.vocabulary?.of ?? "") ?? null;
        const buffer = machine.buffer(info.predict!)!;
        const results = choices
          ? choices.readSpelled(
              machine,
              info,
              buffer,
              made,
              vocabulary,
              beam === undefined ? {} : { width: beam },
            )
          : readOutput(machine, info, buffer, made, vocabulary);
        const given = results.map((r) => withTensor(options.tf, r));
        return [info.name, made.single ? given[0]! : given];
      }),
    );
  };

  const bounded = (made: Batch, max?: number): Batch => choices?.bounded(of, made, max) ?? made;

  const needChoices = (): Choices => choices ?? fail("the model makes no choices");

  let twin: Promise<Model> | null = null;
  /** The model on the host, with the weights that the device has now. */
  const onHost = async (): Promise<Model> => {
    needWeights();
    const found = await (twin ??= needChoices().openTwin(options.hostParts));
    await mirror.download(persistent);
    found.loadWeights(writeSafetensors({ tensors: new Map(readFlat(machine)), metadata: {} }));
    return found;
  };

  let risk: ReturnType<Choices["openRisk"]> | null = null;
  const candidatesOf = async (batch: Batch, seed: number): Promise<Candidates | null> => {
    const draw = await (risk ??= needChoices().openRisk(options.hostParts));
    await mirror.download(["parameters"]);
    return draw(new Map(readFlat(machine)), of, batch, seed);
  };

  const owner: Owner = {
    machine,
    of,
    turn,
    makeWay,
    download: mirror.download,
    changed: mirror.changed,
    persistent,
    candidatesOf:
      choices && metadata.data.some(({ derived }) => derived?.kind === "risk") ? candidatesOf : null,
  };

  const model: DeviceModel = {
    metadata,
    vocabularies: of.vocabularies,
    predict: async (given, settings = {}) => {
      const inputs = await withoutTensors(given);
      const made = makeBatch(of, inputs, { targets: false });
      if (!choices?.chooses(metadata, made, settings))
        return turn(() => predict(bounded(made, settings.max), settings));
      return turn(async () => {
        const found = (await onHost()).predict(inputs, settings);
        return Object.fromEntries(
          Object.entries(found).map(([name, results]) => [
            name,
            Array.isArray(results)
              ? results.map((r) => withTensor(options.tf, r as Result))
              : withTensor(options.tf, results as Result),
          ]),
        );
      });
    },
    hypotheses: async (inputs, settings) => {
      const info = needChoices().spellingOf(metadata);
      const made = makeBatch(of, await withoutTensors(inputs), { targets: false });
      return turn(async () => {
        await run(bounded(made));
        const found = needChoices().findLabels(machine, of, info, made, settings);
        return made.single ? found[0]! : found;
      });
    },
    reset: () => {
      machine.assign(tenant, null);
      void twin?.then((own) => own.reset());
    },
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
    generate: async function* (settings) {
      const own = await turn(onHost);
      yield* own.generate(settings);
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
