/**
 * A model as a layer of tfjs-layers, in a page: `fit` moves its weights as the float64 evaluator's gradients say, and what
 * is saved of the LayersModel can be loaded again.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { byParameter } from "../../src/compile/check-gradients.ts";
import { compile } from "../../src/compile/compile.ts";
import { makeEntries } from "../../src/compile/entries.ts";
import { generator } from "../../src/compile/random-environment.ts";
import { type Environment, evaluate, type Tensor } from "../../src/ir/graph/eval.ts";
import type { Node } from "../../src/ir/graph/types.ts";
import { nodesOf } from "../../src/ir/graph/walk.ts";
import type { Model } from "../../src/elaborate/program.ts";
import { hasBrowser, openTab, type Tab } from "./browser.ts";
import type { Backend } from "./remote-device.ts";

const source = `input x : f32[T, 4]   output y = x >> lstm(3)`;
const dropping = `input x : f32[T, 4]   output y = x >> dropout(0.5) >> lstm(3)`;
const [examples, steps] = [4, 6];
const rate = 0.5;

const random = generator(3);
const numbers = (count: number): number[] =>
  Array.from({ length: count }, () => Math.fround(2 * random() - 1));
const x = numbers(examples * steps * 4);
const y = numbers(examples * steps * 3);

interface Found {
  /** By name, before and after one step of gradient descent on the mean of squares. */
  readonly before: Record<string, number[]>;
  readonly after: Record<string, number[]>;
  readonly losses: number[];
  readonly shape: (number | null)[];
  readonly predicted: number[];
  readonly loaded: number[];
  readonly given: number[];
  readonly left: number;
}

/** `x >> our layer` learns y by tfjs's own `fit`; then it is saved, loaded and given back to the model. */
const body = `
  const weightsOf = async (layer) => Object.fromEntries(await Promise.all(
    model.metadata.parameters.map(async ({ name }, k) => [name, Array.from(await layer.getWeights()[k].data())])));
  const layer = model.layer(layers.layers, { seed: 7 });
  const whole = layers.sequential({ layers: [layers.layers.inputLayer({ inputShape: [null, 4] }), layer] });
  whole.compile({ optimizer: tf.train.sgd(rate), loss: "meanSquaredError" });
  const data = tf.tensor3d(x, [examples, steps, 4]), wanted = tf.tensor3d(y, [examples, steps, 3]);
  const fit = async (epochs) => (await whole.fit(data, wanted, { batchSize: examples, epochs, shuffle: false, verbose: 0 })).history.loss;
  const before = await weightsOf(layer);
  const losses = await fit(1);
  const after = await weightsOf(layer);
  losses.push(...await fit(20));
  const tensors = tf.memory().numTensors;
  await fit(3);
  const left = tf.memory().numTensors - tensors;
  const predicted = Array.from(await whole.predict(data).data());
  const saved = {};
  await whole.save({ save: async (artifacts) => (Object.assign(saved, artifacts), { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } }) });
  const again = await layers.loadLayersModel({ load: async () => saved });
  const loaded = Array.from(await again.predict(data).data());
  await model.loadWeights(Object.fromEntries(model.metadata.parameters.map(({ name }, k) => [name, layer.getWeights()[k]])));
  const one = await model.predict({ x: await data.array() });
  const shape = whole.outputs[0].shape;
  model.dispose();
  return { before, after, losses, shape, predicted, loaded, left, given: one.y.flatMap((r) => Array.from(r.data)) };`;

/** Dense, as the page has it, in the order of the evaluator. */
function tensorOf({ type: { axes } }: Node, data: readonly number[], features: number): Tensor {
  const sizes = axes.map((a) => (a.kind === "batch" ? examples : a.kind === "time" ? steps : features));
  const place = axes.map((a) => (a.kind === "batch" ? steps * features : a.kind === "time" ? features : 1));
  const made = new Float64Array(data.length);
  for (let flat = 0; flat < made.length; flat++) {
    let [rest, at] = [flat, 0];
    for (let k = axes.length - 1; k >= 0; k--) {
      at += (rest % sizes[k]!) * place[k]!;
      rest = Math.floor(rest / sizes[k]!);
    }
    made[flat] = data[at]!;
  }
  return { axes, sizes, data: made };
}

/** The gradient of the mean of squares, by parameter. */
function exactGradients(
  model: Model,
  weights: Readonly<Record<string, number[]>>,
): ReadonlyMap<string, Float64Array> {
  const { predict, differentiable } = makeEntries(model, { differentiable: true });
  const pullback = differentiable[0]!.graph;
  const both = { ...pullback, outputs: [...pullback.outputs, ...predict!.outputs] };
  const input = (name: string): Node => nodesOf(both, "input").find((n) => n.attributes.name === name)!;
  const params = new Map(
    model.parameters.map((p): [string, Tensor] => {
      const sizes = p.axes.map((a) => (a.size.kind === "fixed" ? a.size.size : 0));
      return [p.name, { axes: p.axes, sizes, data: Float64Array.from(weights[p.name]!) }];
    }),
  );
  const environment: Environment = {
    batch: examples,
    inputs: new Map([["x", tensorOf(input("x"), x, 4)]]),
    params,
    lengths: new Map([["T", Array.from({ length: examples }, () => steps)]]),
    random: { seed: 0, step: 0, examples: Int32Array.from({ length: examples }, (_, b) => b) },
  };
  const found = evaluate(predict!, environment).get("predict:y")!;
  const wanted = tensorOf(input("cotangent:y"), y, 3);
  const dy = found.data.map((v, k) => (2 * (v - wanted.data[k]!)) / y.length);
  const inputs = new Map([...environment.inputs, ["cotangent:y", { ...wanted, data: dy }]]);
  return byParameter(both, { ...environment, inputs });
}

describe.skipIf(!hasBrowser)("a model as a layer of tfjs-layers", () => {
  let tab: Tab;
  beforeAll(async () => void (tab = await openTab()), 60_000);
  afterAll(() => tab?.close());

  const inPage = async (backend: Backend, program: string, code: string): Promise<unknown> => {
    const { metadata, tfjs } = await compile(program, "model.rnn", { target: "tfjs" });
    return tab.page.evaluate(
      `(async ({ metadata, program, x, y, examples, steps, rate }) => {
        if (!(await tf.setBackend("${backend}"))) throw new Error("no such backend");
        const model = await openOn({ tf, metadata, program });
        ${code}
      })(${JSON.stringify({ metadata, program: tfjs, x, y, examples, steps, rate })})`,
    );
  };

  const backends: readonly Backend[] = ["webgpu", "webgl", "cpu", "wasm"];

  test.each(backends)("fits on %s, by the evaluator's gradients", async (backend) => {
    const found = (await inPage(backend, source, body)) as Found;
    const { model } = check(source, "model.rnn", { target: "tfjs" });
    for (const [name, gradient] of exactGradients(model!, found.before))
      gradient.forEach((g, k) => {
        const wanted = found.before[name]![k]! - rate * g;
        expect(Math.abs(found.after[name]![k]! - wanted), name).toBeLessThan(1e-5);
      });
    expect(found.losses.at(-1)).toBeLessThan(0.9 * found.losses[0]!);
    expect(found.shape).toEqual([null, null, 3]);
    expect(found.left).toBe(0);
    expect(found.loaded).toEqual(found.predicted);
    found.given.forEach((value, k) => expect(value).toBeCloseTo(found.predicted[k]!, 5));
  });

  test("drops out in training alone, and reads a mask as lengths", async () => {
    const code = `
      const layer = model.layer(layers.layers, { seed: 7, name: "ours" });
      const data = tf.tensor3d(x, [examples, steps, 4]);
      const numbers = async (given, settings) => Array.from(await layer.apply(given, settings).data());
      const plain = await numbers(data), same = await numbers(data);
      const first = await numbers(data, { training: true }), second = await numbers(data, { training: true });
      const mask = tf.tensor2d([[1,1,1,1,1,1],[1,1,1,0,0,0],[1,0,0,0,0,0],[1,1,1,1,1,1]], [4, 6], "bool");
      const masked = await numbers(data, { mask });
      const { name } = layer;
      model.dispose();
      return { plain, same, first, second, masked, name };`;
    const found = (await inPage("webgl", dropping, code)) as Record<string, number[]>;
    expect(found["name"]).toBe("ours");
    expect(found["same"]).toEqual(found["plain"]);
    expect(found["first"]).not.toEqual(found["plain"]);
    expect(found["second"]).not.toEqual(found["first"]);
    const kept = [6, 3, 1, 6];
    found["masked"]!.forEach((value, k) => {
      const [example, step] = [Math.floor(k / (steps * 3)), Math.floor(k / 3) % steps];
      expect(value).toBeCloseTo(step < kept[example]! ? found["plain"]![k]! : 0, 6);
    });
  });

  test("says what is wrong with what it is given", async () => {
    const code = `
      const said = (run) => { try { run(); return "nothing"; } catch (error) { return error.name + ": " + error.message; } };
      const data = tf.tensor3d(x, [examples, steps, 4]);
      const without = said(() => model.apply({ x: data }));
      model.layer(layers.layers);
      const found = [
        without,
        said(() => model.apply({})),
        said(() => model.apply({ x: data, z: data })),
        said(() => model.apply({ x: tf.zeros([4, 6, 5]) })),
        said(() => model.apply({ x: data }, { parameters: {} })),
        said(() => model.apply({ x: data }, { lengths: { S: tf.tensor1d([1]) } })),
      ];
      model.dispose();
      return found;`;
    expect(await inPage("cpu", source, code)).toEqual([
      "RnncError: the model has no weights yet: load them, or train it",
      "RnncError: `x` is missing: a tensor of a batch of it",
      "RnncError: there is no input `z`; the model reads `x`",
      "RnncError: `x` is [4, 6, 5], and a batch of it is [B, T, 4]",
      expect.stringMatching(/^RnncError: the parameter `.*` is missing: give all, or none$/u),
      "RnncError: no axis `S` has lengths; `T` may",
    ]);
  });
});
