/**
 * How a model is trained, as plain data: what `train { … }` says and the command line may override. It is written
 * into a package's metadata and read by the trainer, so the types live here, beside what ships; elaboration and the
 * passes import them as types only. Types alone: this file adds no byte to a package.
 */

/**
 * PyTorch's optimisers by PyTorch's rules. `decay` is L2 added to the gradient, but for adamw, where it is decoupled. `lazy`: rows
 * of tables that a batch does not look up keep their weights and moments, as in PyTorch's SparseAdam.
 */
export type Optimiser =
  | { readonly kind: "sgd"; readonly rate: number; readonly decay: number }
  | Momentum<"momentum">
  | Momentum<"nesterov">
  | {
      readonly kind: "rmsprop";
      readonly rate: number;
      readonly alpha: number;
      readonly epsilon: number;
      readonly momentum: number;
      readonly decay: number;
    }
  | { readonly kind: "adagrad"; readonly rate: number; readonly epsilon: number; readonly decay: number }
  | (Adam<"adam"> & { readonly lazy: boolean })
  | Adam<"adamw">;

interface Momentum<Kind> {
  readonly kind: Kind;
  readonly rate: number;
  readonly momentum: number;
  readonly decay: number;
}

interface Adam<Kind> {
  readonly kind: Kind;
  readonly rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly decay: number;
}

export type OptimiserKind = Optimiser["kind"];

/** Factors of the optimiser's rate; several multiply (a warmup and a cosine). Epochs count from 0. */
export type Schedule =
  | { readonly kind: "constant" }
  /** Times `factor` every `every` epochs. */
  | { readonly kind: "step"; readonly every: number; readonly factor: number }
  /** Full for the first `after` epochs, then times `factor` with each epoch. */
  | { readonly kind: "decay"; readonly after: number; readonly factor: number }
  /** Half a cosine from 1 to 0 over the whole training. */
  | { readonly kind: "cosine" }
  /** Rises in a line over the first `steps` steps. */
  | { readonly kind: "warmup"; readonly steps: number }
  /** Times `factor` when the loss has not improved for more than `patience` epochs. */
  | { readonly kind: "plateau"; readonly patience: number; readonly factor: number };

/** What the update itself depends on; compiled into the module, but for the rate. */
export interface OptimiserSettings {
  readonly optimiser: Optimiser;
  /** Bounds on the gradient: on its norm over all parameters first, then on each element. */
  readonly clip: { readonly norm: number | null; readonly value: number | null };
  /** Adds `l2` times the parameter to the clipped gradient. */
  readonly regularize: { readonly l2: number };
  /**
   * Keeps an average of the parameters: their mean so far, then, from 1/(1-decay) updates on, an exponential one.
   * `decay` 1 is the plain mean.
   */
  readonly average: { readonly decay: number } | null;
}

export interface TrainSettings extends OptimiserSettings {
  readonly batch: number;
  readonly epochs: number;
  /** Ends the training after so many steps, whatever `epochs` says. */
  readonly steps: number | null;
  readonly seed: number;
  /** The length of the chunks through which gradients flow. */
  readonly tbptt: number | null;
  readonly schedules: readonly Schedule[];
  /** The share of the data kept for validation. */
  readonly validate: number | null;
  /** Stops when the validation loss has not improved for more than so many epochs. */
  readonly patience: number | null;
}
