/**
 * A model from its package: predictions, streams, training, generation and weights over one instance of the module.
 *
 *   const model = await load({ metadata, wasm, weights });
 *   const { text } = model.predict({ audio });
 *
 * Plain JavaScript without dependencies: browsers, workers, Node, Deno and edge functions run it alike.
 */
import { type Batch, type DataSpecs, type Inputs, makeBatch, specsOf } from "./batch.ts";
import type { DecodeOptions } from "./decode-options.ts";
import { fail } from "./errors.ts";
import { feed } from "./feed.ts";
import type { GenerateOptions } from "./generate.ts";
import { type Host, type Machine, newTenant, openMachine, type States } from "./machine.ts";
import type { Metadata } from "./metadata.ts";
import { startModule } from "./module.ts";
import type { SearchOptions } from "./prefix-beam.ts";
import { readOutput, type Result } from "./results.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";
import type { Searches } from "./searches.ts";
import type { LabelledHypothesis } from "./spellings.ts";
import { openStream, type Stream, type StreamOptions } from "./stream.ts";
import type { startThreads } from "./threads.ts";
import { openTrainer, type Trainer, type TrainerOptions } from "./trainer.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { checkTensors, readFlat, writeFlat } from "./weights.ts";

export interface LoadOptions {
  readonly metadata: Metadata;
  readonly wasm: BufferSource | WebAssembly.Module;
  /** A safetensors file: weights, or a checkpoint of a training. */
  readonly weights?: ArrayBuffer | Uint8Array | null;
  /** Of a module built for threads: how many, this one among them. Default: the machine's cores, at most 4. */
  readonly threads?: number;
}

/** What only some packages hold. */
export interface Extras {
  readonly searches?: Searches | null;
  readonly startThreads?: typeof startThreads | null;
}

export interface PredictOptions extends DecodeOptions {
  /**
   * In an answer, each `<unk>` becomes the word of the source that was looked at most, or what a table has for that word. For
   * models with an attention over their source (Jean et al. 2015; Luong et al. 2015).
   */
  readonly replaceUnk?: boolean | ReadonlyMap<string, string>;
  /** Reads the true entries in place of its own choices. Default: where they are given as a target. */
  readonly forced?: boolean;
}

export interface Model {
  readonly metadata: Metadata;
  /** By the name of the data that they were read from. */
  readonly vocabularies: ReadonlyMap<string, Vocabulary>;
  /**
   * One example of each input, or a list of examples of each; lengths may differ. A text is one example of `char`
   * data and, split at white space, of `token` data; words in arrays are looked up, ids are taken as they are.
   * Gives each output by name: of one example a result, of a list a list. Fails with an `RnncError` that says which
   * input is wrong.
   *
   * A model that reads its own choices (`prev(reply)`) answers: `reply` is a `Decoded`, made as `decode { … }` says or
   * `options` do. Given the reply, or with `forced` that of an autoencoder's input, it gives the probabilities of each
   * entry after the true ones before it.
   *
   * What a model draws (`normal`) is drawn anew with each `seed`; without one it is what it was before.
   */
  readonly predict: (
    inputs: Inputs,
    options?: PredictOptions,
  ) => Readonly<Record<string, Result | readonly Result[]>>;
  /**
   * The likeliest labels of each example, best first, with scores and the steps at which they begin: of a model whose
   * paths spell them (`ctc`), built with `decode { beam(n) }`.
   */
  readonly hypotheses: (
    inputs: Inputs,
    options?: SearchOptions,
  ) => readonly LabelledHypothesis[] | readonly (readonly LabelledHypothesis[])[];
  /** Starts the states of `stateful` layers anew: the next `predict` is the first. */
  readonly reset: () => void;
  /** The model one step at a time. Fails if it looks ahead. */
  readonly stream: (options?: StreamOptions) => Stream;
  /** Text (or ids) that the model makes up, entry by entry. */
  readonly generate: (options?: GenerateOptions) => Generator<string | number, void>;
  /** Trains the model's own weights; draws them first if none were loaded. */
  readonly trainer: (options?: TrainerOptions) => Trainer;
  /** The weights as a safetensors file. */
  readonly weights: () => Uint8Array;
  /** Replaces the weights; refuses a file whose names or shapes are not the model's. */
  readonly loadWeights: (file: ArrayBuffer | Uint8Array) => void;
  /** How many threads run it. */
  readonly threads: number;
  /** Ends the threads of its own, if it has any: the model is of no use afterwards. */
  readonly dispose: () => void;
}

/** What searches have of a model. */
export interface ModelCore {
  readonly machine: Machine;
  readonly of: DataSpecs;
  /** What `stateful` layers go on from with so many examples; null: they start anew. */
  readonly states: (examples: number) => States | null;
  readonly goOnFrom: (states: States | null) => void;
  /** Each output of a run of `predict`, one an example. */
  readonly outputsOf: (batch: Batch, read: typeof readOutput, seed?: number) => Outputs;
}

export type Outputs = Readonly<Record<string, readonly Result[]>>;

export async function openModel(options: LoadOptions, extras: Extras = {}): Promise<Model> {
  const { metadata, weights } = parts(options);
  const { searches = null } = extras;
  const host = await startHost(options, extras);
  const machine = openMachine(metadata, host);
  const of = specsOf(metadata, searches?.choiceData ?? null);
  const tenant = newTenant();
  const status = { weights: metadata.parameters.length === 0 };

  const batchOf = (inputs: Inputs): Batch => {
    needWeights();
    return makeBatch(of, inputs, { targets: false });
  };

  const outputsOf: ModelCore["outputsOf"] = (batch, read, seed) => {
    // States of `stateful` layers live on as long as the same number of examples comes.
    feed(machine, of, { ...batch, fresh: tenant.examples !== batch.count }, tenant);
    const counters = machine.constant("counters");
    const own = counters.slice();
    if (seed !== undefined) counters.fill(0).fill(seed, 0, 1);
    machine.run("predict");
    machine.constant("counters").set(own);
    return Object.fromEntries(
      metadata.outputs.flatMap((info) => {
        const buffer = machine.buffer(info.predict ?? "");
        if (!buffer) return [];
        const vocabulary = of.vocabularies.get(info.vocabulary?.of ?? "") ?? null;
        return [[info.name, read(machine, info, buffer, batch, vocabulary)]];
      }),
    );
  };

  const core: ModelCore = {
    machine,
    of,
    states: (examples) => (tenant.examples === examples ? machine.states(tenant) : null),
    goOnFrom: (states) => machine.assign(tenant, states),
    outputsOf,
  };

  const predict: Model["predict"] = (inputs, options = {}) => {
    const made = batchOf(inputs);
    const results = searches
      ? searches.resultsOf(core, made, options)
      : outputsOf(made, readOutput, options.seed);
    if (!made.single) return results;
    return Object.fromEntries(Object.entries(results).map(([name, [result]]) => [name, result!]));
  };

  const needWeights = (): void => {
    if (!status.weights) fail("the model has no weights yet: load them, or train it");
  };

  const needSearches = (): Searches => searches ?? fail("the model makes no choices");

  const model: Model = {
    metadata,
    vocabularies: of.vocabularies,
    predict,
    hypotheses: (inputs, options) => needSearches().hypotheses(core, batchOf(inputs), options),
    reset: () => machine.assign(tenant, null),
    stream: (options) => (needWeights(), openStream(machine, of, options)),
    generate: (options) => (needWeights(), needSearches().generate(machine, of, options ?? {})),
    trainer: (options) => {
      const trainer = openTrainer(machine, of, {
        ...options,
        initialise: !status.weights,
        candidatesOf: searches?.candidatesOf ?? null,
      });
      status.weights = true;
      return trainer;
    },
    weights: () => {
      needWeights();
      const own = { model: metadata.name, fingerprint: metadata.fingerprint };
      return writeSafetensors({ tensors: new Map(readFlat(machine)), metadata: own });
    },
    loadWeights: (file) => {
      const { tensors } = readSafetensors(file);
      // A checkpoint holds the weights among other things, whose names have a colon.
      const own = new Map([...tensors].filter(([name]) => !name.includes(":")));
      checkTensors("these weights", metadata.parameters, own);
      writeFlat(machine, own);
      status.weights = true;
    },
    threads: host.threads ?? 1,
    dispose: () => host.dispose?.(),
  };
  if (weights) model.loadWeights(weights);
  return model;
}

function startHost({ metadata, wasm, threads }: LoadOptions, { startThreads }: Extras): Promise<Host> {
  return startThreads ? startThreads(metadata, wasm, threads) : startModule(metadata, wasm);
}

/** A program with errors has neither module nor metadata. */
function parts(options: LoadOptions): LoadOptions {
  for (const part of ["metadata", "wasm"] as const)
    if (!options?.[part])
      fail(`\`load\` takes { metadata, wasm } of \`compile\`; \`${part}\` is missing: see its diagnostics`);
  return options;
}
