/**
 * The defaults of `train { … }`: PyTorch's, where it has one, so that a result there carries over. The fields of an
 * optimiser stand in the order in which its arguments are given, `adam(1e-3, 0.9, 0.999)`.
 */
import type { Optimiser, OptimiserKind, Schedule, TrainSettings } from "../runtime/train-settings.ts";

export type {
  Optimiser,
  OptimiserKind,
  OptimiserSettings,
  Schedule,
  TrainSettings,
} from "../runtime/train-settings.ts";

type OptimiserOf<Kind> = Extract<Optimiser, { readonly kind: Kind }>;

export const optimiserDefaults: { readonly [Kind in OptimiserKind]: OptimiserOf<Kind> } = {
  sgd: { kind: "sgd", rate: 0.01, decay: 0 },
  momentum: { kind: "momentum", rate: 0.01, momentum: 0.9, decay: 0 },
  nesterov: { kind: "nesterov", rate: 0.01, momentum: 0.9, decay: 0 },
  rmsprop: { kind: "rmsprop", rate: 0.01, alpha: 0.99, epsilon: 1e-8, momentum: 0, decay: 0 },
  adagrad: { kind: "adagrad", rate: 0.01, epsilon: 1e-10, decay: 0 },
  adam: { kind: "adam", rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0, lazy: false },
  adamw: { kind: "adamw", rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0.01 },
};

/** The numbers that an optimiser takes, in their order. */
export const optimiserArguments = (kind: OptimiserKind): readonly string[] => fieldsOf(kind, "number");
/** The words that it takes. */
export const optimiserFlags = (kind: OptimiserKind): readonly string[] => fieldsOf(kind, "boolean");

const fieldsOf = (kind: OptimiserKind, type: "number" | "boolean"): readonly string[] =>
  Object.entries(optimiserDefaults[kind]).flatMap(([field, value]) => (typeof value === type ? [field] : []));

type ScheduleOf<Kind> = Extract<Schedule, { readonly kind: Kind }>;

/** The fields in the order of the arguments too: `step(2, 0.5)`. */
export const scheduleDefaults: { readonly [Kind in Schedule["kind"]]: ScheduleOf<Kind> } = {
  constant: { kind: "constant" },
  step: { kind: "step", every: 1, factor: 0.1 },
  decay: { kind: "decay", after: 1, factor: 0.5 },
  cosine: { kind: "cosine" },
  warmup: { kind: "warmup", steps: 1000 },
  plateau: { kind: "plateau", patience: 10, factor: 0.1 },
};

/** The arguments that a schedule takes, in their order. */
export function scheduleArguments(kind: Schedule["kind"]): readonly string[] {
  return Object.keys(scheduleDefaults[kind]).filter((field) => field !== "kind");
}

/** What papers write, beside the fields' own names. */
export const argumentAliases: Readonly<Record<string, string>> = {
  lr: "rate",
  n: "steps",
  α: "alpha",
  β1: "beta1",
  β2: "beta2",
  ε: "epsilon",
};

/** A bare `average`: over the last thousand updates or so. */
export const averageDefault = { decay: 0.999 } as const;

export const trainDefaults: TrainSettings = {
  optimiser: optimiserDefaults.adam,
  clip: { norm: null, value: null },
  regularize: { l2: 0 },
  average: null,
  batch: 32,
  epochs: 10,
  steps: null,
  seed: 0,
  tbptt: null,
  schedules: [],
  validate: null,
  patience: null,
};
