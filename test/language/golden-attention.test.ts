/** Published scores, weights and whole decoders with attention, where the folder of them is at hand. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { expectClose } from "./compare.ts";
import { evaluator } from "./evaluator.ts";
import { moduleOf } from "./module.ts";
import { drawParameters, program, shapeOf, sizeOf, type Data } from "./program.ts";

type Rows = readonly (readonly number[])[];

interface Golden {
  readonly id: string;
  readonly [key: string]: unknown;
}

const file = new URL("../../../shared/golden/attention.json", import.meta.url);
const present = existsSync(file);
const cases = present ? (JSON.parse(readFileSync(file, "utf8")) as { cases: readonly Golden[] }).cases : [];
const found = (id: string): Golden => cases.find((c) => c.id === id)!;

const transposed = (rows: Rows): number[] => rows[0]!.flatMap((_, k) => rows.map((row) => row[k]!));
const ones = (count: number): number[] => new Array<number>(count).fill(1);

/** The result `y` of a program, in the evaluator and in the module; parameters that are not given are 1. */
async function results(source: string, data: Data, given: Readonly<Record<string, readonly number[]>>) {
  const made = program(source);
  const parameters = drawParameters(made);
  for (const p of made.model.parameters)
    parameters.set(p.name, [...(given[p.name] ?? ones(sizeOf(shapeOf(p))))]);
  const unused = Object.keys(given).filter((name) => !parameters.has(name));
  expect(unused).toEqual([]);
  return [evaluator(made), await moduleOf(made)].map((runner) =>
    runner.predict({ data, parameters }).outputs.get("y")!,
  );
}

test.skipIf(!present)("there are published cases", () => {
  expect(cases).toHaveLength(13);
});

// ---- scores -------------------------------------------------------------------------------------------------------

interface Score {
  readonly id: string;
  readonly source: string;
  readonly parameters?: (c: Golden) => Readonly<Record<string, readonly number[]>>;
  readonly wanted?: string;
}

const queries = (n: number, d = n): string => `input q : f32[${n}]\ninput m : f32[S, ${d}]\n`;

const scores: readonly Score[] = [
  { id: "luong-dot", source: `${queries(3)}output y = dot(q, m)` },
  {
    id: "luong-general",
    source: `${queries(2)}output y = dot(linear(q, size = 2), m) + 0.1`,
    parameters: ({ W }) => ({ "y.Wq": transposed(W as Rows) }),
  },
  { id: "scaled-dot", source: `${queries(3)}output y = dot(q, m) / 3` },
  { id: "cosine", source: `${queries(3)}output y = cosine(q, m)` },
  {
    id: "bahdanau-additive",
    source: `${queries(2, 3)}param v[2] = ones\noutput y = dot(v, tanh(linear(q, m, size = 2)))`,
    parameters: ({ W_query, W_keys, v }) => ({
      "y.Wq": transposed(W_query as Rows),
      "y.Wm": transposed(W_keys as Rows),
      v: (v as Rows).flat(),
    }),
  },
  {
    id: "linear",
    source: `${queries(3)}param w[6] = ones\nfn weights(e[s]) { return softmax(s: e[s]) }\noutput y = weights(dot(w, concat(q, m)) + 0.1)`,
    parameters: ({ w }) => ({ w: w as readonly number[] }),
    wanted: "weights",
  },
];

describe.skipIf(!present)("scores", () => {
  test.each(scores)("$id", async ({ id, source, parameters, wanted = "scores" }) => {
    const c = found(id);
    const [query, keys] = [c["query"], c["keys"]] as [Rows, readonly Rows[]];
    for (const y of await results(source, { q: query, m: keys }, parameters?.(c) ?? {}))
      (c[wanted] as Rows).forEach((row, b) => expectClose(y[b]!, row, c["tol"] as number, 1));
  });

  test("keras-dot", async () => {
    const c = found("keras-dot");
    const source = `input q : f32[T, 2]\ninput k : f32[S, 2]\ninput v : f32[S, 2]
      fn read(k[s, d], v[s, d]) (q) {
        a = softmax(s: dot(q, k[s]))
        return sum(s: a[s] * v[s])
      }
      output y = q >> read(k, v)`;
    const data = { q: c["query"], k: c["keys"], v: c["values"] } as Data;
    for (const y of await results(source, data, {}))
      expectClose(y[0]!, (c["output"] as readonly Rows[])[0]!.flat(), 1e-3, 1);
  });
});

// ---- decoders -----------------------------------------------------------------------------------------------------

const layers: Readonly<Record<string, string>> = {
  luong: `k = linear(memory, size = 9)
    a = softmax(s: dot(h, k[s]))`,
  bahdanau: `param v[3] = ones
    a = softmax(s: dot(v, tanh(linear(memory[s], h, size = 3))))`,
};

const decoders = [
  { id: "tfa-decoder-bahdanau-no-attention-layer", layer: "bahdanau", result: "c" },
  { id: "tfa-decoder-bahdanau", layer: "bahdanau", result: "linear(concat(h, c), size = 6)" },
  {
    id: "tfa-decoder-bahdanau-normalized",
    layer: "bahdanau",
    result: "linear(concat(h, c), size = 6)",
    v: [1 / 3, 1 / 3, 1 / 3],
  },
  { id: "tfa-decoder-luong", layer: "luong", result: "linear(concat(h, c), size = 6)" },
] as const;

describe.skipIf(!present)("decoders whose attention feeds the next step", () => {
  test.each(decoders)("$id", async ({ id, layer, result, ...rest }) => {
    const c = found(id);
    const source = `input x : f32[T, 7]
      input memory : f32[S, 10]
      fn attention_layer(memory[s, d]) (h) {
        ${layers[layer]}
        c = sum(s: a[s] * memory[s])
        return ${result}
      }
      output y = x >> lstm(9, feed = attention_layer(memory))`;
    const lengths = c["encoder_lengths"] as readonly number[];
    const memory = (c["encoder_outputs"] as readonly Rows[]).map((rows, b) => rows.slice(0, lengths[b]));
    const made = program(source);
    const given: Record<string, readonly number[]> = {};
    for (const { name } of made.model.parameters) {
      if (name.endsWith(".b")) given[name] = new Array<number>(9).fill(name.endsWith("f.b") ? 1 : 0);
      if (name.endsWith(".v")) given[name] = "v" in rest ? rest.v : [1, 1, 1];
      if (/attention_layer\.W$/u.test(name)) given[name] = transposed(c["attention_layer"] as Rows);
    }
    const data = { x: c["decoder_inputs"], memory } as Data;
    for (const y of await results(source, data, given))
      (c["outputs"] as readonly Rows[]).forEach((rows, b) =>
        expectClose(y[b]!, rows.flat(), c["tol"] as number, 1),
      );
  });
});

// ---- where it is computed -----------------------------------------------------------------------------------------

test("without feeding, no product of the attention is in a loop", async () => {
  const source = `input source : token(9)[S]
    target reply : token(8)[L]
    let memory = source >> embed(6) >> lstm(7) >> bidir
    prev(reply) >> embed(5) >> lstm(8, init = memory) >> attention(luong, general, over = memory) >> softmax(reply)`;
  const { stages } = await compile(source, "translate.rnn", { emit: ["kernels"] });
  const entry = stages
    .get("kernels")!
    .split(/^entry /mu)
    .find((part) => part.startsWith("gradients"))!;
  const loops = entry.split(/^ {2}(?=\S)/mu).filter((block) => block.startsWith("loop"));
  // The encoder's two directions and the decoder, forward and backward: each has its state's product alone.
  expect(loops.map((loop) => loop.match(/^ +product/gmu)?.length)).toEqual([1, 1, 1, 1, 1, 1]);
});
