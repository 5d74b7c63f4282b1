/** A module for several threads: the same bits as one for one thread, however many there are; alone where it must be. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { compile, type CompileOptions } from "../../src/compile/compile.ts";
import { load, type Model } from "../../src/runtime/index.ts";

const programs = {
  "a language model": `input text : token(23)[T]
text >> embed(9) >> lstm(13) >> stack(2) >> dropout(0.2) >> softmax(next(text))
train { optimizer adam(1e-2)  clip norm 1 }`,
  "both directions, labels by CTC": `input x : f32[T, 7]
target label : token(6)[L]
x >> gru(10) >> bidir >> ctc(label)
train { optimizer rmsprop(1e-2) }`,
  "a translator whose attention is fed back": `input source : token(19)[S]
target reply : token(17)[L]
let memory = source >> embed(8) >> lstm(12) >> bidir
prev(reply) >> embed(8) >> lstm(12, init = memory, feed = attention(luong, general, over = memory)) >> softmax(reply)
train { optimizer momentum(0.1) }`,
  "the last state of a user's cell, normalised": `cell mine(n) (x) {
  state h[n]
  f = sigmoid(affine(x, h[t-1], bias = 1))
  h = (1 - f) * h[t-1] + f * normalise(tanh(affine(x, f * h[t-1])))
  return h
}
input x : f32[T, 6]
target y : token(4)
x >> mine(11) >> last >> softmax(y)
train { optimizer adam(1e-2) }`,
} as const;

/** Examples of different lengths, of whatever the model takes. */
function batchOf({ metadata }: Model, count: number): Record<string, unknown> {
  let seed = 1;
  const next = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const lengths = new Map<string, number[]>();
  const lengthsOf = (axis: string): number[] => {
    const known =
      lengths.get(axis) ?? Array.from({ length: count }, (_, b) => (axis === "L" ? 2 : 5 + (b % 4)));
    lengths.set(axis, known);
    return known;
  };
  return Object.fromEntries(
    metadata.data
      .filter((d) => d.derived === null)
      .map(({ name, axes, feature, vocabulary }) => {
        const value = (): number => (vocabulary ? Math.floor(next() * (vocabulary.size - 1)) : next() - 0.5);
        const entry = (): unknown => (feature === null ? value() : Array.from({ length: feature }, value));
        const example = (b: number): unknown =>
          axes.length === 0 ? entry() : Array.from({ length: lengthsOf(axes[0]!.name)[b]! }, entry);
        return [name, Array.from({ length: count }, (_, b) => example(b))];
      }),
  );
}

async function learn(
  source: string,
  threads: number | null,
  more: CompileOptions = {},
): Promise<{ model: Model; found: unknown }> {
  const { wasm, metadata, diagnostics } = await compile(source, "model.rnn", {
    ...more,
    threads: threads !== null,
  });
  expect(diagnostics.filter((d) => d.severity === "error")).toEqual([]);
  const model = await load({ wasm: wasm!, metadata: metadata!, ...(threads === null ? {} : { threads }) });
  const trainer = model.trainer({ seed: 3 });
  const batch = batchOf(model, 13) as Parameters<typeof trainer.step>[0];
  const losses = Array.from({ length: 4 }, () => trainer.step(batch).loss);
  return { model, found: { losses, weights: Buffer.from(model.weights()).toString("base64") } };
}

describe("as many threads as one likes give the same bits", () => {
  test.each(Object.entries(programs))("%s", async (_, source) => {
    const { found: wanted } = await learn(source, null);
    for (const threads of [1, 2, 3]) {
      const { model, found } = await learn(source, threads);
      expect(model.threads).toBe(threads);
      model.dispose();
      expect(found).toEqual(wanted);
    }
  });
});

test("in segments too", async () => {
  const source = programs["a language model"];
  const { found: wanted } = await learn(source, null, { recompute: "segments" });
  const { model, found } = await learn(source, 2, { recompute: "segments" });
  model.dispose();
  expect(found).toEqual(wanted);
});

describe("where memory cannot be shared", () => {
  afterEach(() => vi.unstubAllGlobals());

  test("one thread does it all", async () => {
    const source = programs["a language model"];
    const { found: wanted } = await learn(source, null);
    vi.stubGlobal("SharedArrayBuffer", undefined);
    const { model, found } = await learn(source, 2);
    expect(model.threads).toBe(1);
    expect(found).toEqual(wanted);
  });
});

test("memory grows while others wait", async () => {
  const { wasm, metadata } = await compile(programs["a language model"], "model.rnn", { threads: true });
  const model = await load({ wasm: wasm!, metadata: metadata!, threads: 2 });
  const trainer = model.trainer({ seed: 3 });
  const lossOf = (length: number): number => {
    const text = Array.from({ length: 16 }, (_, b) => Array.from({ length }, (_, t) => (t * (b + 1)) % 23));
    return trainer.step({ text }).loss;
  };
  for (const length of [4, 4000, 8]) expect(lossOf(length)).toBeGreaterThan(0);
  model.dispose();
});

describe("misuse", () => {
  test("threads of a module for one", async () => {
    const { wasm, metadata } = await compile(programs["a language model"], "model.rnn");
    await expect(load({ wasm: wasm!, metadata: metadata!, threads: 2 })).rejects.toThrow(/--threads/u);
  });

  test("half a thread", async () => {
    const { wasm, metadata } = await compile(programs["a language model"], "model.rnn", { threads: true });
    await expect(load({ wasm: wasm!, metadata: metadata!, threads: 1.5 })).rejects.toThrow(/whole number/u);
  });
});
