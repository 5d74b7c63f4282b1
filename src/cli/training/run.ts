/** Puts a training together: model, trainer, course, log and display; goes on from a checkpoint where there is one. */
import { createHash } from "node:crypto";
import { dataSpecs } from "../../runtime/batch.ts";
import { RnncError } from "../../runtime/errors.ts";
import { load } from "../../runtime/load.ts";
import type { Metadata } from "../../runtime/metadata.ts";
import type { Trainer } from "../../runtime/trainer.ts";
import type { DataRecord } from "../data/record.ts";
import { drawLossCurve } from "../drawing/loss-curve.ts";
import { Failure } from "../failure.ts";
import { writeWhole } from "../files.ts";
import { makeCourse, type Course, type CourseData } from "./course.ts";
import { diverged } from "./diverged.ts";
import { openLog, type Log } from "./log.ts";
import { trainLoop, type Outcome } from "./loop.ts";
import { openDisplay } from "./progress.ts";
import { needMemory } from "./need-memory.ts";
import { checkSame, type RunFolder, type RunState } from "./run-folder.ts";

export interface RunInput extends Omit<CourseData, "specs"> {
  readonly metadata: Metadata;
  readonly wasm: Uint8Array;
  readonly folder: RunFolder;
  /** Whether an example with an impossible target is an error. */
  readonly strict: boolean;
  readonly threads: number;
}

export interface Run {
  readonly trainer: Trainer;
  readonly course: Course;
  readonly go: () => Promise<{ readonly outcome: Outcome; readonly state: RunState }>;
}

export async function openRun({ metadata, wasm, folder, strict, threads, ...data }: RunInput): Promise<Run> {
  needMemory(metadata);
  const model = await load({ metadata, wasm: new Uint8Array(wasm), threads });
  const course = makeCourse(model, { specs: dataSpecs(metadata), ...data });
  const trainer = model.trainer({ stepsPerEpoch: course.stepsPerEpoch });
  const state = stateOf(metadata, data.train, data.validation);
  const { before } = folder;
  if (before !== null) {
    checkSame(before.state, state);
    loadCheckpoint(trainer, before.checkpoint);
  }
  return {
    trainer,
    course,
    go: async () => {
      const log = openLog(folder.log, before === null ? null : trainer.position().step);
      const display = openDisplay();
      const stop = watchSignals();
      try {
        return await trainLoop({
          trainer,
          course,
          folder,
          log,
          display,
          state: { ...state, best: before?.state.best ?? null, replaces: folder.replaces },
          interrupted: stop.wanted,
          strict,
          diverged: () => diverged(log, data.train, data.fields),
          draw: () => writeWhole(folder.curve, curveOf(metadata.name, log)),
        });
      } finally {
        display.close();
        stop.end();
      }
    },
  };
}

function loadCheckpoint(trainer: Trainer, checkpoint: Uint8Array): void {
  try {
    trainer.load(checkpoint);
  } catch (error) {
    if (error instanceof RnncError)
      throw new Failure(
        `The training cannot be resumed: ${error.message}.`,
        "Resume it with the program that it began with, or start another: `-o` names another folder, `--force` starts over.",
      );
    throw error;
  }
}

function stateOf(
  metadata: Metadata,
  train: readonly DataRecord[],
  validation: readonly DataRecord[],
): RunState {
  const hash = createHash("sha256");
  for (const records of [train, validation]) {
    for (const { values } of records) hash.update(JSON.stringify(values));
    hash.update("\n");
  }
  const { batch, seed, tbptt, validate } = metadata.train;
  return {
    format: 1,
    model: metadata.name,
    data: hash.digest("hex").slice(0, 32),
    batch,
    seed,
    tbptt,
    validate: validate ?? 0,
    best: null,
  };
}

/** The first Ctrl-C asks to stop after the step, the second ends at once: what is on the disk is whole either way. */
function watchSignals(): { readonly wanted: () => boolean; readonly end: () => void } {
  let wanted = false;
  const onSignal = (): void => {
    if (wanted) process.exit(130);
    wanted = true;
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, onSignal);
  return {
    wanted: () => wanted,
    end: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}

function curveOf(name: string, { entries }: Log): string {
  return drawLossCurve({
    title: `${name}: loss`,
    train: entries.flatMap((entry) => ("loss" in entry ? [{ step: entry.step, loss: entry.loss }] : [])),
    validation: entries.flatMap((entry) =>
      "validation" in entry ? [{ step: entry.step, loss: entry.validation }] : [],
    ),
  });
}
