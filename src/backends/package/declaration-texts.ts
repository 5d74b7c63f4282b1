/** The parts of a `.d.ts` that all models share, as text; see `declaration.ts`. */
import { given, searchingMethod } from "./choice-types.ts";

/** A file's name may hold anything; a comment holds one line. */
export const printable = (name: string): string => name.replace(/[\p{Cc}\p{Zl}\p{Zp}]|\*\//gu, " ");

/** Of a model that draws numbers, where they start. Of one that goes on as long as it is left to, how long. */
const withOptions = (isUnbounded: boolean): string =>
  `, options?: { readonly seed?: number${isUnbounded ? "; readonly max?: number" : ""} }`;

export const common = (
  targets: boolean,
  onDevice: boolean,
): string => `/** Row-major numbers with their shape. */
export ${onDevice ? "type Tensor =\n  | tfjs.Tensor\n  | " : "interface Tensor "}{
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}${onDevice ? ";" : ""}

/** One output of one example, without padding. It can be given as an input again. */
export interface Result<Data, Shape extends readonly number[], Nested> {
  /** Row-major. */
  readonly data: Data;
  readonly shape: Readonly<Shape>;
  /** The same as nested arrays. */
  nested(): Nested;
${onDevice ? "  /** The same as a new tensor: whoever asks for it disposes of it. */\n  tensor(): tfjs.Tensor;\n" : ""}}

export interface Labelled<Labels> {
  /** The most probable entries (the lowest id among equals), or those that the decoder chose. */
  labels(): Labels;
}

/** What \`predict\` takes${targets ? "; of a model with teacher forcing the targets too" : ""}. */
export type Example = Inputs${targets ? " & Partial<Targets>" : ""};
export type Batch = BatchInputs${targets ? " & Partial<BatchTargets>" : ""};

/** What is wrong with data or weights: where, what was wanted, what was found. */
export class RnncError extends Error {
  readonly name: "RnncError";
}

/** Which id a word or character has. */
export interface Vocabulary {
  /** By id. */
  readonly entries: readonly string[];
  /** Ids of \`<unk>\` and \`<eos>\`; -1 where there is none. */
  readonly unknown: number;
  readonly end: number;
  /** The id of an entry, of \`<unk>\` if it is not known; -1 where there is no \`<unk>\` either. */
  readonly id: (entry: string) => number;
  readonly has: (entry: string) => boolean;
}

/** What the \`.json\` of the package holds: this, and what the runtime needs. */
export interface Metadata {
  readonly name: string;
  /** Of the compiler. */
  readonly version: string;
  /** Of the program: packages of one program have one. */
  readonly fingerprint: string;
  /** Bytes, as a formula of the batch and the lengths. */
  readonly memory: string;
  readonly parameters: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** The entries of each vocabulary. */
  readonly vocabularies: Readonly<Record<string, readonly string[]>>;
  /** Why the model cannot run one step at a time; null if it can, or has no steps. */
  readonly looksAhead: string | null;
}`;

export const streaming = (input: string, onDevice: boolean): string => `/** States of a stream, by name. */
export type States = Readonly<
  Record<string, { readonly data: Float32Array | Int32Array; readonly shape: readonly number[] }>
>;

export interface StreamOptions {
  /** Sequences run side by side. Default 1. */
  readonly examples?: number;
  /** Their identities, on which random numbers depend. Default 0, 1, … */
  readonly ids?: ArrayLike<number>;
}

export type StepInput = ${input};

/** The model one step at a time.${onDevice ? "" : " Allocates nothing."} */
export interface Stream {
  /**
   * One step.${
     onDevice
       ? ""
       : " The arrays that it gives are overwritten by the next call of the model: copy what is to stay."
   } With
   * several sequences side by side, give a list of one input each; outputs then lie one after another.
   */
  step(input: StepInput): ${given("StepOutputs", onDevice)};
  /** Starts anew. */
  reset(): ${given("void", onDevice)};
  /** A copy of the states; null before the first step. */
  save(): ${given("States | null", onDevice)};
  /** Goes on from saved states; null starts anew. */
  restore(states: States | null): ${given("void", onDevice)};
}`;

const evaluation = (losses: string): string =>
  `{ readonly loss: number; ${losses}readonly count: number; readonly impossible: number }`;

/** By the nets that alternate, each its own; nothing where there are none. */
const lossesOf = (nets: readonly string[]): string =>
  nets.length === 0
    ? ""
    : `readonly losses: { ${nets.map((net) => `readonly ${JSON.stringify(net)}: number`).join("; ")} }; `;

export const training = ({
  targets,
  chunked,
  onDevice,
  nets,
}: {
  readonly targets: boolean;
  readonly chunked: boolean;
  /** Of objectives that alternate. */
  readonly nets: readonly string[];
  readonly onDevice: boolean;
}): string => `export type TrainingExample = Inputs${targets ? " & Targets" : ""};
export type TrainingBatch = BatchInputs${targets ? " & BatchTargets" : ""};

/** Checked and encoded: made once, trained on often. */
export interface PreparedBatch {
  readonly count: number;
  readonly fresh: boolean;
}

export type Schedule =
  | { readonly kind: "constant" }
  | { readonly kind: "step"; readonly every: number; readonly factor: number }
  | { readonly kind: "decay"; readonly after: number; readonly factor: number }
  | { readonly kind: "cosine" }
  | { readonly kind: "warmup"; readonly steps: number }
  | { readonly kind: "plateau"; readonly patience: number; readonly factor: number };

export interface TrainerOptions {
  /** Of initial weights and dropout. */
  readonly seed?: number;
  /** Overrides what the model says in \`train { … }\`. */
  readonly settings?: {
    readonly rate?: number;
    readonly batch?: number;
    readonly epochs?: number;
    readonly steps?: number | null;
    readonly schedules?: readonly Schedule[];
    readonly patience?: number | null;
    readonly validate?: number | null;
  };
  /** How many steps an epoch has: what a cosine needs where \`steps\` is not given. */
  readonly stepsPerEpoch?: number;
}

/** Trains the model's own weights.${onDevice ? " Steps may be called without waiting for those before." : ""} */
export interface Trainer {
  /** One step on an example or a list of them: the loss before it (the mean over the examples, without those whose loss is inf, which are counted as \`impossible\`), the norm of the gradient before clipping, the learning rate, and whether the update was left out because the gradient was not finite. */
  step(batch: TrainingExample | TrainingBatch | PreparedBatch): ${given(
    `{
    readonly loss: number;
    ${lossesOf(nets)}readonly impossible: number;
    readonly norm: number;
    readonly rate: number;
    readonly skipped: boolean;
  }`,
    onDevice,
  )};
  /** Checks and encodes a batch once. \`ids\`: the examples' identities, on which dropout depends. */
  batch(inputs: TrainingExample | TrainingBatch, settings?: { readonly ids?: ArrayLike<number> }): PreparedBatch;
  /** The loss without training. */
  evaluate(batch: TrainingExample | TrainingBatch | PreparedBatch): ${given(evaluation(lossesOf(nets)), onDevice)};
${
  chunked
    ? `  /** Long sequences cut into parallel streams and chunks for \`step\`, in order. */
  chunks(sequences: TrainingExample[keyof TrainingExample] | TrainingExample, options?: { readonly batch?: number; readonly length?: number }): Generator<PreparedBatch, void>;
  /** The loss over long sequences, weighted by their steps; the states of the training stay as they are. */
  evaluateChunks(sequences: TrainingExample[keyof TrainingExample] | TrainingExample, options?: { readonly batch?: number; readonly length?: number }): ${given(evaluation(lossesOf(nets)), onDevice)};
`
    : ""
}  /** Ends an epoch with the loss that counts: schedules go on. */
  endEpoch(loss: number): { readonly stop: boolean; readonly best: boolean };
  /** Steps and epochs made. */
  position(): { readonly step: number; readonly epoch: number };
  /** Everything that the training goes on from, as a safetensors file. */
  save(): ${given("Uint8Array", onDevice)};
  /** Goes on from a checkpoint, to the same bits; refuses one of another model. */
  load(file: ArrayBuffer | Uint8Array): ${given("void", onDevice)};
  /** The weights as a safetensors file: with \`average\`, their average. */
  weights(): ${given("Uint8Array", onDevice)};
}`;

export const modelAndLoad = (has: {
  readonly streams: boolean;
  readonly isUnbounded: boolean;
  readonly trains: boolean;
  readonly generates: boolean;
  readonly searches: boolean;
  readonly hasWeights: boolean;
  readonly threads: boolean;
  readonly onDevice: boolean;
  /** How `predict` is declared where the model answers by its own choices. */
  readonly answering: string | null;
}): string => `${has.onDevice ? tensors : ""}export interface Model {
  readonly metadata: Metadata;
  /** By the name of the data that they were read from. */
  readonly vocabularies: ReadonlyMap<string, Vocabulary>;
${
  has.answering ??
  `  /** Fails with an \`RnncError\` that says which input is wrong. */
  predict(inputs: Example${withOptions(has.isUnbounded)}): ${given("Outputs", has.onDevice)};
  predict(inputs: Batch${withOptions(has.isUnbounded)}): ${given("BatchOutputs", has.onDevice)};`
}
  /** Starts the states of \`stateful\` layers anew. */
  reset(): void;
${has.streams ? "  /** The model one step at a time. */\n  stream(options?: StreamOptions): Stream;\n" : ""}${
  has.generates
    ? "  /** Text that the model makes up, entry by entry. */\n  generate(options?: GenerateOptions): " +
      (has.onDevice ? "AsyncGenerator" : "Generator") +
      "<string | number, void>;\n"
    : ""
}${has.searches ? searchingMethod(has.onDevice) : ""}${has.trains ? "  /** Trains the model's own weights; draws them first if none were loaded. */\n  trainer(options?: TrainerOptions): Trainer;\n" : ""}  /** The weights as a safetensors file. */
  weights(): ${given("Uint8Array", has.onDevice)};
  /** Replaces the weights; refuses a file whose names or shapes are not the model's. */
  loadWeights(file: ArrayBuffer | Uint8Array${has.onDevice ? " | Tensors" : ""}): ${given("void", has.onDevice)};
${has.onDevice ? deviceMethods : ""}${has.threads ? threadMethods : ""}}

export interface LoadOptions {
  /** A safetensors file, or its address relative to this module. ${
    has.hasWeights
      ? "Default: those beside it; null: none, to train from the start."
      : "Without weights the model must be trained first."
  } */
  readonly weights?: ArrayBuffer | Uint8Array | URL | string | null;
${
  has.onDevice
    ? ""
    : `  /** The module, compiled already, where it may not be compiled at run time (edge functions); or its bytes. */
  readonly wasm?: BufferSource | WebAssembly.Module;
`
}  /** What the \`.json\` beside this module holds, where it cannot be fetched. */
  readonly metadata?: unknown;
${
  has.threads
    ? `  /** How many run it, the caller's among them; the results do not depend on it. Default: the machine's cores, at most 4. */
  readonly threads?: number;
`
    : ""
}}

${
  has.onDevice
    ? `/** \`tf\` is the app's own tfjs: the model runs on the backend that it has at the moment. */
export function load(tf: typeof tfjs, options?: LoadOptions): Promise<Model>;`
    : "export function load(options?: LoadOptions): Promise<Model>;"
}`;

const threadMethods = `  /** How many run it: 1 where memory can't be shared. */
  readonly threads: number;
  /** Ends them. The model is of no use afterwards. */
  dispose(): void;
`;

const tensors = `/** By the names of data, outputs or parameters. */
export type Tensors = Readonly<Record<string, tfjs.Tensor>>;

export interface ApplyOptions {
  /** By name; the model's own if not given. */
  readonly parameters?: Tensors;
  /** How long each example is along an axis, by the axis's name, where they differ: int32[examples]. */
  readonly lengths?: Tensors;
  /** As in training: with dropout. */
  readonly training?: boolean;
  /** What is drawn differs from seed to seed. Default 0. */
  readonly seed?: number;
}

`;

const deviceMethods = `  /**
   * The model as a plain function of tensors, which \`tf.grad\`, \`tf.grads\` and \`tf.variableGrads\` differentiate by the float
   * inputs and the parameters given. Each input is a batch, examples first. Nothing of it leaves the device.
   */
  apply(inputs: Tensors, options?: ApplyOptions): Tensors;
  /** The parameters by name, as new tensors. */
  parameters(): Tensors;
  /** A layer of tfjs-layers, given its \`layers\`: it starts from the model's weights and then has its own. */
  layer<Layer>(
    layers: { readonly Layer: abstract new (...args: never[]) => Layer },
    options?: { readonly name?: string; readonly seed?: number },
  ): Layer;
  /** What the model holds of the device's memory, and how much it has run so far. */
  report(): {
    readonly bytes: number;
    readonly buffers: number;
    readonly runs: number;
    readonly copies: number;
    readonly submits: number;
  };
  /** Gives the device's memory back. The model is of no use afterwards. */
  dispose(): void;
`;
