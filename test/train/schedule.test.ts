/** The learning rate over a training, and what waits for an improvement. */
import { describe, expect, test } from "vitest";
import {
  learningRate,
  nextPlateau,
  startPlateau,
  startWaiting,
  waitFor,
  type Progress,
} from "../../src/runtime/schedule.ts";
import { scheduleArguments } from "../../src/passes/train-settings.ts";
import type { Schedule } from "../../src/runtime/train-settings.ts";

const start: Progress = { step: 0, totalSteps: 100, epoch: 0, plateauScale: 1 };

const rate = (schedules: readonly Schedule[], progress: Partial<Progress> = {}): number =>
  learningRate({ optimiser: { kind: "sgd", rate: 2, decay: 0 }, schedules }, { ...start, ...progress });

describe("learningRate", () => {
  test("is the optimiser's without a schedule", () => {
    expect(rate([])).toBe(2);
    expect(rate([{ kind: "constant" }], { step: 50, epoch: 7 })).toBe(2);
  });

  test("step multiplies every so many epochs", () => {
    const schedule: Schedule = { kind: "step", every: 2, factor: 0.5 };
    expect([0, 1, 2, 3, 4].map((epoch) => rate([schedule], { epoch }))).toEqual([2, 2, 1, 1, 0.5]);
  });

  test("decay is full for the first epochs, then falls with each", () => {
    const schedule: Schedule = { kind: "decay", after: 2, factor: 0.5 };
    expect([0, 1, 2, 3, 4].map((epoch) => rate([schedule], { epoch }))).toEqual([2, 2, 1, 0.5, 0.25]);
  });

  test("cosine falls from the rate to zero", () => {
    expect(rate([{ kind: "cosine" }])).toBe(2);
    expect(rate([{ kind: "cosine" }], { step: 50 })).toBeCloseTo(1);
    expect(rate([{ kind: "cosine" }], { step: 100 })).toBe(0);
    expect(rate([{ kind: "cosine" }], { step: 150 })).toBe(0);
    expect(rate([{ kind: "cosine" }], { step: 150, totalSteps: Infinity })).toBe(2);
  });

  test("warmup rises in a line and multiplies with another schedule", () => {
    const warmup: Schedule = { kind: "warmup", steps: 4 };
    expect([0, 1, 3, 4, 50].map((step) => rate([warmup], { step }))).toEqual([0.5, 1, 2, 2, 2]);
    expect(rate([warmup, { kind: "cosine" }], { step: 50 })).toBeCloseTo(1);
    expect(rate([{ kind: "warmup", steps: 0 }])).toBe(2);
  });

  test("plateau is what the trainer found", () => {
    expect(rate([{ kind: "plateau", patience: 1, factor: 0.5 }], { plateauScale: 0.25 })).toBe(0.5);
  });
});

test("a schedule's arguments are its fields", () => {
  expect(scheduleArguments("step")).toEqual(["every", "factor"]);
  expect(scheduleArguments("cosine")).toEqual([]);
  expect(scheduleArguments("warmup")).toEqual(["steps"]);
});

test("a plateau of more than `patience` epochs scales the rate and waits anew", () => {
  const scales: number[] = [];
  let plateau = startPlateau;
  for (const loss of [3, 2, 2, 2, 2, 2, NaN, 1]) {
    plateau = nextPlateau(plateau, loss, { patience: 1, factor: 0.5 });
    scales.push(plateau.scale);
  }
  expect(scales).toEqual([1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25]);
  expect(plateau).toMatchObject({ best: 1, since: 0 });
});

test("waiting counts the epochs since the best, of negative losses too", () => {
  let waiting = startWaiting;
  const since = [-1, -1.00001, -2, NaN, -1.5].map((loss) => (waiting = waitFor(waiting, loss)).since);
  expect(since).toEqual([0, 1, 0, 1, 2]);
});
