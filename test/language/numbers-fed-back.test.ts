/** `prev` of numbers: in training the true ones, in prediction those that the model gave. */
import { describe, expect, test } from "vitest";
import { checkGradients, gradientLimits } from "../../src/compile/check-gradients.ts";
import type { Decoded, Inputs, Result } from "../../src/runtime/index.ts";
import { gruStep } from "../examples/recurrent.ts";
import { affine, type Vector, weights, zeros } from "../examples/reference.ts";
import { compileModel, list, loadTrained, one } from "../runtime/models.ts";
import { expectClose } from "./compare.ts";
import { evaluator } from "./evaluator.ts";
import { moduleOf } from "./module.ts";
import { drawData, drawParameters, nest, program, shapeOf } from "./program.ts";

const source = `input x : f32[T, 2]
  target y : f32[T, 3]
  concat(x, prev(y)) >> gru(5) >> regress(y)`;

describe("a recurrence over what it gave", () => {
  const made = program(source);
  const data = drawData(made, { T: [5, 1, 3] }, 3);
  const parameters = drawParameters(made, 2);
  const w = weights(parameters);

  /** What each step gives, from what it reads: zero at first, then `fed`. */
  const run = (xs: readonly Vector[], fed: (t: number, own: Vector) => Vector): Vector[] => {
    let h: Vector = zeros(5);
    let before: Vector = zeros(3);
    return xs.map((x, t) => {
      h = gruStep(w, "gru", "after", [...x, ...before], h);
      const y = affine(w, "regress", { "": h });
      before = fed(t, y);
      return y;
    });
  };

  test.each(["evaluator", "module"])("goes on with its own numbers, in the %s", async (kind) => {
    const runner = kind === "module" ? await moduleOf(made) : evaluator(made);
    const { outputs } = runner.predict({ data, parameters });
    data["x"]!.forEach((xs, b) => {
      const expected = run(xs as readonly Vector[], (_, own) => own).flat();
      expectClose(outputs.get("y")![b]!, expected, kind === "module" ? 1e-5 : 1e-12, 0.1);
    });
  });

  test.each(["evaluator", "module"])("is trained on the true ones, in the %s", async (kind) => {
    const runner = kind === "module" ? await moduleOf(made) : evaluator(made);
    const losses = data["x"]!.map((xs, b) => {
      const ys = data["y"]![b] as readonly Vector[];
      const found = run(xs as readonly Vector[], (t) => ys[t]!).flat();
      return ys.flat().reduce((sum, y, k) => sum + (y - found[k]!) ** 2, 0) / found.length;
    });
    const expected = losses.reduce((a, b) => a + b) / losses.length;
    const call = { data, parameters };
    for (const found of [runner.evaluate(call), runner.learn(call).loss])
      expectClose([found], [expected], kind === "module" ? 1e-5 : 1e-12);
  });

  test("as a stream it goes on in the same way, and starts anew", async () => {
    const model = await loadTrained(await compileModel(source));
    const x = data["x"]![0] as readonly number[][];
    const whole = one(model.predict({ x })["y"]);
    const stream = model.stream();
    for (let time = 0; time < 2; time++) {
      const steps = x.flatMap((step) => [...stream.step({ x: step })["y"]!]);
      expectClose(steps, [...whole.data], 1e-6, 0.1);
      stream.reset();
    }
  });
});

// What a model gives is what it would give after the same as true numbers: then nothing is left to lose.
const encoder = "input s : token(7)[S]\nlet m = s >> embed(4) >> gru(4) >> bidir\n";
const architectures: Readonly<Record<string, string>> = {
  "two layers": `input x : f32[T, 3]\ntarget y : f32[T, 3]
    concat(x, prev(y)) >> lstm(4) >> stack(2) >> regress(y)`,
  "one number a step, of an older one too": `input x : f32[T, 2]\ntarget y : f32[T]
    concat(x, prev(y), prev(prev(y))) >> gru(4) >> regress(y)`,
  "attention that feeds the next step": `${encoder}target y : f32[T, 2]
    prev(y) >> lstm(4, init = m, feed = attention(luong, general, over = m)) >> regress(y)`,
  "the whole sequence beside it": `input x : f32[T, 2]\ntarget y : f32[T, 2]
    let seen = x >> gru(3) >> bidir
    concat(seen, prev(y)) >> dense(4, tanh) >> gru(4) >> regress(y)`,
  "a memory": `input x : f32[T, 2]\ntarget y : f32[T, 2]
    concat(x, prev(y)) >> ntm(4, m = 5, d = 3) >> regress(y)`,
  "numbers between 0 and 1": `input x : f32[T, 2]\ntarget y : f32[T, 2]
    concat(x, prev(y)) >> gru(4) >> dense(2, sigmoid) >> regress(y, project = none)`,
  "two at a time": `input x : f32[T, 2]\ntarget y : f32[T, 2]\ntarget z : f32[T, 3]
    let h = concat(x, prev(y), prev(z)) >> gru(5)
    h >> regress(y)\nh >> regress(z)`,
  "sequences within a sequence": `input x : f32[S, T, 2]\ntarget y : f32[S, T, 2]
    concat(x, prev(y)) >> each(gru(4)) >> regress(y)`,
  "without a recurrence of its own": `input x : f32[T, 2]\ntarget y : f32[T, 2]
    concat(x, prev(y)) >> dense(2, tanh) >> regress(y, project = none)`,
  "a clock": `input x : f32[T, 2]\ntarget y : f32[T, 4]
    concat(x, prev(y)) >> cwrnn(2, periods = [1, 3]) >> regress(y)`,
};

describe.each(Object.entries(architectures))("%s", (_, text) => {
  test.each(["evaluator", "module"])("in the %s", async (kind) => {
    const made = program(text);
    const drawn = drawData(made, { T: [5, 2, 4], S: [3, 3, 2] }, 3);
    const parameters = drawParameters(made, 2, 0.4);
    const runner = kind === "module" ? await moduleOf(made) : evaluator(made);
    const { outputs } = runner.predict({ data: drawn, parameters });
    const own = Object.fromEntries(
      made.model.results.flatMap(({ name, target }) => {
        if (target === null) return [];
        const info = made.model.data.find((data) => data.name === target)!;
        const examples = outputs.get(name)!.map((flat, b) => {
          const shape = info.axes.map(({ name: axis }) => ({ T: [5, 2, 4], S: [3, 3, 2] })[axis]![b]!);
          return nest(flat, info.feature === null ? shape : [...shape, info.feature]);
        });
        return [[target, examples]];
      }),
    );
    const loss = (data: typeof drawn): number => runner.evaluate({ data, parameters });
    expect(loss({ ...drawn, ...own })).toBeLessThan(kind === "module" ? 1e-11 : 1e-26);
    expect(loss(drawn)).toBeGreaterThan(0.01);
  });
});

test("an autoencoder writes from its code alone", async () => {
  const made = program(`input y : f32[T, 2]
    let c = y >> gru(4) >> last
    prev(y) >> gru(4, init = c) >> regress(y)`);
  const parameters = drawParameters(made, 2, 0.4);
  const w = weights(parameters);
  const data = drawData(made, { T: [5, 2] }, 3);
  for (const runner of [evaluator(made), await moduleOf(made)]) {
    const { outputs } = runner.predict({ data, parameters });
    data["y"]!.forEach((ys, b) => {
      const code = (ys as readonly Vector[]).reduce<Vector>(
        (h, y) => gruStep(w, "c.gru", "after", y, h),
        zeros(4),
      );
      let h: Vector = affine(w, "gru.init.h", { "": code });
      let y: Vector = zeros(2);
      const expected = (ys as readonly Vector[]).flatMap(() => {
        h = gruStep(w, "gru", "after", y, h);
        return (y = affine(w, "regress", { "": h }));
      });
      expectClose(outputs.get("y")![b]!, expected, runner.name === "module" ? 1e-5 : 1e-12, 0.1);
    });
  }
});

describe("as long as it is left to", () => {
  const song = (decode: string): string => `input mood : token(3)[M]
    target tune : f32[T, 2]
    let start = mood >> embed(4) >> gru(4) >> last
    prev(tune) >> gru(4, init = start) >> regress(tune)\n${decode}`;
  const lengths = (found: Result | readonly Result[] | undefined): number[] =>
    list(found).map(({ shape }) => shape[0]!);
  const inputs = { mood: [[1], [2, 0]] } as Inputs;

  test("by the program, or an option", async () => {
    const model = await loadTrained(await compileModel(song("decode { greedy(max = 2 * |M| + 1) }")));
    const { tune } = model.predict(inputs);
    expect(lengths(tune)).toEqual([3, 5]);
    const longer = model.predict(inputs, { max: 7 })["tune"];
    expect(lengths(longer)).toEqual([7, 7]);
    // The beginning is the same.
    const [short, long] = [tune, longer].map((found) => list(found)[1]!.data);
    expect([...long!].slice(0, 10)).toEqual([...short!]);
  });

  test("where it is not said, that is asked for", async () => {
    const model = await loadTrained(await compileModel(song("")));
    expect(() => model.predict(inputs)).toThrow("`tune` has no end of its own: give `max`");
    const given = {
      ...inputs,
      tune: [
        [[0, 0]],
        [
          [0, 0],
          [1, 1],
        ],
      ],
    };
    expect(lengths(model.predict(given as Inputs)["tune"])).toEqual([1, 2]);
  });

  test("numbers are not searched", () => {
    expect(() => program(song("decode { beam(4) }"))).toThrow("predicts no tokens");
  });
});

test("choices and numbers are fed back side by side", async () => {
  const model = await loadTrained(
    await compileModel(`input s : token(5)[S]\ntarget word : token(4)[L]\ntarget y : f32[L, 2]
      let start = s >> embed(4) >> gru(4) >> last
      let h = concat(prev(word) >> embed(3), prev(y)) >> gru(6, init = start)
      h >> softmax(word)\nh >> regress(y)\ndecode { greedy(max = 5) }`),
  );
  const inputs = { s: [[1, 2], [0], [4, 3, 2]] };
  for (const options of [{}, { beam: 3 }]) {
    const found = model.predict(inputs, options);
    const words = list(found["word"]) as readonly Decoded[];
    const own = {
      ...inputs,
      word: words.map(({ data }) => [...data]),
      y: list(found["y"]).map((y) => y.nested() as number[][]),
    };
    // Nothing is left to lose of the numbers, so the loss is that of the words.
    const left = words.map(({ logProbability }) => -logProbability / 5);
    const { loss } = model.trainer({ seed: 1 }).evaluate(own);
    expectClose([loss], [left.reduce((a, b) => a + b) / 3], 1e-5);
  }
});

test("what is not predicted stays what was given", () => {
  const made = program("input x : f32[T, 2]\ntarget y : f32[T]\nprev(x) >> gru(3) >> regress(y)");
  const data = drawData(made, { T: [4] }, 3);
  const parameters = drawParameters(made, 2);
  const w = weights(parameters);
  const { outputs } = evaluator(made).predict({ data, parameters });
  let h: Vector = zeros(3);
  const expected = [zeros(2), ...(data["x"]![0] as readonly Vector[]).slice(0, -1)].flatMap((x) => {
    h = gruStep(w, "gru", "after", x, h);
    return [w("regress.w").reduce((sum, a, k) => sum + a * h[k]!, w("regress.b")[0]!)];
  });
  expectClose(outputs.get("y")![0]!, expected, 1e-12, 0.1);
});

describe("prev(y, sampled = p)", () => {
  const sampled = (p: number): string => source.replace("prev(y)", `prev(y, sampled = ${p})`);

  test("reads in training what the model gives after the true ones", () => {
    const made = program(sampled(1));
    const plain = program(source);
    const data = drawData(made, { T: [4, 2] }, 3);
    const parameters = drawParameters(made, 2);
    const call = { data, parameters };
    expect(evaluator(made).evaluate(call)).toBe(evaluator(plain).evaluate(call));
    expect(evaluator(made).learn(call).loss).not.toBe(evaluator(plain).learn(call).loss);
    // One that always gives zero reads zero.
    const zero = new Map(parameters).set("regress.W", zeros(15)).set("regress.b", zeros(3));
    const { gradients } = evaluator(made).learn({ data, parameters: zero });
    const shape = shapeOf(made.model.parameters.find(({ name }) => name === "gru.z.Wx")!);
    expect(shape).toEqual([5, 5]);
    for (const row of [0, 1, 2, 3, 4])
      expect(
        gradients
          .get("gru.z.Wx")!
          .slice(5 * row + 2, 5 * row + 5)
          .every((x) => x === 0),
      ).toBe(true);
  });

  test("has the right gradients", async () => {
    const rows = await checkGradients(sampled(0.5), "sampled.rnn");
    for (const { parameter, differences, module } of rows!) {
      expect(differences, parameter).toBeLessThan(gradientLimits.differences);
      expect(module, parameter).toBeLessThan(gradientLimits.module);
    }
  });
});
