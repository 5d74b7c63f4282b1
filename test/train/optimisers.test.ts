/** Each optimiser against ten steps of PyTorch's (test/reference/optimisers.py), clipping, skipping and averaging. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { kernelFaults } from "../../src/ir/kernel/verify.ts";
import { makeMachine, type Machine } from "../../src/ir/kernel/eval.ts";
import { momentCount, optimiserStatements } from "../../src/passes/optimiser.ts";
import { optimiserArguments, optimiserDefaults, trainDefaults } from "../../src/passes/train-settings.ts";
import type { Optimiser, OptimiserKind, OptimiserSettings } from "../../src/passes/train-settings.ts";
import { trainingBuffers, type TrainingBuffers } from "../../src/passes/training-buffers.ts";

interface Case {
  readonly name: string;
  readonly optimiser: { readonly kind: OptimiserKind };
  readonly settings: {
    readonly norm?: number;
    readonly value?: number;
    readonly l2?: number;
    readonly average?: number;
  };
  readonly path: readonly (readonly number[])[];
  readonly norms: readonly number[];
  readonly averages?: readonly (readonly number[])[];
}

interface Reference {
  readonly start: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly rates: readonly number[];
  readonly cases: readonly Case[];
}

const reference = JSON.parse(
  readFileSync(new URL("../reference/optimisers.json", import.meta.url), "utf8"),
) as Reference;

const kinds = Object.keys(optimiserDefaults) as OptimiserKind[];

interface Trained {
  readonly machine: Machine;
  readonly flat: TrainingBuffers;
  /** One update with this gradient; the rest of the buffer is zero. */
  step(gradient: readonly number[], rate: number): void;
  parameters(): number[];
}

function trained(settings: OptimiserSettings, start: readonly number[], single = false): Trained {
  const elements = Math.ceil(start.length / 8) * 8;
  const flat = trainingBuffers(elements, settings);
  const program = {
    name: "test",
    symbols: [],
    buffers: [
      flat.parameters,
      flat.gradients,
      ...flat.moments,
      flat.counters,
      flat.settings,
      flat.report,
      flat.factors,
    ],
    entries: [{ name: "update", body: optimiserStatements(settings, flat) }],
    plan: null,
  };
  expect(kernelFaults(program)).toEqual([]);
  const machine = makeMachine(program, {}, { single });
  const padded = (values: readonly number[]): number[] =>
    Array.from({ length: elements }, (_, k) => values[k] ?? 0);
  machine.write(flat.parameters, padded(start));
  return {
    machine,
    flat,
    step(gradient, rate) {
      machine.write(flat.gradients, padded(gradient));
      machine.write(flat.settings, [rate, 0, 0, 0]);
      machine.run("update");
    },
    parameters: () => [...machine.read(flat.parameters)].slice(0, start.length),
  };
}

const settingsOf = ({ optimiser, settings }: Pick<Case, "optimiser" | "settings">): OptimiserSettings => ({
  optimiser: { ...optimiserDefaults[optimiser.kind], ...optimiser } as Optimiser,
  clip: { norm: settings.norm ?? null, value: settings.value ?? null },
  regularize: { l2: settings.l2 ?? 0 },
  average: settings.average === undefined ? null : { decay: settings.average },
});

function largestDifference(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  return Math.max(...a.map((x, k) => Math.abs(x - b[k]!)));
}

describe.each(reference.cases)("$name", (example) => {
  test.each([
    ["float64", false, 1e-7],
    ["float32", true, 3e-6],
  ])("takes PyTorch's ten steps, %s", (_, single, tolerance) => {
    const { machine, flat, step, parameters } = trained(settingsOf(example), reference.start, single);
    reference.gradients.forEach((gradient, k) => {
      step(gradient, reference.rates[k]!);
      expect(largestDifference(parameters(), example.path[k]!)).toBeLessThan(tolerance);
      const [norm, skipped] = machine.read(flat.report);
      expect(norm).toBeCloseTo(example.norms[k]!, 5);
      expect(skipped).toBe(0);
      if (!example.averages) return;
      const average = [...machine.read(flat.moments.at(-1)!)].slice(0, reference.start.length);
      expect(largestDifference(average, example.averages[k]!)).toBeLessThan(tolerance);
    });
    expect([...machine.read(flat.counters)]).toEqual([0, 10, 10, 0]);
  });
});

describe.each(kinds)("%s", (kind) => {
  const settings = settingsOf({ optimiser: { kind }, settings: { norm: 1, l2: 0.1, average: 0.9 } });

  test("leaves what is zero at zero", () => {
    const { machine, flat, step } = trained(settings, [1, 2, 3]);
    for (let k = 0; k < 3; k++) step([0.1, 0, -5], 0.1);
    for (const buffer of [flat.parameters, ...flat.moments])
      expect([...machine.read(buffer)].slice(3)).toEqual([0, 0, 0, 0, 0]);
  });

  test("leaves what is zero at zero without an epsilon too", () => {
    const bare = { ...settings.optimiser, ...(`epsilon` in settings.optimiser ? { epsilon: 0 } : {}) };
    const { machine, flat, step } = trained({ ...settings, optimiser: bare }, [1, 2, 3], true);
    for (let k = 0; k < 3; k++) step([0.1, 0, -5], 0.1);
    expect([...machine.read(flat.parameters)].slice(3)).toEqual([0, 0, 0, 0, 0]);
  });

  test.each([NaN, Infinity, -Infinity])("skips an update whose gradient holds %d", (bad) => {
    const { machine, flat, step, parameters } = trained(settings, [1, 2, 3]);
    step([0.1, 0.2, 0.3], 0.1);
    const before = [parameters(), ...flat.moments.map((m) => [...machine.read(m)])];
    step([0.1, bad, 0.3], 0.1);
    expect([parameters(), ...flat.moments.map((m) => [...machine.read(m)])]).toEqual(before);
    expect(machine.read(flat.report)[1]).toBe(1);
    expect([...machine.read(flat.counters)]).toEqual([0, 2, 1, 1]);

    step([0.1, 0.2, 0.3], 0.1);
    const without = trained(settings, [1, 2, 3]);
    for (let k = 0; k < 2; k++) without.step([0.1, 0.2, 0.3], 0.1);
    expect(parameters()).toEqual(without.parameters());
    expect([...machine.read(flat.counters)]).toEqual([0, 3, 2, 0]);
  });

  test("takes its rate first", () => {
    expect(optimiserArguments(kind)[0]).toBe("rate");
  });
});

test("the norm counts every element, over blocks and the rest", () => {
  for (const count of [8, 504, 512, 520, 1024, 1600]) {
    const values = Array.from({ length: count }, (_, k) => Math.sin(k));
    const { machine, flat, step } = trained(
      { ...trainDefaults },
      values.map(() => 0),
    );
    step(values, 0);
    expect(machine.read(flat.report)[0]).toBeCloseTo(Math.hypot(...values), 9);
  }
});

test("an average forgets as its decay says", () => {
  const settings = settingsOf({ optimiser: { kind: "sgd" }, settings: { average: 0.75 } });
  const { machine, flat, step } = trained(settings, [0]);
  const averages: number[] = [];
  for (let k = 0; k < 6; k++) {
    step([k === 0 ? -1 : 0], 1);
    averages.push(machine.read(flat.moments[0]!)[0]!);
  }
  expect(averages).toEqual([1, 1, 1, 1, 1, 1]);
  step([-4], 1);
  expect(machine.read(flat.moments[0]!)[0]).toBe(2);
});

test("moments are as many as the optimiser keeps", () => {
  const count = (optimiser: Optimiser, average = false): number =>
    momentCount({ ...trainDefaults, optimiser, average: average ? { decay: 1 } : null });
  expect(kinds.map((kind) => count(optimiserDefaults[kind]))).toEqual([0, 1, 1, 1, 1, 2, 2]);
  expect(count({ ...optimiserDefaults.rmsprop, momentum: 0.9 })).toBe(2);
  expect(count(optimiserDefaults.adam, true)).toBe(3);
});
