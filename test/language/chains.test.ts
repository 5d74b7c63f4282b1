/**
 * Losses over linear chains against the sum, and the maximum, over all paths: values, gradients for emissions and
 * parameters, marginals and best paths, in a batch of different lengths with NaN past their ends.
 */
import { describe, expect, test } from "vitest";
import { type Chain, combine, enumerate, featuresOf, pathsOf, scale, scoreOf } from "./chains.ts";
import { expectClose } from "./compare.ts";
import { emitted, type Item, type Rows, runners } from "./emissions.ts";
import { crfPredicting } from "./library-losses.ts";
import { nest, normals, program, whole } from "./program.ts";

const labels = 3;
const lengths = [4, 1, 0, 5];

const rows = (steps: number, seed: number): Rows =>
  nest(normals(steps * labels, seed), [steps, labels]) as Rows;
const weights = { transitions: rows(labels, 1), start: rows(1, 2)[0]!, end: rows(1, 3)[0]! };
const chains: readonly Chain[] = lengths.map((steps, b) => ({ emissions: rows(steps, 10 + b), ...weights }));
const items: readonly Item[] = chains.map(({ emissions }, b) => ({
  emissions,
  labels: whole(emissions.length, 20 + b, labels),
}));

const parametersOf = (loss: string) =>
  new Map([
    [`${loss}.A`, weights.transitions.flat()],
    [`${loss}.start`, weights.start],
    [`${loss}.end`, weights.end],
  ]);

interface Wanted {
  readonly loss: number;
  /** Of the loss, for emissions and weights. */
  readonly gradient: Chain;
}

const difference = (a: Chain, b: Chain): Chain => combine(a, b, (x, y) => x - y);

function likelihood(chain: Chain, y: readonly number[]): Wanted {
  const { logZ, expected } = enumerate(chain);
  return { loss: logZ - scoreOf(chain, y), gradient: difference(expected, featuresOf(chain, y)) };
}

function perceptron(chain: Chain, y: readonly number[]): Wanted {
  const { best, bestScore } = enumerate(chain);
  return {
    loss: bestScore - scoreOf(chain, y),
    gradient: difference(featuresOf(chain, best), featuresOf(chain, y)),
  };
}

/** The best path where each label that differs adds one. */
function margin(chain: Chain, y: readonly number[]): Wanted {
  const emissions = chain.emissions.map((row, t) => row.map((x, k) => x + (k === y[t] ? 0 : 1)));
  const { best, bestScore } = enumerate({ ...chain, emissions });
  return {
    loss: bestScore - scoreOf(chain, y),
    gradient: difference(featuresOf(chain, best), featuresOf(chain, y)),
  };
}

const losses = { crf: likelihood, perceptron, svm: margin };

describe.each(Object.entries(losses))("%s", (name, wantedOf) => {
  const { made, call, gradients } = emitted(
    items,
    `${name}(y, project = none)`,
    `token(${labels})[T]`,
    parametersOf(name),
  );

  test("its value and gradients", async () => {
    const wanted = items.map((item, b) => wantedOf(chains[b]!, item.labels));
    const mean = wanted.reduce((sum, { loss }) => sum + loss, 0) / items.length;
    const share = (gradient: Chain): Chain => scale(gradient, 1 / items.length);
    for (const runner of await runners(made)) {
      const bound = runner.name === "module" ? 3e-6 : 1e-12;
      const lesson = runner.learn(call);
      expectClose([lesson.loss, runner.evaluate(call)], [mean, mean], bound);
      const found = gradients(lesson.gradients);
      wanted.forEach(({ gradient }, b) =>
        expectClose(found[b]!.flat(), share(gradient).emissions.flat(), bound, 1, "emissions"),
      );
      const whole = wanted
        .map(({ gradient }) => share({ ...gradient, emissions: [] }))
        .reduce((a, b) => combine(a, b, (x, y) => x + y));
      expectClose(lesson.gradients.get(`${name}.A`)!, whole.transitions.flat(), bound, 1, "A");
      expectClose(lesson.gradients.get(`${name}.start`)!, whole.start, bound, 1, "start");
      expectClose(lesson.gradients.get(`${name}.end`)!, whole.end, bound, 1, "end");
      expect(lesson.gradients.get("E")!.slice(0, labels)).toEqual([0, 0, 0]);
    }
  });

  test("predicts the best path", async () => {
    for (const runner of await runners(made))
      expect(runner.predict(call).outputs.get("y")).toEqual(chains.map((chain) => enumerate(chain).best));
  });
});

describe("a conditional random field", () => {
  test("gives marginals and the logarithm of its sum as a prediction", async () => {
    const wanted = chains.map((chain) => enumerate(chain));
    const predictions = {
      "marginals(logZ, e)": wanted.map(({ expected }) => expected.emissions.flat()),
      logZ: wanted.map(({ logZ }) => [logZ]),
    };
    for (const [prediction, values] of Object.entries(predictions)) {
      const { made, call } = emitted(
        items,
        "mine(y, project = none)",
        `token(${labels})[T]`,
        parametersOf("mine"),
        crfPredicting("mine", prediction),
      );
      for (const runner of await runners(made)) {
        const bound = runner.name === "module" ? 3e-6 : 1e-12;
        const found = runner.predict(call).outputs.get("y")!;
        values.forEach((value, b) => expectClose(found[b]!, value, bound, 1, prediction));
      }
    }
  });

  test("of equal paths takes the one of the lowest labels from the end", async () => {
    const flat = [
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ];
    const zeros = new Map([...parametersOf("crf")].map(([name, x]) => [name, x.map(() => 0)]));
    const item = { emissions: flat, labels: [0, 0, 0] };
    const { made, call } = emitted([item], "crf(y, project = none)", `token(${labels})[T]`, zeros);
    for (const runner of await runners(made))
      expect(runner.predict(call).outputs.get("y")).toEqual([[0, 0, 0]]);
  });
});

describe("a hidden Markov model", () => {
  const symbols = 4;
  const made = program(`input x : token(${symbols})[T]  target y : token(${labels})[T]  x >> hmm(y)`);
  const B = nest(normals(labels * symbols, 5), [labels, symbols]) as Rows;
  const parameters = new Map([
    ["hmm.A", weights.transitions.flat()],
    ["hmm.start", weights.start],
    ["hmm.B", B.flat()],
  ]);
  const data = {
    x: lengths.map((steps, b) => whole(steps, 40 + b, symbols)),
    y: items.map((item) => item.labels),
  };
  const logSoftmax = (row: readonly number[]): number[] => {
    const total = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0));
    return row.map((x) => x - total);
  };
  const [a, first, seen] = [
    weights.transitions.map(logSoftmax),
    logSoftmax(weights.start),
    B.map(logSoftmax),
  ];
  const chainOf = (x: readonly number[]): Chain => ({
    emissions: x.map((symbol) => seen.map((row) => row[symbol]!)),
    transitions: a,
    start: first,
    end: new Array<number>(labels).fill(0),
  });

  test("is the joint probability of labels and symbols", async () => {
    const wanted = data.x.map((x, b) => -scoreOf(chainOf(x), data.y[b]!));
    const mean = wanted.reduce((sum, loss) => sum + loss, 0) / wanted.length;
    for (const runner of await runners(made)) {
      const bound = runner.name === "module" ? 2e-6 : 1e-12;
      expectClose([runner.learn({ data, parameters }).loss], [mean], bound);
      const { outputs } = runner.predict({ data, parameters });
      expect(outputs.get("y")).toEqual(data.x.map((x) => enumerate(chainOf(x)).best));
    }
  });

  test("the probabilities of all labels and symbols add up to one", () => {
    let total = 0;
    for (const x of pathsOf(3, symbols))
      for (const y of pathsOf(3, labels)) total += Math.exp(scoreOf(chainOf(x), y));
    expect(total).toBeCloseTo(1, 12);
  });
});

describe("of a single label", () => {
  const e = [0.3, 1.1, -0.4];
  const cases: readonly { readonly loss: string; readonly y: number; readonly wanted: number }[] = [
    { loss: "perceptron", y: 0, wanted: 0.8 },
    { loss: "perceptron", y: 1, wanted: 0 },
    { loss: "svm", y: 0, wanted: 1.8 },
    { loss: "svm", y: 1, wanted: 0.2 },
    { loss: "svm", y: 2, wanted: 2.5 },
  ];
  test.each(cases)("$loss of $y is $wanted", async ({ loss, y, wanted }) => {
    const made = program(`input x : f32[3]  target y : token(3)  x >> ${loss}(y, project = none)`);
    for (const runner of await runners(made)) {
      const call = { data: { x: [e], y: [y] }, parameters: new Map() };
      expectClose([runner.learn(call).loss], [wanted], 1e-6);
      expect(runner.predict(call).outputs.get("y")).toEqual([[1]]);
    }
  });
});
