/** A long sequence in parts, each going on from the states that the last one ended in, is the sequence as a whole. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { load } from "../../src/runtime/load.ts";
import { writeSafetensors } from "../../src/runtime/safetensors.ts";
import { expectClose, expectGradients } from "./compare.ts";
import { differences } from "./differences.ts";
import { evaluator } from "./evaluator.ts";
import { moduleOf } from "./module.ts";
import {
  type Call,
  type Data,
  drawData,
  drawParameters,
  type Nested,
  program,
  type Runner,
  shapeOf,
} from "./program.ts";

const stages = [
  "elman(3, stateful)",
  "lstm(3, stateful, peephole)",
  "lstm(3, stateful, layernorm, proj = 2)",
  "lstm(3, stateful, zoneout = 0.2)",
  "gru(3, stateful)",
  "gru(3, stateful, before)",
  "lstm(2, stateful) >> stack(2)",
  "elman(3, stateful) >> dense(4, tanh) >> gru(2, stateful)",
];
const borders = [0, 5, 9, 12];

const part = (data: Data, from: number, to: number): Data =>
  Object.fromEntries(
    Object.entries(data).map(([name, examples]) => [
      name,
      examples.map((example) => (example as readonly Nested[]).slice(from, to)),
    ]),
  );

describe.each(stages)("%s", (stage) => {
  const made = program(`input x : f32[T, 2]  target y : token(3)[T]\nx >> ${stage} >> softmax(y)`);
  // The second example ends within the second part, the third before it.
  const data = drawData(made, { T: [12, 7, 4] }, 4);
  const parameters = drawParameters(made, 4);

  test.each(["evaluator", "module"])("outputs and states, to the bit, in the %s", async (kind) => {
    const runner: Runner = kind === "module" ? await moduleOf(made) : evaluator(made);
    const whole = runner.predict({ data, parameters });
    let states: Call["states"];
    const rows: number[][] = [[], [], []];
    for (let k = 1; k < borders.length; k++) {
      const found = runner.predict({
        data: part(data, borders[k - 1]!, borders[k]!),
        parameters,
        ...(states ? { states } : {}),
      });
      ({ states } = found);
      found.outputs.get("y")!.forEach((own, b) => rows[b]!.push(...own));
    }
    expect(rows).toEqual(whole.outputs.get("y"));
    expect(states).toEqual(whole.states);
  });

  test("gradients of a part that goes on from states", async () => {
    const { states } = evaluator(made).predict({ data: part(data, 0, 5), parameters });
    const single = new Map([...states].map(([name, x]) => [name, x.map(Math.fround)]));
    const call: Call = { data: part(data, 5, 9), parameters, states: single };
    const lesson = evaluator(made).learn(call);
    expectGradients(lesson.gradients, differences(made, "train", call), 1e-6, 1e-3);
    const own = (await moduleOf(made)).learn(call);
    expectClose([own.loss], [lesson.loss], 1e-5, 1e-3, "loss");
    expectGradients(own.gradients, lesson.gradients, 1e-5, 1e-3);
    for (const [name, state] of lesson.states) expectClose(own.states.get(name)!, state, 1e-5, 1e-2, name);
    const fresh = evaluator(made).learn({ data: call.data, parameters });
    expect(Math.abs(fresh.loss - lesson.loss)).toBeGreaterThan(1e-4);
  });

  test("as users call it: predictions that go on, and a stream", async () => {
    const { wasm, metadata } = await compile(made.source, "model.rnn");
    const tensors = new Map(
      made.model.parameters.map((p) => [
        p.name,
        { data: Float32Array.from(parameters.get(p.name)!), shape: shapeOf(p) },
      ]),
    );
    const weights = writeSafetensors({ tensors, metadata: {} });
    const model = await load({ metadata: metadata!, wasm: new Uint8Array(wasm!), weights });
    const x = data["x"]![0] as readonly (readonly number[])[];
    const predict = (from: number, to: number): number[] => {
      const found = model.predict({ x: x.slice(from, to) })["y"] as { data: ArrayLike<number> };
      return Array.from(found.data);
    };
    const whole = predict(0, 12);
    model.reset();
    expect(borders.slice(1).flatMap((to, k) => predict(borders[k]!, to))).toEqual(whole);
    const stream = model.stream();
    expect(x.flatMap((frame) => Array.from(stream.step(frame as number[])["y"]!))).toEqual(whole);
  });
});
