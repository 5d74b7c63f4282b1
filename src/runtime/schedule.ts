/**
 * The learning rate of a step, as pure functions: the trainer writes the result into the module's settings before
 * each update, so a schedule costs the module nothing. `decay` is the schedule of Zaremba et al. 2014, `cosine` that
 * of Loshchilov & Hutter 2017 without restarts, `plateau` PyTorch's ReduceLROnPlateau.
 */
import type { Schedule, TrainSettings } from "./train-settings.ts";

/** Where the training stands. */
export interface Progress {
  /** Steps made before this one. */
  readonly step: number;
  /** Infinity where nobody knows. */
  readonly totalSteps: number;
  /** Epochs finished before this one. */
  readonly epoch: number;
  /** What `plateau` has come to; 1 at the start. */
  readonly plateauScale: number;
}

export function learningRate(
  settings: Pick<TrainSettings, "optimiser" | "schedules">,
  progress: Progress,
): number {
  return settings.schedules.reduce(
    (rate, schedule) => rate * scheduleFactor(schedule, progress),
    settings.optimiser.rate,
  );
}

export function scheduleFactor(schedule: Schedule, progress: Progress): number {
  switch (schedule.kind) {
    case "constant":
      return 1;
    case "step":
      return schedule.factor ** Math.floor(progress.epoch / schedule.every);
    case "decay":
      return schedule.factor ** Math.max(0, progress.epoch + 1 - schedule.after);
    case "cosine":
      return 0.5 + 0.5 * Math.cos(Math.PI * Math.min(1, progress.step / progress.totalSteps));
    case "warmup":
      // The first step already learns something, step `steps - 1` is the first at the full rate.
      return Math.min(1, (progress.step + 1) / Math.max(1, schedule.steps));
    case "plateau":
      return progress.plateauScale;
    default:
      return schedule satisfies never;
  }
}

/** The best loss so far and how many epochs ago it was: what early stopping and `plateau` wait for. */
export interface Waiting {
  readonly best: number;
  readonly since: number;
}

export const startWaiting: Waiting = { best: Infinity, since: 0 };

/** An improvement counts from one part in ten thousand on; NaN never counts. */
export function waitFor(waiting: Waiting, loss: number): Waiting {
  const margin = waiting.best === Infinity ? 0 : Math.abs(waiting.best) * 1e-4;
  return loss < waiting.best - margin
    ? { best: loss, since: 0 }
    : { best: waiting.best, since: waiting.since + 1 };
}

export interface Plateau extends Waiting {
  readonly scale: number;
}

export const startPlateau: Plateau = { ...startWaiting, scale: 1 };

/** After each epoch, with the loss that counts (of validation, if there is one). */
export function nextPlateau(
  plateau: Plateau,
  loss: number,
  schedule: { readonly patience: number; readonly factor: number },
): Plateau {
  const waited = waitFor(plateau, loss);
  return waited.since > schedule.patience
    ? { best: waited.best, since: 0, scale: plateau.scale * schedule.factor }
    : { ...waited, scale: plateau.scale };
}
