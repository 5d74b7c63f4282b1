/**
 * The training itself: steps until the end or an interruption, a validation after each epoch, the best weights and the
 * last state kept on the disk. The order of batches, random numbers and schedules depend on the position alone, and the
 * mean loss of a begun epoch is read from the log, so a resumed training gives the bits of one never stopped.
 */
import type { Trainer } from "../../runtime/trainer.ts";
import type { Failure } from "../failure.ts";
import { formatDuration } from "../output.ts";
import type { Course, Validation } from "./course.ts";
import { watchImpossible } from "./impossible.ts";
import type { Log, StepEntry } from "./log.ts";
import type { Display } from "./progress.ts";
import type { Best, RunFolder, RunState } from "./run-folder.ts";

export interface LoopInput {
  readonly trainer: Trainer;
  readonly course: Course;
  readonly folder: RunFolder;
  readonly log: Log;
  readonly display: Display;
  readonly state: RunState;
  readonly interrupted: () => boolean;
  /** What to say where the loss or the gradient is not finite any more. */
  readonly diverged: () => Failure;
  /** Draws the loss curve. */
  readonly draw: () => void;
  /** Whether an example with an impossible target is an error. */
  readonly strict: boolean;
}

export type Outcome = "finished" | "stopped early" | "interrupted";

/** So much work at most is lost when the machine goes down; at the end of an epoch it is saved sooner. */
const saveEveryMs = 60_000;
const saveAfterEpochMs = 5_000;
const flushEveryMs = 1000;
/** Signals and the progress bar get their turn. */
const breatheEveryMs = 40;
/** A gradient may overflow once; not so often in a row. */
const mostSkipped = 25;

export async function trainLoop(
  input: LoopInput,
): Promise<{ readonly outcome: Outcome; readonly state: RunState }> {
  const { trainer, course, folder, log, display, interrupted } = input;
  const { settings } = trainer;
  const { stepsPerEpoch } = course;
  const totalSteps = Math.min(settings.steps ?? Infinity, settings.epochs * stepsPerEpoch);
  const secondsBefore = log.entries.at(-1)?.seconds ?? 0;
  const start = performance.now();
  let state = input.state;
  let validation = lastValidation(log);
  let best: Uint8Array | null = null;
  let lastSave = start;
  let lastBreath = start;
  let lastFlush = start;
  let skipped = 0;
  const impossible = watchImpossible(trainer, course, input.strict);
  const speed = makeSpeed();

  const seconds = (): number => Number((secondsBefore + (performance.now() - start) / 1000).toFixed(3));
  const save = (): void => {
    log.flush();
    // Before the state that tells of them.
    if (best !== null) folder.saveBest(best);
    best = null;
    folder.saveLast(trainer.save(), state);
    input.draw();
    lastSave = performance.now();
  };
  const keepIfBest = ({ loss, score }: Validation): boolean => {
    const own = score === null ? null : { name: score.name, loss: score.loss, shown: score.shown };
    const found: Best = { step: trainer.position().step, loss, score: own };
    if (!isBetter(found, state.best)) return false;
    best = trainer.weights();
    state = { ...state, best: found };
    return true;
  };
  const validate = (): Validation | null => {
    if (course.validate === null) return null;
    const found = course.validate(trainer);
    validation = found.loss;
    const { step, epoch } = trainer.position();
    const score = found.score === null ? {} : { score: found.score.value, measure: found.score.key };
    log.add({ step, epoch, validation, ...score, seconds: seconds() });
    return found;
  };
  const tellImpossible = (): void => {
    const note = impossible.note();
    if (note !== null) display.note(note);
  };
  const giveUp = (): never => {
    log.flush();
    throw input.diverged();
  };
  const finish = (outcome: Outcome) => {
    tellImpossible();
    save();
    return { outcome, state };
  };

  if (stopsAlready(trainer)) return finish("stopped early");
  while (trainer.position().step < totalSteps) {
    const { step, epoch } = trainer.position();
    const batch = course.batch(epoch, step - epoch * stepsPerEpoch);
    const before = performance.now();
    const report = trainer.step(batch);
    speed.add(course.amount(batch), performance.now() - before);
    skipped = report.skipped ? skipped + 1 : 0;
    log.add({
      step: step + 1,
      epoch,
      loss: report.loss,
      ...(report.losses ? { losses: report.losses } : {}),
      ...(report.impossible > 0 ? { impossible: report.impossible } : {}),
      norm: report.norm,
      rate: report.rate,
      seconds: seconds(),
      ...(report.skipped ? { skipped: true } : {}),
    });
    if (epoch === 0 && report.impossible > 0) impossible.found(batch, report.impossible);
    if (skipped >= mostSkipped) giveUp();
    display.update({
      step: step + 1,
      totalSteps,
      epoch,
      epochs: Math.ceil(totalSteps / stepsPerEpoch),
      loss: recentLoss(log),
      validation,
      speed: speed.amountPerSecond(),
      unit: course.unit,
      secondsLeft: (totalSteps - step - 1) * speed.secondsPerStep(),
    });
    const now = performance.now();
    if (step + 1 === (epoch + 1) * stepsPerEpoch) {
      tellImpossible();
      const train = epochLoss(log, epoch) ?? impossible.fail();
      if (!Number.isFinite(train)) giveUp();
      const checked = validate();
      const isBest = keepIfBest(checked ?? { loss: train, score: null });
      const { stop } = trainer.endEpoch(checked?.score?.loss ?? checked?.loss ?? train);
      display.note(epochLine(epoch, train, partsOf(log, epoch), checked, isBest, seconds()));
      if (now - lastSave > saveAfterEpochMs) save();
      if (stop) return finish("stopped early");
    } else if (step + 1 === totalSteps) {
      // The last epoch is not finished, and must not count as such if the training is resumed with more steps.
      keepIfBest(validate() ?? { loss: recentLoss(log), score: null });
    } else if (now - lastSave > saveEveryMs) save();
    if (now - lastFlush > flushEveryMs) {
      log.flush();
      lastFlush = now;
    }
    if (now - lastBreath > breatheEveryMs) {
      await new Promise((resolve) => setImmediate(resolve));
      lastBreath = performance.now();
    }
    if (interrupted()) return finish("interrupted");
  }
  return finish("finished");
}

const stopsAlready = ({ settings, position }: Trainer): boolean =>
  settings.patience !== null && position().waiting.since > settings.patience;

/** By the task's own measure where there is one; of equals the one of less loss. */
function isBetter(found: Best, best: Best | null): boolean {
  if (best === null) return Number.isFinite(found.loss);
  const difference = (found.score?.loss ?? found.loss) - (best.score?.loss ?? best.loss);
  return difference < 0 || (difference === 0 && found.loss < best.loss);
}

function epochLine(
  epoch: number,
  train: number,
  parts: string,
  validation: Validation | null,
  best: boolean,
  seconds: number,
): string {
  const score = validation?.score ? `  ${validation.score.name} ${validation.score.shown}` : "";
  const checked =
    validation === null ? "" : `  validation ${validation.loss.toFixed(4)}${score}${best ? " (best)" : ""}`;
  return `epoch ${epoch + 1}  loss ${train.toFixed(4)}${parts}${checked}  ${formatDuration(seconds)}`;
}

// ---- from the log -----------------------------------------------------------------------------------------------

/** Null where no step had anything to learn. */
const epochLoss = (log: Log, epoch: number): number | null =>
  mean(log.entries.flatMap((entry) => ("loss" in entry && entry.epoch === epoch ? lossesOf(entry) : [])));

/** Of objectives that alternate, each one's mean: ` (D 0.6931, G 0.7012)`. */
function partsOf(log: Log, epoch: number): string {
  const entries = log.entries.flatMap((e) =>
    "loss" in e && e.epoch === epoch && e.losses ? [e.losses] : [],
  );
  const parts = Object.keys(entries[0] ?? {}).map((net) => {
    const average = mean(entries.map((losses) => losses[net]!))!;
    return `${net === "" ? "others" : net} ${average.toFixed(4)}`;
  });
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

/** Of the last few steps, for the eye. */
const recentLoss = (log: Log): number =>
  mean(log.entries.slice(-20).flatMap((entry) => ("loss" in entry ? lossesOf(entry) : []))) ?? Infinity;

/** Nothing of a step whose examples are all impossible. */
const lossesOf = ({ loss, impossible = 0 }: StepEntry): readonly number[] =>
  loss === Infinity && impossible > 0 ? [] : [loss];

const lastValidation = (log: Log): number | null =>
  log.entries.reduce<number | null>((last, entry) => ("validation" in entry ? entry.validation : last), null);

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Over about the last hundred steps. */
function makeSpeed() {
  let [amount, milliseconds, steps] = [0, 0, 0];
  return {
    add: (more: number, ms: number): void => {
      amount = amount * 0.99 + more;
      milliseconds = milliseconds * 0.99 + ms;
      steps = steps * 0.99 + 1;
    },
    amountPerSecond: () => (amount / milliseconds) * 1000,
    secondsPerStep: () => milliseconds / steps / 1000,
  };
}
