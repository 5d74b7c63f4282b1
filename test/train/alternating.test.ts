/**
 * Objectives that name nets take turns within a step of training: each has its own gradient, clipped by its own norm, and
 * moves the parameters of its own net; the next one sees them as they then are. The reference is the evaluator's gradients
 * with the optimiser written out.
 */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { checkGradients, gradientLimits } from "../../src/compile/check-gradients.ts";
import { evaluate } from "../../src/ir/graph/eval.ts";
import { declaration } from "../../src/backends/package/declaration.ts";
import { makeDifferentiate } from "../../src/passes/differentiate.ts";
import { load } from "../../src/runtime/index.ts";
import type { Metadata } from "../../src/runtime/metadata.ts";
import { readSafetensors } from "../../src/runtime/safetensors.ts";
import { expectClose } from "../language/compare.ts";
import { entry, environmentOf, gradientsOf } from "../language/evaluator.ts";
import { type Call, drawData, program, type Program } from "../language/program.ts";
import { compileModel } from "../runtime/models.ts";

const nets = `input x : f32[5]
net G = dense(4, tanh) >> dense(5)
net D = dense(6, tanh) >> dense(1)
let fake = x + normal[5] >> G
`;
const first = "minimize D : bce(sigmoid(D(x)), 1) + bce(sigmoid(D(fake)), 0)\n";
const second = "minimize G : bce(sigmoid(D(fake)), 1)\n";
const plain = "train { optimizer sgd(0.5)  clip norm 0.2 }\n";

const weightsOf = (file: Uint8Array): Map<string, readonly number[]> =>
  new Map([...readSafetensors(file).tensors].map(([name, { data }]) => [name, [...data]]));

const start = async (source: string, seed = 3) => {
  const made = program(source);
  const model = await load(await compileModel(source));
  const trainer = model.trainer({ seed });
  const data = drawData(made, { T: [0, 0, 0] }, 4);
  const batch = trainer.batch({ x: data["x"] as number[][] });
  return { made, model, trainer, data, batch };
};

/** One turn: the net's own gradient, clipped by its own norm, and a step down. */
function turn(made: Program, call: Call, net: string, rate: number, clip: number) {
  const own = (name: string): boolean => name.startsWith(`${net}.`);
  const graph = makeDifferentiate({ trains: own }).run(entry(made, `train.${net}`));
  const values = evaluate(graph, environmentOf(made, graph, call));
  const gradients = new Map([...gradientsOf(made, values)].filter(([name]) => own(name)));
  const norm = Math.hypot(...[...gradients.values()].flat());
  const factor = Math.min(1, clip / (norm + 1e-6));
  const parameters = new Map(
    [...call.parameters].map(([name, values]) => {
      const gradient = gradients.get(name);
      return [name, gradient ? values.map((v, k) => v - rate * factor * gradient[k]!) : values];
    }),
  );
  return { loss: values.get(`train.${net}:loss`)!.data[0]!, norm, call: { ...call, parameters } };
}

test("steps are those of the evaluator's gradients, one net after the other", async () => {
  const { made, trainer, data, batch } = await start(nets + first + second + plain);
  let call: Call = { data, parameters: weightsOf(trainer.weights()), seed: 3, step: 0 };
  for (let step = 0; step < 3; step++) {
    const report = trainer.step(batch);
    const ofD = turn(made, { ...call, step }, "D", 0.5, 0.2);
    const ofG = turn(made, ofD.call, "G", 0.5, 0.2);
    call = ofG.call;
    expectClose([report.losses!["D"]!, report.losses!["G"]!], [ofD.loss, ofG.loss], 1e-5);
    expectClose([report.loss], [ofD.loss + ofG.loss], 1e-5);
    expectClose([report.norm], [Math.hypot(ofD.norm, ofG.norm)], 1e-5);
    const found = weightsOf(trainer.weights());
    for (const [name, values] of call.parameters) expectClose(found.get(name)!, values, 1e-5, 1, name);
  }
});

test("the order of the program is the order of the turns", async () => {
  const [one, other] = [
    await start(nets + first + second + plain),
    await start(nets + second + first + plain),
  ];
  for (const { trainer, batch } of [one, other]) trainer.step(batch);
  const [a, b] = [one, other].map(({ trainer }) => weightsOf(trainer.weights()));
  // The discriminator sees the generator as it was, or as it then is.
  expect(a!.get("D.dense.1.Wx")).not.toEqual(b!.get("D.dense.1.Wx"));
});

test("objectives of one net add up", async () => {
  const apart =
    "minimize D : bce(sigmoid(D(x)), 1)\nminimize G : bce(sigmoid(D(fake)), 1)\nminimize D : bce(sigmoid(D(fake)), 0)\n";
  const [one, other] = [await start(nets + first + second), await start(nets + apart)];
  for (const { trainer, batch } of [one, other]) for (let step = 0; step < 3; step++) trainer.step(batch);
  const [a, b] = [one, other].map(({ trainer }) => weightsOf(trainer.weights())) as [
    Map<string, number[]>,
    Map<string, number[]>,
  ];
  for (const [name, values] of a) expectClose(b.get(name)!, values, 1e-5, 1, name);
});

test("an objective without a net trains what belongs to none", async () => {
  const source = `input x : f32[5]  target y : f32[2]
    net D = dense(1)
    minimize D : sum((D(x) - 1)^2)
    x >> dense(4, tanh) >> regress(y)
    train { optimizer adam(0.05) }\n`;
  const made = program(source);
  expect(made.model.trained.map((net) => net?.name)).toEqual(["D", undefined]);
  const model = await load(await compileModel(source));
  const trainer = model.trainer({ seed: 1 });
  const { x, y } = drawData(made, { T: [0, 0] }, 4);
  const batch = trainer.batch({ x: x as number[][], y: y as number[][] });
  const before = trainer.evaluate(batch);
  for (let step = 0; step < 200; step++) trainer.step(batch);
  const after = trainer.evaluate(batch);
  expect(Object.keys(after.losses!)).toEqual(["D", ""]);
  expect(after.losses!["D"]!).toBeLessThan(0.2 * before.losses!["D"]!);
  expectClose([after.loss], [after.losses!["D"]! + after.losses![""]!], 1e-6);
});

test("a resumed training gives the same bits", async () => {
  const source = nets + first + second + "train { optimizer adam(0.01) }\n";
  const [one, other] = [await start(source), await start(source, 99)];
  for (let step = 0; step < 3; step++) one.trainer.step(one.batch);
  other.trainer.load(one.trainer.save());
  for (const { trainer, batch } of [one, other]) for (let step = 0; step < 3; step++) trainer.step(batch);
  expect(other.trainer.save()).toEqual(one.trainer.save());
});

test("a turn whose gradient is not finite is left out, and the others are not", async () => {
  const source = `input x : f32[2]  input zero : f32
    net A = dense(1)
    net B = dense(1)
    minimize A : sum(log(A(x) * A(x) * zero))
    minimize B : sum(B(x) * B(x))\n`;
  const model = await load(await compileModel(source));
  const trainer = model.trainer({ seed: 1 });
  const before = weightsOf(trainer.weights());
  const report = trainer.step({
    x: [
      [1, 2],
      [3, 4],
    ],
    zero: [0, 0],
  });
  const after = weightsOf(trainer.weights());
  expect(report.skipped).toBe(true);
  expect(after.get("A.dense.Wx")).toEqual(before.get("A.dense.Wx"));
  expect(after.get("B.dense.Wx")).not.toEqual(before.get("B.dense.Wx"));
});

test("a net whose parameters come to nothing is left as it is", async () => {
  const source = `input x : f32[2]
    net A = dense(1)
    net B = dense(1)
    minimize A : sum(0 * A(x))
    minimize B : sum(B(x) * B(x))\n`;
  const trainer = (await load(await compileModel(source))).trainer({ seed: 1 });
  const report = trainer.step({ x: [1, 2] });
  expect(report.losses!["A"]).toBe(0);
  expect(report.skipped).toBe(false);
});

describe("weights of two nets that read one value", () => {
  const source = `input x : f32[5]  target y : f32[3]
    net A = dense(3)
    net B = dense(3)
    minimize A : mse(A(x), y)
    minimize B : mse(B(x), A(x) + y)\n`;

  test("do not lie side by side", async () => {
    const { stages } = await compile(source, "a.rnn", { emit: ["merge-gates"] });
    expect(stages.get("merge-gates")).not.toMatch(/\{A|A\.dense\.Wx.*B\.dense\.Wx/u);
    const together = await compile(source.replaceAll(/minimize [AB] :/gu, "minimize"), "a.rnn", {
      emit: ["merge-gates"],
    });
    expect(together.stages.get("merge-gates")).toMatch(/A\.dense\.Wx.*B\.dense\.Wx/u);
  });

  test("have right gradients", async () => {
    const rows = await checkGradients(source, "a.rnn");
    expect(rows!.map(({ parameter }) => parameter)).toEqual([
      "A.dense.Wx",
      "A.dense.b",
      "B.dense.Wx",
      "B.dense.b",
    ]);
    for (const { differences, module } of rows!) {
      expect(differences).toBeLessThan(gradientLimits.differences);
      expect(module).toBeLessThan(gradientLimits.module);
    }
  });
});

test("a package's types name the losses of each net", async () => {
  const { metadata } = await compileModel(nets + first + second);
  const text = declaration(metadata as Metadata, { hasWeights: false, onDevice: false });
  expect(text).toContain('readonly losses: { readonly "D": number; readonly "G": number };');
  const { metadata: alone } = await compileModel("input x : f32[2]\nminimize sum(x >> dense(1))");
  expect(declaration(alone as Metadata, { hasWeights: false, onDevice: false })).not.toContain("losses");
});
