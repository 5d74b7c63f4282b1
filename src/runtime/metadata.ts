/**
 * What a package's `.json` tells its runtime: the model's data, where everything lies in the module's memory, and
 * how it is trained. Written by the compiler, read by `load`. Types alone: this file adds no byte to a package.
 *
 * Addresses: `reserve(sizes…)` of the module, called with the sizes in the order of `symbols`, lays out its slots;
 * `base(slot)` is a slot's byte address. A place within a slot is counted in elements of 4 bytes.
 */
import type { TrainSettings } from "./train-settings.ts";

export interface Metadata {
  readonly format: 1;
  readonly name: string;
  /** Of the compiler. */
  readonly version: string;
  /** Fingerprint of the parameters' names and shapes: a checkpoint of another model is refused. */
  readonly fingerprint: string;
  /** `B` and the ragged axes by name, in the order of `reserve`'s arguments. */
  readonly symbols: readonly string[];
  readonly data: readonly DataInfo[];
  readonly outputs: readonly OutputInfo[];
  /** In the order of the source. */
  readonly parameters: readonly ParameterInfo[];
  /** By name: inputs, one element of each for `step` (`step.input:NAME`), `T.length`, `example`, `fresh`, `counters`, `settings`, `report`, carried states, outputs, flat `parameters`, `gradients`, moments. */
  readonly buffers: Readonly<Record<string, BufferInfo>>;
  /** Exported functions, by purpose; null where the model has none. */
  readonly entries: {
    readonly predict: string | null;
    /** Leaves the loss in the buffer `evaluate:loss`. */
    readonly evaluate: string | null;
    /** Leaves the loss in `train:loss` and the gradients in their buffer. */
    readonly gradients: string | null;
    /** One update of the parameters from the gradients. */
    readonly update: string | null;
    /** One step of the sequence for every example; states live in the `state:` buffers. */
    readonly step: string | null;
    /** Of a model that reads its own choices: what is computed once, and one step after the last choice. */
    readonly begin: string | null;
    readonly next: string | null;
    readonly initialise: string | null;
    /** Of objectives that alternate, each its own. */
    readonly [ofObjective: `gradients.${string}` | `update.${string}`]: string;
  };
  /** Where several objectives train parameters of their own, in the order in which a step takes them. */
  readonly alternating?: readonly ObjectiveInfo[];
  /** Names of the buffers of carried states: what `fresh` resets and a stream keeps. */
  readonly states: readonly string[];
  readonly train: TrainSettings;
  readonly decode: readonly DecodeInfo[];
  /** Trained on chunks of long sequences (`tbptt`): states live on from chunk to chunk. */
  readonly chunked: boolean;
  /** Why the model cannot run one step at a time; null if it can. */
  readonly looksAhead: string | null;
  /** How it makes choices one after another; null if it does not. */
  readonly generation: GenerationInfo | null;
  /** The data whose choices the model reads and yet can't be left to make, and why. */
  readonly cannotGenerate: { readonly data: string; readonly why: string } | null;
  /** The axes along which it goes on with numbers of its own as long as it is left to, and the data that those are. */
  readonly unbounded: readonly { readonly data: string; readonly axis: string }[];
  /** The entries of vocabularies read from data, by the name of that data: index is the id. */
  readonly vocabularies: Readonly<Record<string, readonly string[]>>;
  /** Built for several threads: the module takes shared memory. */
  readonly threads?: true;
  /** Axes that training goes through in segments; none unless it was built so. */
  readonly segmented?: readonly SegmentedInfo[];
  /** What the module lays out in memory; for training null where there is nothing to learn. */
  readonly memory: { readonly inference: PeakMemory; readonly training: PeakMemory | null };
}

/**
 * An axis in segments: its length counts as a product of two sizes, among `symbols`, the steps of a segment and the number of
 * segments. Memory is least where segments are `√(length · ratio)` long.
 */
export interface SegmentedInfo {
  readonly axis: string;
  readonly steps: string;
  readonly segments: string;
  readonly ratio: number;
}

/** All memory that is ever taken for some sizes, to be computed by `peakBytes`. */
export interface PeakMemory {
  /** In bytes, for people: `7272*B*T + 5856*B + 3240248`. Up to 63 bytes for each of `slots` come on top. */
  readonly formula: string;
  /** The end of what has a constant size, in bytes. */
  readonly fixed: number;
  /** Each slot of another size: the sum of these, a multiple of 64 and 64 more. */
  readonly slots: readonly (readonly MemoryTerm[])[];
}

/** So many bytes times the sizes named. */
export interface MemoryTerm {
  readonly bytes: number;
  readonly symbols: readonly string[];
}

/** An objective: what a step of training runs for it, and where its loss is afterwards. */
export interface ObjectiveInfo {
  /** The net that it trains; null: what belongs to no net that another one names. */
  readonly net: string | null;
  readonly gradients: keyof Metadata["entries"];
  readonly update: keyof Metadata["entries"];
  /** Names in `buffers`; `impossible` may not be there. */
  readonly loss: string;
  readonly impossible: string;
  /** Its part of the loss that `evaluate` leaves. */
  readonly part: string;
}

/** One input or target. */
export interface DataInfo {
  readonly name: string;
  readonly role: "input" | "target";
  readonly base: "f32" | "token" | "char" | "trigrams";
  /** In order, without the batch and the feature; `size` null for a ragged axis. */
  readonly axes: readonly { readonly name: string; readonly size: number | null }[];
  readonly feature: number | null;
  /** `fixed`: plain integers below `size`; else entries of the vocabulary read from the data named. */
  readonly vocabulary: { readonly of: string; readonly size: number; readonly fixed: boolean } | null;
  /** Made by the runtime from other data: `next` is the same one step later. */
  readonly derived: DerivedInfo | null;
}

/** A sequence that the model can make, choice by choice. */
export interface GenerationInfo {
  /** The entry of one step: `next` reads the choices as `prev(…)`, `step` as the input that goes on. */
  readonly step: "next" | "step";
  /** The data that is chosen, and the output that it is chosen from. */
  readonly data: string;
  readonly output: string;
  /** The id that stands before the first choice; null where a prompt does. */
  readonly start: number | null;
  /** The axis that it is made along; `alone`: nothing else runs along it, so nothing else tells its length. */
  readonly axis: string;
  readonly alone: boolean;
  /** The axis at whose places it is made, each place for itself; null: once for an example. */
  readonly within: string | null;
  /** Names in `buffers`: the last choice, the flag of the first step, what the next is chosen from. */
  readonly choice: string;
  readonly fresh: string;
  readonly probabilities: string;
  /** What a step leaves to the next one, and what `begin` leaves to all: one row an example. */
  readonly states: readonly string[];
  readonly kept: readonly string[];
  /** The buffer in which `predict` leaves the place of the source that each step looked at most; null where none does. */
  readonly attended: { readonly source: string; readonly places: string } | null;
}

export type DerivedInfo =
  | { readonly kind: "next"; readonly of: string }
  /** The same, but that a word unknown to the vocabulary is its size plus the word's first place in `from`, up to `places`. */
  | { readonly kind: "copy"; readonly of: string; readonly from: string; readonly places: number }
  /** What minimum risk training says of each candidate, of which it draws `samples` for each example. */
  | { readonly kind: "risk"; readonly of: string; readonly samples: number };

export interface OutputInfo {
  readonly name: string;
  readonly meaning: "value" | "probabilities" | "labels";
  /** The target that it predicts. */
  readonly target: string | null;
  /** The input whose words stand for the entries beyond the vocabulary's. */
  readonly copies: string | null;
  readonly axes: readonly { readonly name: string; readonly size: number | null }[];
  readonly feature: number | null;
  readonly vocabulary: { readonly of: string; readonly size: number; readonly fixed: boolean } | null;
  /** Of labels that paths spell, where the model searches for the likeliest; null: those of the best path. */
  readonly spelling: SpellingInfo | null;
  /** Names in `buffers` of what `predict` and `step` leave. */
  readonly predict: string | null;
  readonly step: string | null;
}

/** What a search for labels goes by. */
export interface SpellingInfo {
  /** The buffer of the logarithms of probabilities, up to a constant a step; and how many entries a step has. */
  readonly emissions: string;
  readonly classes: number;
  /** The entry that stands for nothing. */
  readonly blank: number;
}

/**
 * `times * symbol + plus`, divided by `by` (1 if not given) and rounded down, never below 0; `plus` alone where the
 * symbol is null.
 */
export interface ExtentInfo {
  readonly symbol: string | null;
  readonly times: number;
  readonly plus: number;
  readonly by?: number;
}

export interface BufferInfo {
  readonly slot: number;
  /** In elements from the slot's base. */
  readonly offset: number;
  readonly dtype: "f32" | "i32";
  /** The name of each dim's axis (`B`, `T`, or empty) and its extent, outermost first. */
  readonly dims: readonly (ExtentInfo & { readonly axis: string })[];
  /** Elements from one index of a dim to the next: `factor` times the extents of the symbols named. */
  readonly strides: readonly { readonly factor: number; readonly extents: readonly ExtentInfo[] }[];
}

/**
 * A parameter within the flat buffer `parameters` (and its gradient and moments at the same place of theirs).
 * In rows, element `i` lies at `offset + Σ i·stride`. In panels, `row = Σ i·rowStride`,
 * `column = columnStart + Σ i·columnStride` lies at `offset + ((column >> 3) * rows + row) * 8 + (column & 7)`.
 */
export interface ParameterInfo {
  readonly name: string;
  /** As in the source: `W[n, k]`. */
  readonly shape: readonly number[];
  readonly offset: number;
  readonly layout:
    | { readonly kind: "rows"; readonly strides: readonly number[] }
    | {
        readonly kind: "panels";
        readonly rows: number;
        readonly columnStart: number;
        readonly rowStrides: readonly number[];
        readonly columnStrides: readonly number[];
      };
}

export interface DecodeInfo {
  readonly kind: string;
  readonly options: Readonly<Record<string, number | string | LengthInfo>>;
}

/** `times` the length of the example along an axis, `plus` a number. */
export interface LengthInfo {
  readonly axis: string;
  readonly times: number;
  readonly plus: number;
}
