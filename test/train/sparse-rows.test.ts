/** Gradients of tables by the rows that are met: the same training to the bit, and lazy updates of those rows alone. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { load, readSafetensors, type Trainer } from "../../src/runtime/index.ts";

const entries = 300;
const width = 7;

const source = (train: string, head = "softmax(next)"): string => `
  input words : token(${entries})[T]   target next : token(5)[T]
  words >> embed(${width}) >> dropout(0.1) >> elman(6) >> ${head}
  train { ${train} }`;

interface Training {
  readonly trainer: Trainer;
  readonly weights: () => ReadonlyMap<string, readonly number[]>;
  readonly kernels: string;
}

async function training(text: string, without: readonly string[] = []): Promise<Training> {
  const { wasm, metadata, stages, diagnostics } = await compile(text, "model.rnn", {
    without,
    emit: ["kernels"],
  });
  if (!wasm) throw new Error(diagnostics.map((d) => d.message).join("\n"));
  const model = await load({ wasm, metadata: metadata! });
  return {
    trainer: model.trainer({ seed: 3 }),
    weights: () =>
      new Map([...readSafetensors(model.weights()).tensors].map(([name, t]) => [name, Array.from(t.data)])),
    kernels: stages.get("kernels")!,
  };
}

/** Different words each step, and lengths: `first`, and what follows it. */
const batch = (first: number, step = 1) => ({
  words: [5, 3].map((n, b) => Array.from({ length: n }, (_, t) => (first + 40 * b + step * t) % entries)),
  next: [5, 3].map((n) => Array.from({ length: n }, (_, t) => (first + t) % 5)),
});

const course = [10, 200, 12, 90, 10];

async function trained(text: string, without: readonly string[] = []): Promise<Training> {
  const made = await training(text, without);
  for (const first of course) made.trainer.step(made.trainer.batch(batch(first)));
  return made;
}

const table = (found: ReadonlyMap<string, readonly number[]>): readonly (readonly number[])[] =>
  Array.from({ length: entries }, (_, v) => found.get("embed.E")!.slice(width * v, width * (v + 1)));

describe("a table that is only looked up in", () => {
  test.each([
    "optimizer sgd(0.1)",
    "optimizer adagrad(0.1)",
    "optimizer adam(1e-2)",
    "optimizer adam(1e-2, lazy)",
    "optimizer momentum(0.1)",
    "optimizer sgd(0.1)  average",
    "optimizer sgd(0.1)  regularize l2 0.01",
    "optimizer sgd(0.1)  clip value 0.01",
  ])("learns the same bits as with its whole gradient: %s", async (train) => {
    const [sparse, dense] = await Promise.all([
      trained(source(train)),
      trained(source(train), ["sparse-rows"]),
    ]);
    expect(sparse.kernels).toContain("met.d.embed.E mark");
    expect(dense.kernels).not.toContain("mark");
    expect(sparse.weights()).toEqual(dense.weights());
  });

  test("clipped by the same norm", async () => {
    const reports = await Promise.all(
      [[], ["sparse-rows"]].map(async (without) => {
        const { trainer } = await training(source("optimizer sgd(0.1)  clip norm 0.1"), without);
        return course.map((first) => trainer.step(trainer.batch(batch(first))));
      }),
    );
    reports[0]!.forEach(({ norm, loss }, k) => {
      expect(norm / reports[1]![k]!.norm).toBeCloseTo(1, 5);
      expect(loss).toBeCloseTo(reports[1]![k]!.loss, 5);
    });
  });

  test("is gone through by rows that are met: what is updated as a whole is the rest", async () => {
    const { kernels } = await training(source("optimizer sgd(0.1)"));
    const [, all] = /parameter parameters : f32\[(\d+)\]/u.exec(kernels)!;
    const [, whole] = /kernel update \(i'* < (\d+)\)/u.exec(kernels)!;
    expect(Number(all) - Number(whole)).toBeGreaterThanOrEqual(entries * width);
  });

  test("keeps its whole gradient where it is short", async () => {
    const { kernels } = await training(source("optimizer sgd(0.1)").replaceAll(String(entries), "20"));
    expect(kernels).not.toContain("mark");
  });
});

describe("lazy adam", () => {
  test("moves rows that are met as adam does, and leaves the others and their moments alone", async () => {
    const [lazy, dense] = await Promise.all(
      ["adam(1e-2, lazy)", "adam(1e-2)"].map((o) => training(source(`optimizer ${o}`))),
    );
    const step = (first: number): void => {
      for (const { trainer } of [lazy!, dense!]) trainer.step(trainer.batch(batch(first)));
    };
    const met = (first: number): ReadonlySet<number> => new Set(batch(first).words.flat());
    step(10);
    const before = table(lazy!.weights());
    expect(lazy!.weights()).toEqual(dense!.weights());
    step(200);
    const [after, others] = [lazy!, dense!].map((t) => table(t.weights()));
    for (const v of met(10)) {
      expect(after![v]).toEqual(before[v]);
      expect(others![v]).not.toEqual(before[v]);
    }
    for (const v of met(200)) expect(after![v]).toEqual(others![v]);
    const rest = (t: Training) => [...t.weights()].filter(([name]) => name !== "embed.E");
    expect(rest(lazy!)).toEqual(rest(dense!));
  });

  test("in segments too", async () => {
    const text = source("optimizer adam(1e-2, lazy)");
    const whole = await trained(text);
    const segments = await compile(text, "model.rnn", { recompute: "segments" });
    const model = await load({ wasm: segments.wasm!, metadata: segments.metadata! });
    const trainer = model.trainer({ seed: 3 });
    for (const first of course) trainer.step(trainer.batch(batch(first)));
    const found = readSafetensors(model.weights()).tensors.get("embed.E")!;
    whole
      .weights()
      .get("embed.E")!
      .forEach((x, k) => expect(found.data[k]).toBeCloseTo(x, 5));
  });

  test("a misspelt word is named", async () => {
    const { diagnostics } = await compile(source("optimizer adam(1e-2, lasy)"), "model.rnn");
    expect(diagnostics[0]!.message).toContain("lazy");
  });
});
