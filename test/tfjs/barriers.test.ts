/**
 * Each barrier of the WGSL is needed: without any one of them an entry's results come out otherwise. In software a
 * workgroup's threads run four at a time up to the next barrier, so a missing one shows wherever more than four meet: where
 * the later wait for the earlier, or, with the threads numbered the other way round, the earlier for the later.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { compile } from "../../src/compile/compile.ts";
import { makeEntries } from "../../src/compile/entries.ts";
import { writeInputs, writeParameters } from "../../src/compile/module-memory.ts";
import { generator, randomEnvironment } from "../../src/compile/random-environment.ts";
import type { Model } from "../../src/elaborate/program.ts";
import type { Environment } from "../../src/ir/graph/eval.ts";
import type { Graph } from "../../src/ir/graph/types.ts";
import type { Metadata } from "../../src/runtime/metadata.ts";
import type { TfjsProgram } from "../../src/runtime/tfjs/program.ts";
import { hasBrowser, openTab, type Tab } from "./browser.ts";
import { machineOf, persistent } from "./device-machine.ts";
import type { RnncTest, Variant } from "./page.ts";
import { type Command, recordDevice } from "./remote-device.ts";

type Compiled = Parameters<typeof machineOf>[0];

/** A program, and the entries that are looked at. */
const cases: readonly (readonly [string, Entry, string])[] = [
  ["a gated recurrence", "predict", `input x : f32[T, 5]   output y = x >> gru(9)`],
  [
    "what is normalised in each step",
    "predict",
    `cell normed(n) (x) { state h[n]   h = tanh(normalise(linear(x)) + normalise(linear(h[t-1])))   return h }
     input x : f32[T, 5]   output y = x >> normed(6)`,
  ],
  [
    "a recurrence along another",
    "predict",
    `input x : f32[T, 5]   target y : token(9)[T]   x >> elman(9) >> attention(luong) >> softmax(y)`,
  ],
  [
    "back through time",
    "gradients",
    `input x : f32[T, 5]   target y : f32[7]   x >> gru(9) >> mean >> regress(y)`,
  ],
  [
    "an update",
    "update",
    `input x : f32[60]   target y : f32[50]   x >> dense(50) >> regress(y)
     train { optimizer adam(1e-2)  clip norm 1 }`,
  ],
];

type Entry = "predict" | "gradients" | "update";

const barrier = /(?:storage|workgroup)Barrier\(\);\n/gu;

const otherWay = (code: string): string =>
  code.replace(
    "let lane = i32(thread);",
    `let lane = ${Number(/@workgroup_size\((\d+)\)/u.exec(code)![1]) - 1} - i32(thread);`,
  );

/** Each way to leave one barrier out of the shaders that an entry runs, by its name, and with threads in the other order. */
function variantsOf({ webgpu }: TfjsProgram, entry: Entry): ReadonlyMap<string, readonly [Variant, Variant]> {
  const found = new Map<string, readonly [Variant, Variant]>();
  const visit = (steps: (typeof webgpu.entries)[string]["steps"]): void => {
    for (const s of steps) {
      if (s.kind === "loop") {
        visit(s.body);
        continue;
      }
      const { shader } = s.run;
      const { name, code } = webgpu.shaders[shader]!;
      [...code.matchAll(barrier)].forEach(({ index, 0: text }, k) => {
        const without = code.slice(0, index) + code.slice(index + text.length);
        found.set(`${k} of ${shader}, ${name}`, [
          { shader, code: without },
          { shader, code: otherWay(without) },
        ]);
      });
    }
  };
  visit(webgpu.entries[entry]!.steps);
  return found;
}

/** More examples and steps than those whose parts four threads of a workgroup join. */
function environmentOf(model: Model, graph: Graph): Environment {
  const shape = { examples: 34, length: (b: number) => 41 - (b % 2) };
  const environment = randomEnvironment(model, [graph], generator(3), shape);
  return { ...environment, params: steep(environment.params) };
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

const resultsOf = (metadata: Metadata, entry: Entry): readonly string[] =>
  entry === "predict"
    ? metadata.outputs.flatMap((o) => o.predict ?? [])
    : entry === "gradients"
      ? ["gradients", "train:loss"]
      : ["parameters", "report"];

/** Calls that give an entry all it needs, in memory that held nothing before, and run it. */
function callsOf(compiled: Compiled, entry: Entry, environment: Environment): readonly Command[] {
  const { machine, mirror, device } = machineOf(compiled, "webgpu", recordDevice(compiled.metadata!));
  writeInputs(machine, environment);
  writeParameters(machine, environment.params);
  const floats = machine.floats();
  const settings = machine.buffer("settings");
  if (settings) floats[machine.at(settings)] = 0.01;
  const gradients = machine.buffer("gradients");
  if (gradients)
    for (let k = 0; k < gradients.dims[0]!.plus; k++) floats[machine.at(gradients) + k] = Math.sin(k);
  const given = ["settings", "gradients"].filter((name) => machine.buffer(name));
  mirror.changed([...persistent(machine), ...given]);
  machine.run(entry);
  return device.commands;
}

describe.skipIf(!hasBrowser)("without any one barrier something else comes out", () => {
  let tab: Tab;
  beforeAll(async () => void (tab = await openTab()), 60_000);
  afterAll(() => tab?.close());

  test.each(cases)("%s, %s", { timeout: 180_000 }, async (_, entry, source) => {
    const compiled = await compile(source, "model.rnn", { target: "tfjs" });
    const { model } = check(source, "model.rnn", {});
    if (!model || !compiled.tfjs) throw new Error(compiled.diagnostics.map((d) => d.message).join("\n"));
    const entries = makeEntries(model);
    const environment = environmentOf(model, entries.objectives[0]?.graph ?? entries.predict!);
    const variants = variantsOf(compiled.tfjs, entry);
    const [whole, ...others] = await tab.page.evaluate(
      ([program, metadata, commands, read, list]) =>
        globalThis.rnncTest.variants(program, metadata, commands, read, list),
      [
        compiled.tfjs,
        compiled.metadata!,
        callsOf(compiled, entry, environment),
        resultsOf(compiled.metadata!, entry),
        [{ shader: -1, code: "" }, ...[...variants.values()].flat()],
      ] as Parameters<RnncTest["variants"]>,
    );
    expect(variants.size).toBeGreaterThan(0);
    const unseen = [...variants.keys()].filter(
      (_, k) => others[2 * k] === whole && others[2 * k + 1] === whole,
    );
    expect(unseen).toEqual([]);
  });
});
