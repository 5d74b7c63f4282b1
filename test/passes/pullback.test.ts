/**
 * Gradients of whatever a caller makes of the predictions: in float64, along a random direction of each parameter and input,
 * against differences of the predictions themselves.
 */
import { describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { byParameter } from "../../src/compile/check-gradients.ts";
import { compile } from "../../src/compile/compile.ts";
import { makeEntries } from "../../src/compile/entries.ts";
import { generator, randomEnvironment } from "../../src/compile/random-environment.ts";
import type { Model } from "../../src/elaborate/program.ts";
import { type Environment, evaluate, withPadding } from "../../src/ir/graph/eval.ts";
import type { Graph } from "../../src/ir/graph/types.ts";

const programs = {
  "a stack of both directions": `
    input x : f32[T, 5]   output y = x >> lstm(4) >> gru(3) >> bidir >> dense(2)`,
  "words, labels and their probabilities": `
    input words : token(7)[T]   target y : token(3)
    words >> embed(4) >> elman(5) >> mean >> softmax(y)`,
  "two outputs of two inputs": `
    input x : f32[T, 3]   input z : f32[2]
    h = x >> gru(4)   output y = h   output s = (h >> last) * sum(z)`,
};

const dropout = `
  input x : f32[T, 5]   target y : token(3)
  x >> dropout(0.5) >> lstm(4) >> last >> dropout(0.5) >> softmax(y)`;

const modelOf = (source: string): Model => {
  const { model, diagnostics } = check(source, "model.rnn", { target: "tfjs" });
  if (!model) throw new Error(diagnostics.map((d) => d.message).join("\n"));
  return model;
};

/** The entries of one compilation: their graphs share axes. */
const entriesOf = (model: Model): ReadonlyMap<string, Graph> =>
  new Map(
    makeEntries(model, { differentiable: true }).differentiable.map(({ name, graph }) => [name, graph]),
  );

const environmentOf = (model: Model, graphs: readonly Graph[]): Environment =>
  randomEnvironment(model, graphs, generator(5), { examples: 3, length: (b) => 4 - b });

/** Σ y·dy over all outputs, within the lengths. */
function worth(predict: Graph, environment: Environment): number {
  const values = withPadding(evaluate(predict, environment), 0, environment);
  return [...values].reduce((sum, [name, { data }]) => {
    const dy = environment.inputs.get(name.replace("predict:", "cotangent:"))!;
    return data.reduce((s, y, k) => s + y * dy.data[k]!, sum);
  }, 0);
}

/** Of `worth`, where these numbers move. */
function slope(
  predict: Graph,
  environment: Environment,
  data: Float64Array,
  direction: Float64Array,
): number {
  const before = data.slice();
  const at = (step: number): number => {
    before.forEach((x, k) => (data[k] = x + step * direction[k]!));
    return worth(predict, environment);
  };
  const h = 1e-4;
  const found = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
  data.set(before);
  return found;
}

function expectSlopes(predict: Graph, pullback: Graph, model: Model): void {
  const environment = environmentOf(model, [predict, pullback]);
  const random = generator(9);
  const ofInputs = withPadding(evaluate(pullback, environment), 0, environment);
  // The gradient of a bias needs no bias: its name is in the predictions.
  const both = { ...pullback, outputs: [...pullback.outputs, ...predict.outputs] };
  const ofParameters = byParameter(both, environment);
  expect([...ofParameters.keys()].sort()).toEqual(model.parameters.map((p) => p.name).sort());
  const inputs = model.data.filter((d) => d.role === "input" && d.base === "f32");
  const moved = [
    ...model.parameters.map(
      ({ name }) => [environment.params.get(name)!.data, ofParameters.get(name)!] as const,
    ),
    ...inputs.map(
      ({ name }) => [environment.inputs.get(name)!.data, ofInputs.get(`gradient:${name}`)!.data] as const,
    ),
  ];
  for (const [data, gradient] of moved) {
    const direction = Float64Array.from(data, (x) => (x === 0 ? 0 : random() - 0.5));
    const exact = direction.reduce((sum, v, k) => sum + v * gradient[k]!, 0);
    const found = slope(predict, environment, data as Float64Array, direction);
    expect(Math.abs(found - exact)).toBeLessThan(1e-8 * Math.max(1, Math.abs(exact)));
    expect(gradient.some((x) => x !== 0)).toBe(true);
  }
}

describe("a pullback is the derivative of the predictions", () => {
  test.each(Object.entries(programs))("%s", (_, source) => {
    const model = modelOf(source);
    const { predict, differentiable } = makeEntries(model, { differentiable: true });
    expect(differentiable.map(({ name }) => name)).toEqual(["pullback"]);
    expectSlopes(predict!, differentiable[0]!.graph, model);
  });

  test("with dropout, of the predictions in training too", () => {
    const model = modelOf(dropout);
    const entries = entriesOf(model);
    expect([...entries.keys()]).toEqual(["pullback", "apply", "apply.pullback"]);
    const apply = entries.get("apply")!;
    expectSlopes(apply, entries.get("apply.pullback")!, model);
    const environment = environmentOf(model, [apply, entries.get("pullback")!]);
    expect(worth(apply, environment)).not.toBeCloseTo(worth(makeEntries(model).predict!, environment), 5);
  });
});

test("nothing of it is there unless it is asked for", () => {
  const model = modelOf(dropout);
  expect(makeEntries(model).differentiable).toEqual([]);
});

test("`--emit pullback` prints it, for the target that has it", async () => {
  const emit = async (target: "wasm" | "tfjs"): Promise<string | undefined> =>
    (
      await compile(programs["two outputs of two inputs"], "model.rnn", { target, emit: ["pullback"] })
    ).stages.get("pullback");
  expect(await emit("tfjs")).toContain("gradient:z");
  expect(await emit("wasm")).toBeUndefined();
});
