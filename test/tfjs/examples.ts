/**
 * Every example in a real browser, on WebGL 2 and WebGPU: predictions and gradients against the float64 evaluator, and ten
 * steps of training beside the WASM module's.
 */
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { byParameter, finiteEnvironment } from "../../src/compile/check-gradients.ts";
import { compile } from "../../src/compile/compile.ts";
import { type Entries, makeEntries } from "../../src/compile/entries.ts";
import { objectiveEntry } from "../../src/elaborate/objective.ts";
import { readParameters, writeInputs, writeParameters } from "../../src/compile/module-memory.ts";
import { generator } from "../../src/compile/random-environment.ts";
import { type Environment, evaluate, type Tensor, withPadding } from "../../src/ir/graph/eval.ts";
import type { Graph } from "../../src/ir/graph/types.ts";
import { split } from "../../src/passes/split.ts";
import { dimsOf, extent, gather, strides } from "../../src/runtime/layout.ts";
import { type Machine, openMachine } from "../../src/runtime/machine.ts";
import { fromBase64 } from "../../src/runtime/base64.ts";
import type { ObjectiveInfo } from "../../src/runtime/metadata.ts";
import { startModule } from "../../src/runtime/module.ts";
import { hostMetadata } from "../../src/runtime/tfjs/choices.ts";
import { openTab, type Tab } from "./browser.ts";
import { type DeviceMachine, onDevice, persistent } from "./device-machine.ts";
import type { Backend } from "./remote-device.ts";

const folder = `${import.meta.dirname}/../../examples`;

/** Halves of the examples: a browser compiles shaders on one core, so each half has its own. */
export const halves = [0, 1].map((half) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".rnn"))
    .filter((_, k) => k % 2 === half),
);

/** Relative to the float64 evaluator, in the norm of an output or a parameter's gradient. */
const tolerance = 1e-4;
/** The same of what depends on normal numbers, which a GPU makes with its own logarithm and cosine. */
const tolerances: Readonly<Record<string, number>> = { "vae.rnn": 1e-3 };
/** Of losses after up to ten updates by optimisers that divide by small numbers, relative to the WASM module's. */
const courseTolerance = 1e-3;

interface Case {
  readonly entries: Entries;
  readonly environment: Environment;
  /** The losses of the WASM module's steps. */
  readonly course: readonly number[];
  readonly target: Awaited<ReturnType<typeof compile>>;
}

/** Large enough that its steps are dispatched one by one, so it stays as it is. */
const large = "translate.rnn";

/** An example with an eighth of its units: its shaders are the same but for the numbers in them. */
function readExample(name: string): string {
  const source = readFileSync(`${folder}/${name}`, "utf8");
  const few = (n: string): string => (Number(n) % 32 === 0 ? String(Number(n) / 8) : n);
  return name === large ? source : source.replace(/\b\d+\b/gu, few);
}

async function makeCase(name: string): Promise<Case> {
  const source = readExample(name);
  const { model } = check(source, name, { assume: true });
  if (!model) throw new Error(`${name} has errors`);
  const entries = makeEntries(model);
  const [objective] = entries.objectives;
  const trained = split(model.graph, objectiveEntry("train", objective?.net ?? null))!;
  const graphs: [Graph, Graph] = [objective?.graph ?? entries.predict!, trained];
  const environment = finiteEnvironment(model, graphs, generator(7));
  const target = await compile(source, name, { assume: true, target: "tfjs" });
  const { wasm, places } = target.tfjs!.host;
  const module = await WebAssembly.compile(fromBase64(wasm));
  const host = hostMetadata({ metadata: target.metadata!, module, places });
  const machine = openMachine(host, await startModule(host, module));
  const course = entries.objectives.length > 0 ? courseOf(machine, environment) : [];
  return { entries, environment, course, target };
}

const updates = 10;

function courseOf(module: Machine, environment: Environment): readonly number[] {
  writeInputs(module, environment);
  writeParameters(module, environment.params);
  return Array.from({ length: updates }, () => {
    update(module);
    return loss(module);
  });
}

/** A step of training on what lies in memory. */
function update(machine: Machine): void {
  machine.floats()[machine.at(machine.buffer("settings")!)] = machine.metadata.train.optimiser.rate;
  for (const { gradients, update } of turnsOf(machine)) {
    machine.run(gradients);
    machine.run(update);
  }
}

/** What a step runs: of objectives that alternate, one after another. */
const turnsOf = ({ metadata }: Machine): readonly Pick<ObjectiveInfo, "gradients" | "update" | "loss">[] =>
  metadata.alternating ?? [{ gradients: "gradients", update: "update", loss: "train:loss" }];

function prepare({ machine, mirror }: DeviceMachine, environment: Environment): void {
  writeInputs(machine, environment);
  writeParameters(machine, environment.params);
  mirror.changed(persistent(machine));
}

const norm = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, x) => sum + x * x, 0));

function expectNear(
  what: string,
  actual: ArrayLike<number>,
  exact: ArrayLike<number>,
  floor: number,
  bound = tolerance,
): void {
  const difference = norm(Array.from(exact, (x, k) => x - actual[k]!));
  const relative = difference / Math.max(norm(exact), floor);
  expect(relative, what).toBeLessThan(bound);
}

/** An output in the order of the evaluator's tensor. */
function outputOf(machine: Machine, name: string, { axes }: Tensor): Float64Array {
  const info = machine.buffer(name)!;
  const order = axes.map((a) => info.dims.findIndex((d) => d.axis === a.name.split(":")[0]));
  const dims = order.every((d) => d >= 0) ? order : dimsOf(info, axes);
  const steps = strides(info, machine.sizes());
  const shape = dims.map((d) => extent(info.dims[d]!, machine.sizes()));
  const dense = new Float32Array(shape.reduce((a, b) => a * b, 1));
  const source = Float32Array.from(machine.view(info));
  gather(
    source,
    machine.at(info),
    dims.map((d) => steps[d]!),
    shape,
    dense,
  );
  return Float64Array.from(dense);
}

async function expectPredictions(device: DeviceMachine, { entries, environment }: Case): Promise<void> {
  const { machine, mirror } = device;
  const exact = withPadding(evaluate(entries.predict!, environment), NaN, environment);
  const outputs = machine.metadata.outputs.flatMap((o) => (o.predict ? [o.predict] : []));
  machine.run("predict");
  await mirror.download(outputs);
  expect(outputs.length).toBeGreaterThan(0);
  for (const name of outputs) {
    const tensor = exact.get(name)!;
    // Padding is undefined here.
    const counted = [...tensor.data.keys()].filter((k) => !Number.isNaN(tensor.data[k]!));
    const actual = outputOf(machine, name, tensor);
    const [a, b] = [actual, tensor.data].map((data) => counted.map((k) => data[k]!)) as [number[], number[]];
    expectNear(name, a, b, 1e-6);
  }
}

async function expectGradients(
  { machine, mirror }: DeviceMachine,
  { entries, environment }: Case,
  bound: number,
): Promise<void> {
  const exact = byParameter(entries.objectives[0]!.graph, environment);
  const floor = 1e-4 * Math.max(...[...exact.values()].map(norm));
  machine.run(turnsOf(machine)[0]!.gradients);
  await mirror.download(["gradients"]);
  const found = readParameters(machine, "gradients");
  for (const [name, gradient] of exact)
    expectNear(`gradient of ${name}`, found.get(name)!, gradient, floor, bound);
}

const loss = (machine: Machine): number =>
  turnsOf(machine).reduce((sum, { loss }) => sum + machine.floats()[machine.at(machine.buffer(loss)!)]!, 0);

async function expectTraining({ machine, mirror }: DeviceMachine, { course }: Case): Promise<void> {
  for (const [step, wanted] of course.entries()) {
    mirror.changed(["settings"]);
    update(machine);
    await mirror.download(turnsOf(machine).map(({ loss }) => loss));
    const difference = Math.abs(loss(machine) - wanted);
    expect(difference, `loss of step ${step}`).toBeLessThan(
      courseTolerance * Math.max(Math.abs(wanted), 1e-3),
    );
  }
}

export function testExamples(programs: readonly string[]): void {
  let tab: Tab;
  beforeAll(async () => void (tab = await openTab()), 60_000);
  afterAll(() => tab?.close());

  describe.each(programs)("%s", (name) => {
    let made: Promise<Case> | null = null;
    afterAll(() => void (made = null));

    test.each<Backend>(["webgpu", "webgl"])("%s", { timeout: 120_000 }, async (backend) => {
      const one = await (made ??= makeCase(name));
      const device = await onDevice(tab, backend, one.target);
      prepare(device, one.environment);
      if (one.entries.predict) await expectPredictions(device, one);
      if (one.entries.objectives.length === 0) return;
      await expectGradients(device, one, tolerances[name] ?? tolerance);
      await expectTraining(device, one);
      device.device.dispose();
      await device.device.settled();
    });
  });
}
