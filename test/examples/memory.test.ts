/** Models that read a memory, against their equations in plain loops. */
import { describe, test } from "vitest";
import { expectClose } from "../language/compare.ts";
import { evaluator } from "../language/evaluator.ts";
import { moduleOf } from "../language/module.ts";
import { drawData, drawParameters, program } from "../language/program.ts";
import { sourceOf } from "./example.ts";
import { lstm } from "./recurrent.ts";
import {
  add,
  affine,
  each,
  mul,
  product,
  sigmoid,
  softmax,
  tanh,
  weights,
  zeros,
  type Vector,
  type Weights,
} from "./reference.ts";

const dot = (a: Vector, b: Vector): number => a.reduce((sum, x, k) => sum + x * b[k]!, 0);
const scaled = (a: Vector, by: number): number[] => a.map((x) => x * by);
const weighted = (a: Vector, rows: readonly Vector[]): number[] =>
  rows.map((row, k) => scaled(row, a[k]!)).reduce((x, y) => add(x, y));
const rowsOf = (flat: Vector, width: number): number[][] =>
  Array.from({ length: flat.length / width }, (_, k) => flat.slice(k * width, (k + 1) * width));

// ---- the neural Turing machine ------------------------------------------------------------------------------------

const scalar = (w: Weights, at: string, h: Vector): number => dot(w(`${at}.wh`), h) + w(`${at}.b`)[0]!;
const softplus = (x: number): number => Math.log1p(Math.exp(x));

/** Where a head looks next (Graves et al. 2014, equations 5 to 9). */
function address(w: Weights, at: string, h: Vector, M: readonly Vector[], before: Vector): Vector {
  const k = tanh(affine(w, `${at}.k`, { h }));
  const β = softplus(scalar(w, `${at}.β`, h));
  const g = sigmoid([scalar(w, `${at}.g`, h)])[0]!;
  const γ = 1 + softplus(scalar(w, `${at}.γ`, h));
  const s = softmax(affine(w, `${at}.s`, { h }));
  const norm = (v: Vector): number => Math.sqrt(dot(v, v));
  const byContent = softmax(M.map((row) => (β * dot(k, row)) / (norm(k) * norm(row))));
  const gated = add(scaled(byContent, g), scaled(before, 1 - g));
  const m = M.length;
  const shifted = gated.map((_, i) =>
    s.reduce((sum, share, j) => sum + share * gated[(i - j + 1 + m) % m]!, 0),
  );
  const sharp = shifted.map((x) => (x + 1e-8) ** γ);
  const total = sharp.reduce((a, b) => a + b);
  return scaled(sharp, 1 / total);
}

/** From what a controller sees to what it says, step by step. */
type Controller = (w: Weights) => (x: Vector) => Vector;

// The input of the controller is put together where it is used, so its weights have no name of their own.
const longShortTerm: Controller = (w) => {
  const n = w("ntm.h.lstm.i.b").length;
  let [h, c]: [Vector, Vector] = [zeros(n), zeros(n)];
  return (x) => {
    const gate = (name: string): number[] => {
      const at = `ntm.h.lstm.${name}`;
      return add(product(w(`${at}.Wx`), x), product(w(`${at}.Wh`), h), w(`${at}.b`));
    };
    const [i, f, g] = [sigmoid(gate("i")), sigmoid(gate("f")), tanh(gate("g"))];
    const o = sigmoid(gate("o"));
    c = add(mul(f, c), mul(i, g));
    h = mul(o, tanh(c));
    return h;
  };
};

const feedForward: Controller = (w) => (x) => tanh(affine(w, "ntm.h.dense", { x }));

function ntm(controller: Controller, w: Weights, xs: readonly Vector[], d: number): Vector[] {
  const control = controller(w);
  let M: Vector[] = rowsOf(w("ntm.M0"), d);
  let r: Vector = zeros(d);
  const first = M.map((_, place) => (place === 0 ? 1 : 0));
  let [wr, ww]: [Vector, Vector] = [first, first];
  return xs.map((input) => {
    const h = control([...input, ...r]);
    ww = address(w, "ntm.ww.address", h, M, ww);
    const e = sigmoid(affine(w, "ntm.e", { h }));
    const a = tanh(affine(w, "ntm.a", { h }));
    M = M.map((row, k) => each((old, erase, plus) => old * (1 - ww[k]! * erase) + ww[k]! * plus, row, e, a));
    wr = address(w, "ntm.wr.address", h, M, wr);
    r = weighted(wr, M);
    return [...h, ...r];
  });
}

describe("ntm", () => {
  test.each([
    ["a long short-term memory", "lstm(7)", longShortTerm],
    ["a feed-forward network", "dense(7, tanh)", feedForward],
  ])("computes its equations, controlled by %s", async (_, stage, controller) => {
    const made = program(
      sourceOf("ntm").replace(/ntm\(.*?\) >>/u, `ntm(7, m = 6, d = 4, controller = ${stage}) >>`),
    );
    const data = drawData(made, { T: [5, 3] }, 4);
    const parameters = drawParameters(made, 7, 0.4);
    const w = weights(parameters);
    for (const runner of [evaluator(made), await moduleOf(made)]) {
      const { outputs } = runner.predict({ data, parameters });
      data["bits"]!.forEach((bits, b) => {
        const hidden = ntm(controller, w, bits as number[][], 4);
        const expected = hidden.flatMap((h) => sigmoid(affine(w, "sigmoid", { "": h })));
        expectClose(outputs.get("copy")![b]!, expected, runner.name === "module" ? 1e-5 : 1e-12, 0.1);
      });
    }
  });
});

// ---- memory networks ----------------------------------------------------------------------------------------------

test("reading computes its equations, on stories of sentences of different lengths", () => {
  const made = program(sourceOf("reading"), { dims: { story: 9 } });
  const parameters = drawParameters(made, 5, 0.3);
  const w = weights(parameters);
  const width = 32;
  const tables = [0, 1, 2, 3].map((k) => rowsOf(w(`E${k}`), width));
  const places = [0, 1, 2, 3].map((k) => rowsOf(w(`Θ${k}`), width));
  const bag = (words: readonly number[], table: readonly Vector[]): number[] =>
    words
      .map((word, j) =>
        table[word]!.map((x, d) => {
          const share = (j + 1) / words.length;
          return x * (1 - share - ((d + 1) / width) * (1 - 2 * share));
        }),
      )
      .reduce((a, b) => add(a, b), zeros(width));
  const story = [
    [1, 2, 3],
    [4, 5],
    [6, 7, 8, 0],
  ];
  const question = [2, 7];
  const memory = (k: number): number[][] =>
    story.map((words, s) => add(bag(words, tables[k]!), places[k]![story.length - 1 - s]!));
  let u = bag(question, tables[0]!);
  for (const k of [0, 1, 2]) {
    const p = softmax(memory(k).map((m) => dot(u, m)));
    u = add(u, weighted(p, memory(k + 1)));
  }
  const expected = softmax(tables[3]!.map((row) => dot(row, u)));
  const { outputs } = evaluator(made).predict({ data: { story: [story], question: [question] }, parameters });
  expectClose(outputs.get("answer")![0]!, expected, 1e-12, 0.1);
});

// ---- documents ------------------------------------------------------------------------------------------------------

test("autoencoder-hierarchical makes its code of the sentences' last states", () => {
  const made = program(sourceOf("autoencoder-hierarchical"), { dims: { doc: 9 } });
  const parameters = drawParameters(made, 5, 0.2);
  const w = weights(parameters);
  const doc = [[1, 2, 3, 4], [5], [6, 7]];
  const table = rowsOf(w("sentence.embed.E"), 64);
  const sentences = doc.map((words) =>
    lstm("sentence.lstm")(
      w,
      words.map((word) => table[word]!),
    ).at(-1)!,
  );
  const expected = lstm("code.lstm")(w, sentences).at(-1)!;
  const { outputs } = evaluator(made).predict({ data: { doc: [doc] }, parameters });
  expectClose(outputs.get("code")![0]!, expected, 1e-12, 0.1);
});
