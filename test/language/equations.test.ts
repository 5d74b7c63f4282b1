/**
 * Cells mean their papers' equations: each option of the standard library against plain loops written from the papers,
 * over numbers and arrays, that share nothing with the compiler.
 */
import { describe, test } from "vitest";
import { expectClose } from "./compare.ts";
import { evaluator } from "./evaluator.ts";
import { moduleOf } from "./module.ts";
import { type Call, drawData, drawParameters, flat, program } from "./program.ts";

type Vector = readonly number[];

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const hardSigmoid = (x: number): number => Math.min(Math.max(0.2 * x + 0.5, 0), 1);
const relu = (x: number): number => Math.max(x, 0);
const softsign = (x: number): number => x / (1 + Math.abs(x));

const add = (...terms: readonly Vector[]): Vector =>
  terms[0]!.map((_, k) => terms.reduce((sum, term) => sum + term[k]!, 0));
const times = (...factors: readonly Vector[]): Vector =>
  factors[0]!.map((_, k) => factors.reduce((product, factor) => product * factor[k]!, 1));
const mix = (weight: Vector, a: Vector, b: Vector): Vector =>
  weight.map((w, k) => w * a[k]! + (1 - w) * b[k]!);
const zeros = (n: number): Vector => new Array<number>(n).fill(0);

/** A row-major matrix times a vector. */
const product = (W: Vector, x: Vector): Vector =>
  Array.from({ length: W.length / x.length }, (_, i) =>
    x.reduce((sum, value, j) => sum + W[i * x.length + j]! * value, 0),
  );

/** Ba et al. 2016, eq. 4, with the usual small number under the root. */
function normalised(x: Vector, γ: Vector, β: Vector): Vector {
  const mean = x.reduce((a, b) => a + b) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  return x.map((value, k) => (γ[k]! * (value - mean)) / Math.sqrt(variance + 1e-5) + β[k]!);
}

type Parameters = (name: string) => Vector;
type Cell = (xs: readonly Vector[], of: Parameters) => Vector[];

interface LstmOptions {
  readonly peephole?: boolean;
  readonly coupled?: boolean;
  readonly noForget?: boolean;
  readonly proj?: boolean;
  readonly zoneout?: number;
  readonly layernorm?: boolean;
  readonly act?: (x: number) => number;
  readonly gate?: (x: number) => number;
}

/** Hochreiter & Schmidhuber 1997; Gers et al. 2000; peepholes as in Graves 2013, eqs. 7 to 11. */
const lstm =
  (n: number, options: LstmOptions = {}): Cell =>
  (xs, of) => {
    const { act = Math.tanh, gate = sigmoid, zoneout = 0 } = options;
    let c = zeros(n);
    let h = zeros(options.proj ? 2 : n);
    return xs.map((x) => {
      const map = (name: string): Vector => {
        const [fromX, fromH] = [product(of(`${name}.Wx`), x), product(of(`${name}.Wh`), h)];
        if (!options.layernorm) return add(fromX, fromH, of(`${name}.b`));
        const [a, b] = [fromX, fromH].map((v, k) =>
          normalised(v, of(`${name}.γ.${k + 1}`), of(`${name}.β.${k + 1}`)),
        );
        return add(a!, b!).map((value) => value + (name === "f" ? 1 : 0));
      };
      const peep = (name: string, cell: Vector): Vector =>
        options.peephole ? times(of(`${name}.diag.c`), cell) : zeros(n);
      const i = add(map("i"), peep("i", c)).map(gate);
      const f = options.coupled
        ? i.map((value) => 1 - value)
        : options.noForget
          ? i.map(() => 1)
          : add(map("f"), peep("f", c)).map(gate);
      const g = map("g").map(act);
      const keep = (old: Vector, made: Vector): Vector =>
        made.map((value, k) => zoneout * old[k]! + (1 - zoneout) * value);
      c = keep(c, add(times(f, c), times(i, g)));
      const o = add(map("o"), peep("o", c)).map(gate);
      const seen = options.layernorm ? normalised(c, of("y.γ"), of("y.β")) : c;
      const y = times(o, seen.map(act));
      h = keep(h, options.proj ? product(of("h.Wy"), y) : y);
      return h;
    });
  };

/** Cho et al. 2014, eqs. 5 to 8, the update gate keeping the old; the reset after the product as in cuDNN. */
const gru =
  (n: number, kind: "after" | "before" | "simple"): Cell =>
  (xs, of) => {
    let h = zeros(n);
    return xs.map((x) => {
      const map = (name: string): Vector =>
        add(product(of(`${name}.Wx`), x), product(of(`${name}.Wh`), h), of(`${name}.b`));
      const z = map("z").map(sigmoid);
      const candidate = (): Vector => {
        if (kind === "simple") return map("g");
        const r = map("r").map(sigmoid);
        const fromX = product(of("g.Wx"), x);
        if (kind === "before") return add(fromX, product(of("g.Wgated"), times(r, h)), of("g.b"));
        return add(fromX, of("g.b.1"), times(r, add(product(of("g.Wh"), h), of("g.b.2"))));
      };
      h = mix(z, h, candidate().map(Math.tanh));
      return h;
    });
  };

const elman =
  (n: number, act: (x: number) => number): Cell =>
  (xs, of) => {
    let h = zeros(n);
    return xs.map((x) => (h = add(product(of("h.Wx"), x), product(of("h.Wh"), h), of("h.b")).map(act)));
  };

const cells: readonly [string, Cell][] = [
  ["elman(3)", elman(3, Math.tanh)],
  ["elman(3, act = relu)", elman(3, relu)],
  ["elman(3, act = identity)", elman(3, (x) => x)],
  ["lstm(3)", lstm(3)],
  ["lstm(3, peephole)", lstm(3, { peephole: true })],
  ["lstm(3, coupled)", lstm(3, { coupled: true })],
  ["lstm(3, no_forget)", lstm(3, { noForget: true })],
  ["lstm(3, proj = 2)", lstm(3, { proj: true })],
  ["lstm(3, peephole, coupled, proj = 2)", lstm(3, { peephole: true, coupled: true, proj: true })],
  ["lstm(3, zoneout = 0.3)", lstm(3, { zoneout: 0.3 })],
  ["lstm(3, layernorm)", lstm(3, { layernorm: true })],
  ["lstm(3, layernorm, peephole)", lstm(3, { layernorm: true, peephole: true })],
  ["lstm(3, act = softsign, gate = hard_sigmoid)", lstm(3, { act: softsign, gate: hardSigmoid })],
  ["gru(3)", gru(3, "after")],
  ["gru(3, reset = before)", gru(3, "before")],
  ["gru(3, simple)", gru(3, "simple")],
];

const lengths = { T: [6, 2] };

describe.each(cells)("%s", (stage, cell) => {
  const made = program(`input x : f32[T, 2]  output h = x >> ${stage}`);
  const call: Call = { data: drawData(made, lengths, 12), parameters: drawParameters(made, 12) };
  const prefix = `h.${stage.slice(0, stage.indexOf("("))}.`;

  test.each(["evaluator", "module"])("in the %s", async (kind) => {
    const runner = kind === "module" ? await moduleOf(made) : evaluator(made);
    const { outputs } = runner.predict(call);
    call.data["x"]!.forEach((x, b) => {
      const expected = cell(x as readonly Vector[], (name) => call.parameters.get(prefix + name)!);
      expectClose(outputs.get("h")![b]!, flat(expected), kind === "module" ? 1e-5 : 1e-12);
    });
  });
});

/** What modifiers and pooling make of a cell, over one example. */
describe("modifiers", () => {
  const cell = elman(2, Math.tanh);
  const backwards = (xs: readonly Vector[], of: Parameters): Vector[] =>
    cell([...xs].reverse(), of).reverse();
  const at =
    (of: Parameters, path: string): Parameters =>
    (name) =>
      of(`${path}.${name}`);
  const both = (xs: readonly Vector[], of: Parameters, merge: (a: Vector, b: Vector) => Vector): Vector[] => {
    const back = backwards(xs, at(of, "backward.elman"));
    return cell(xs, at(of, "forward.elman")).map((h, t) => merge(h, back[t]!));
  };
  const join = (a: Vector, b: Vector): Vector => [...a, ...b];
  const cases: readonly [string, (xs: readonly Vector[], of: Parameters) => Vector[]][] = [
    ["elman(2) >> bidir", (xs, of) => both(xs, of, join)],
    ["elman(2) >> bidir(sum)", (xs, of) => both(xs, of, (a, b) => add(a, b))],
    ["elman(2) >> bidir(mean)", (xs, of) => both(xs, of, (a, b) => add(a, b).map((x) => x / 2))],
    ["elman(2) >> bidir >> first", (xs, of) => [both(xs, of, join)[0]!]],
    [
      "elman(2) >> bidir >> last",
      (xs, of) => {
        const ends = both(xs, of, join);
        return [[...ends.at(-1)!.slice(0, 2), ...ends[0]!.slice(2)]];
      },
    ],
    ["elman(2) >> stack(2)", (xs, of) => cell(cell(xs, at(of, "elman.1")), at(of, "elman.2"))],
    ["elman(2) >> residual", (xs, of) => cell(xs, at(of, "elman")).map((h, t) => add(h, xs[t]!))],
    ["reverse >> elman(2)", (xs, of) => cell([...xs].reverse(), at(of, "elman"))],
    ["elman(2) >> last", (xs, of) => [cell(xs, at(of, "elman")).at(-1)!]],
    ["elman(2) >> mean", (xs, of) => [add(...cell(xs, at(of, "elman"))).map((value) => value / xs.length)]],
    [
      "elman(2) >> max",
      (xs, of) => {
        const hs = cell(xs, at(of, "elman"));
        return [hs[0]!.map((_, k) => Math.max(...hs.map((h) => h[k]!)))];
      },
    ],
  ];
  test.each(cases)("%s", async (pipeline, expected) => {
    const made = program(`input x : f32[T, 2]  output h = x >> ${pipeline}`);
    const call: Call = { data: drawData(made, lengths, 13), parameters: drawParameters(made, 13) };
    const of: Parameters = (name) => call.parameters.get(`h.${name}`)!;
    for (const runner of [evaluator(made), await moduleOf(made)]) {
      const { outputs } = runner.predict(call);
      call.data["x"]!.forEach((x, b) =>
        expectClose(
          outputs.get("h")![b]!,
          flat(expected(x as readonly Vector[], of)),
          runner.name === "module" ? 1e-5 : 1e-12,
        ),
      );
    }
  });
});
