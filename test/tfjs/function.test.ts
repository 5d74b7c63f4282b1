/**
 * A model as a function of tensors, in a page: what it gives and every gradient that tfjs takes of it against the float64
 * evaluator, on each backend.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { byParameter } from "../../src/compile/check-gradients.ts";
import { compile } from "../../src/compile/compile.ts";
import { makeEntries } from "../../src/compile/entries.ts";
import { generator, randomEnvironment } from "../../src/compile/random-environment.ts";
import { evaluate, type Tensor, withPadding } from "../../src/ir/graph/eval.ts";
import { hasBrowser, openTab, type Tab } from "./browser.ts";
import type { Backend } from "./remote-device.ts";

const programs = {
  "numbers, both directions and an output of all steps": `
    input x : f32[T, 5]   output y = x >> lstm(4) >> gru(3) >> bidir >> dense(2)`,
  "words, and probabilities of labels": `
    input words : token(7)[T]   target y : token(3)
    words >> embed(4) >> elman(5) >> mean >> softmax(y)`,
  "two inputs and two outputs": `
    input x : f32[T, 3]   input z : f32[2]
    h = x >> gru(4)   output y = h   output s = (h >> last) * sum(z)`,
};

/** Row-major, as it goes to the page. */
interface Dense {
  readonly data: number[];
  readonly shape: number[];
}
type DenseBy = Record<string, Dense>;

/** Of a value of the evaluator: the batch first, then its axes as the source has them. */
function dense({ axes, sizes, data }: Tensor): Dense {
  const rank = (k: number): number => (axes[k]!.kind === "batch" ? -1 : k);
  const order = axes.map((_, k) => k).sort((a, b) => rank(a) - rank(b));
  const steps = sizes.map((_, k) => sizes.slice(k + 1).reduce((n, s) => n * s, 1));
  const walk = (level: number, at: number): number[] =>
    level === order.length
      ? [data[at]!]
      : Array.from({ length: sizes[order[level]!]! }, (_, k) =>
          walk(level + 1, at + k * steps[order[level]!]!),
        ).flat();
  return { data: walk(0, 0), shape: order.map((k) => sizes[k]!) };
}

function makeCase(source: string) {
  const { model } = check(source, "model.rnn", { target: "tfjs" });
  const { predict, differentiable } = makeEntries(model!, { differentiable: true });
  const pullback = differentiable[0]!.graph;
  const random = generator(5);
  const environment = randomEnvironment(model!, [predict!, pullback], random, {
    examples: 3,
    length: (b) => 4 - b,
    seed: 0,
  });
  const exactOutputs = withPadding(evaluate(predict!, environment), 0, environment);
  const both = { ...pullback, outputs: [...pullback.outputs, ...predict!.outputs] };
  const exactParameters = byParameter(both, environment);
  const exactInputs = withPadding(evaluate(pullback, environment), 0, environment);
  const inputs: DenseBy = {};
  const cotangents: DenseBy = {};
  for (const [name, tensor] of environment.inputs) {
    const [, output] = /^cotangent:(.*)$/u.exec(name) ?? [];
    if (output !== undefined) cotangents[output] = dense(tensor);
    else if (!name.endsWith(".length")) inputs[name] = dense(tensor);
  }
  const floats = model!.data.filter((d) => d.base === "f32" && inputs[d.name]).map((d) => d.name);
  return {
    given: {
      inputs,
      cotangents,
      floats,
      parameters: Object.fromEntries(
        [...environment.params].map(([name, { sizes, data }]) => [
          name,
          { data: [...data], shape: [...sizes] },
        ]),
      ),
      lengths: Object.fromEntries(environment.lengths),
    },
    wanted: {
      outputs: new Map(
        [...exactOutputs].map(([name, tensor]) => [name.slice("predict:".length), dense(tensor).data]),
      ),
      gradients: new Map<string, ArrayLike<number>>([
        ...floats.map((name) => [name, dense(exactInputs.get(`gradient:${name}`)!).data] as const),
        ...exactParameters,
      ]),
    },
  };
}

interface Found {
  readonly outputs: Record<string, number[]>;
  readonly gradients: Record<string, number[]>;
  readonly again: Record<string, number[]>;
  readonly left: number;
  readonly kernels: number;
}

/** In the page: outputs, gradients by inputs and parameters, and the same of the model's own parameters. */
const body = `
  const tensors = (from) => Object.fromEntries(Object.entries(from).map(([name, { data, shape }]) => [name, tf.tensor(data, shape)]));
  const numbers = async (from) => Object.fromEntries(await Promise.all(
    Object.entries(from).map(async ([name, tensor]) => [name, Array.from(await tensor.data())])));
  const inputs = tensors(given.inputs), parameters = tensors(given.parameters), dy = tensors(given.cotangents);
  const lengths = Object.fromEntries(Object.entries(given.lengths).map(([axis, data]) => [axis, tf.tensor1d(data, "int32")]));
  const outputs = await numbers(model.apply(inputs, { parameters, lengths }));
  const names = Object.keys(parameters);
  const worth = (...all) => {
    const own = { ...inputs, ...Object.fromEntries(given.floats.map((name, k) => [name, all[k]])) };
    const moved = Object.fromEntries(names.map((name, k) => [name, all[given.floats.length + k]]));
    const found = model.apply(own, { parameters: moved, lengths });
    return tf.addN(Object.keys(dy).map((name) => tf.sum(tf.mul(found[name], dy[name]))));
  };
  const point = [...given.floats.map((name) => inputs[name]), ...names.map((name) => parameters[name])];
  const differentiate = () => Object.fromEntries(tf.grads(worth)(point).map((x, k) => [[...given.floats, ...names][k], x]));
  const gradients = await numbers(differentiate());
  await model.loadWeights(parameters);
  const again = await numbers(model.apply(inputs, { lengths }));
  const before = tf.memory().numTensors;
  for (let k = 0; k < 3; k++) Object.values(differentiate()).forEach((x) => x.dispose());
  const left = tf.memory().numTensors - before;
  model.dispose();
  const kernels = tf.getKernelsForBackend(tf.getBackend()).filter(({ kernelName }) => kernelName.startsWith("rnnc.")).length;
  return { outputs, gradients, again, left, kernels };`;

function expectNear(what: string, actual: ArrayLike<number>, exact: ArrayLike<number>): void {
  const norm = (x: readonly number[]): number => Math.sqrt(x.reduce((sum, v) => sum + v * v, 0));
  const wanted = Array.from(exact);
  expect(actual.length, what).toBe(wanted.length);
  const difference = norm(wanted.map((x, k) => x - actual[k]!));
  expect(difference / Math.max(norm(wanted), 1e-3), what).toBeLessThan(1e-4);
}

describe.skipIf(!hasBrowser)("a model as a function of tensors", () => {
  let tab: Tab;
  beforeAll(async () => void (tab = await openTab()), 60_000);
  afterAll(() => tab?.close());

  describe.each(Object.entries(programs))("%s", (_, source) => {
    test.each<Backend>(["webgpu", "webgl", "cpu", "wasm"])("on %s", async (backend) => {
      const { given, wanted } = makeCase(source);
      const { metadata, tfjs } = await compile(source, "model.rnn", { target: "tfjs" });
      const found = (await tab.page.evaluate(
        `(async ({ metadata, program, given }) => {
          if (!(await tf.setBackend("${backend}"))) throw new Error("no such backend");
          const model = await openOn({ tf, metadata, program });
          ${body}
        })(${JSON.stringify({ metadata, program: tfjs, given })})`,
      )) as Found;
      for (const [name, exact] of wanted.outputs) {
        expectNear(name, found.outputs[name]!, exact);
        expectNear(`${name} of its own parameters`, found.again[name]!, exact);
      }
      expect(Object.keys(found.gradients).sort()).toEqual([...wanted.gradients.keys()].sort());
      for (const [name, exact] of wanted.gradients)
        expectNear(`gradient of ${name}`, found.gradients[name]!, exact);
      expect(found.left).toBe(0);
      expect(found.kernels).toBe(0);
    });
  });

  test("an optimiser of tfjs moves variables, which the model takes back", async () => {
    const source = `input x : f32[T, 3]   target y : token(2)   x >> dropout(0.1) >> gru(4) >> last >> softmax(y)`;
    const { metadata, tfjs } = await compile(source, "model.rnn", { target: "tfjs" });
    const code = `
      model.trainer({ seed: 1 });
      const own = model.parameters();
      const parameters = Object.fromEntries(Object.entries(own).map(([name, x]) => [name, tf.variable(x)]));
      const x = tf.tensor3d([[[1, 0, 0], [0, 1, 0]], [[0, 0, 1], [1, 1, 1]]]), y = tf.oneHot(tf.tensor1d([0, 1], "int32"), 2);
      const lengths = { T: tf.tensor1d([2, 1], "int32") };
      const optimizer = tf.train.adam(0.05);
      const losses = [];
      for (let seed = 1; seed <= 20; seed++) {
        const loss = optimizer.minimize(
          () => tf.losses.logLoss(y, model.apply({ x }, { parameters, lengths, training: true, seed }).y), true);
        losses.push((await loss.data())[0]);
      }
      await model.loadWeights(parameters);
      const { y: found } = await model.predict({ x: [[1, 0, 0], [0, 1, 0]] });
      const first = Array.from(await model.apply({ x }, { lengths }).y.data()).slice(0, 2);
      model.dispose();
      return { losses, found: Array.from(found.data), first };`;
    const { losses, found, first } = (await tab.page.evaluate(
      `(async ({ metadata, program }) => {
        if (!(await tf.setBackend("webgl"))) throw new Error("no such backend");
        const model = await openOn({ tf, metadata, program });
        ${code}
      })(${JSON.stringify({ metadata, program: tfjs })})`,
    )) as Record<"losses" | "found" | "first", number[]>;
    expect(losses.at(-1)).toBeLessThan(0.5 * losses[0]!);
    found.forEach((p, k) => expect(p).toBeCloseTo(first[k]!, 5));
  });
});
