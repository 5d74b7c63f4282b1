/**
 * Each barrier of the WGSL is needed: without any one of them an entry's results come out otherwise. In software a
 * workgroup's threads run four at a time up to the next barrier, so a missing one shows wherever more than four meet.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { compile } from "../../src/compile/compile.ts";
import { makeEntries } from "../../src/compile/entries.ts";
import { writeInputs, writeParameters } from "../../src/compile/module-memory.ts";
import {
  generator,
  raggedLengths,
  randomInputs,
  randomParameters,
  vocabularySizes,
} from "../../src/compile/random-environment.ts";
import type { Model } from "../../src/elaborate/program.ts";
import type { Environment } from "../../src/ir/graph/eval.ts";
import type { Graph } from "../../src/ir/graph/types.ts";
import { axesOf } from "../../src/ir/graph/walk.ts";
import type { Machine } from "../../src/runtime/machine.ts";
import type { TfjsProgram } from "../../src/runtime/tfjs/program.ts";
import { hasBrowser, openTab, type Tab } from "./browser.ts";
import { onDevice, persistent } from "./device-machine.ts";

const models = {
  "a gated recurrence": `
    input x : f32[T, 5]   target y : token(9)[T]
    x >> gru(34) >> softmax(y)
    train { optimizer adam(1e-2) clip norm 1 }`,
  "normalised gates and attention": `
    input x : f32[T, 5]   target y : token(9)
    x >> lstm(6, layernorm) >> attend >> softmax(y)`,
};

type Compiled = Parameters<typeof onDevice>[2];
const entries = ["predict", "gradients", "update"] as const;
type Entry = (typeof entries)[number];

const barrier = /(?:storage|workgroup)Barrier\(\);\n/gu;

/** The program without the `nth` barrier of a shader. */
function without(program: TfjsProgram, shader: number, nth: number): TfjsProgram {
  let seen = 0;
  const shaders = program.webgpu.shaders.map((s, k) =>
    k === shader ? { ...s, code: s.code.replace(barrier, (text) => (seen++ === nth ? "" : text)) } : s,
  );
  return { ...program, webgpu: { ...program.webgpu, shaders } };
}

function shadersOf({ webgpu }: TfjsProgram, entry: Entry): readonly number[] {
  const found = new Set<number>();
  const visit = (steps: (typeof webgpu.entries)[string]["steps"]): void => {
    for (const s of steps) {
      if (s.kind === "loop") visit(s.body);
      else found.add(s.run.shader);
    }
  };
  visit(webgpu.entries[entry]!.steps);
  return [...found];
}

/** More than four of everything that threads share: examples, steps, features. */
function environmentOf(model: Model, graph: Graph): Environment {
  const examples = 6;
  const random = generator(3);
  const axes = axesOf(graph).filter((a) => a.size.kind === "ragged");
  const lengths = raggedLengths(axes, examples, (b) => 7 - (b % 2));
  const shape = { examples, lengths, vocabularies: vocabularySizes(model.data) };
  return {
    batch: examples,
    inputs: randomInputs([graph], shape, () => random),
    params: steep(randomParameters(model.parameters, random)),
    lengths,
    random: { seed: 1, step: 0, examples: Int32Array.from({ length: examples }, (_, b) => b) },
  };
}

/** Scores so far apart that a softmax which does not know the largest of them overflows. */
function steep(params: Environment["params"]): Environment["params"] {
  return new Map(
    [...params].map(([name, p]) => [
      name,
      /softmax|attend/u.test(name) ? { ...p, data: p.data.map((x) => 500 * x) } : p,
    ]),
  );
}

const resultsOf = ({ metadata }: Machine, entry: Entry): readonly string[] =>
  entry === "predict"
    ? metadata.outputs.flatMap((o) => o.predict ?? [])
    : entry === "gradients"
      ? ["gradients", "train:loss"]
      : ["parameters", "report"];

describe.skipIf(!hasBrowser)("barriers", () => {
  let tab: Tab;
  beforeAll(async () => void (tab = await openTab()), 60_000);
  afterAll(() => tab?.close());

  describe.each(Object.entries(models))("%s", (_, source) => {
    test.each(entries)("%s", { timeout: 240_000 }, async (entry) => {
      const { model } = check(source, "model.rnn", {});
      const environment = environmentOf(model!, makeEntries(model!).objectives[0]!.graph);
      const compiled = await compile(source, "model.rnn", { target: "tfjs" });
      const run = (tfjs: TfjsProgram): Promise<string> => resultOf({ ...compiled, tfjs }, entry, environment);
      const whole = await run(compiled.tfjs!);
      const unseen: string[] = [];
      let count = 0;
      for (const shader of shadersOf(compiled.tfjs!, entry)) {
        const { name, code } = compiled.tfjs!.webgpu.shaders[shader]!;
        for (let nth = 0; nth < (code.match(barrier)?.length ?? 0); nth++) {
          count++;
          if ((await run(without(compiled.tfjs!, shader, nth))) === whole)
            unseen.push(`${nth} of ${shader}, ${name}`);
        }
      }
      expect(count).toBeGreaterThan(0);
      expect(unseen).toEqual([]);
    });
  });

  /** What an entry leaves in memory that held nothing before but what it is given, as text. */
  async function resultOf(compiled: Compiled, entry: Entry, environment: Environment): Promise<string> {
    const { machine, mirror, device } = await onDevice(tab, "webgpu", compiled);
    writeInputs(machine, environment);
    writeParameters(machine, environment.params);
    const floats = machine.floats();
    floats[machine.at(machine.buffer("settings")!)] = 0.01;
    const gradients = machine.at(machine.buffer("gradients")!);
    for (let k = 0; k < machine.buffer("gradients")!.dims[0]!.plus; k++) floats[gradients + k] = Math.sin(k);
    mirror.changed([...persistent(machine), "settings", "gradients"]);
    machine.run(entry);
    const found = await device.read(resultsOf(machine, entry).map((name) => machine.buffer(name)!));
    device.dispose();
    await device.settled();
    return found.map((values) => values.join()).join("\n");
  }
});
