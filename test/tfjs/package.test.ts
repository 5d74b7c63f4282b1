/** A package for tfjs in a page: what it gives beside what the WASM package gives, what it holds of the device, and its end. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildRuntime } from "../../scripts/runtime-text.mjs";
import { tfjsFiles } from "../../src/backends/package/tfjs-files.ts";
import { compile } from "../../src/compile/compile.ts";
import { load, type Model } from "../../src/runtime/index.ts";
import { characters } from "../runtime/models.ts";
import { hasBrowser, openTab, type Tab } from "./browser.ts";
import type { Backend } from "./remote-device.ts";

const source = `
  input text : char[T]
  text >> embed(5) >> lstm(7) >> softmax(next(text))
  train { optimizer adam(1e-2)  clip norm 5  batch 3  tbptt 8 }
  decode { sample(temperature = 0.8) }`;
const options = { dims: { text: characters.length }, vocabularies: { text: characters } };
const text = "abc acb bca cab ".repeat(8);

/** What page and Node both do with a model; in Node nothing has to be waited for, and nothing minds. */
const program = `
  const trainer = model.trainer({ seed: 3 });
  const losses = [];
  for (const chunk of trainer.chunks({ text })) losses.push((await trainer.step(chunk)).loss);
  const before = await trainer.evaluateChunks({ text });
  const checkpoint = await trainer.save();
  for (const chunk of trainer.chunks({ text })) losses.push((await trainer.step(chunk)).loss);
  const first = await model.predict({ text: "abca" });
  const batch = await model.predict({ text: ["ab", "cab b"] });
  const stream = model.stream();
  const steps = [];
  for (const letter of ["a", "b", "c"]) steps.push(...(await stream.step(letter)).text);
  const states = await stream.save();
  steps.push(...(await stream.step("a")).text);
  await stream.restore(states);
  steps.push(...(await stream.step("a")).text);
  const greedy = [];
  for await (const entry of model.generate({ greedy: true, length: 12, prompt: "a" })) greedy.push(entry);
  await trainer.load(checkpoint);
  const again = [];
  for (const chunk of trainer.chunks({ text })) again.push((await trainer.step(chunk)).loss);
  return {
    losses, again, evaluated: before.loss, steps, greedy: greedy.join(""),
    first: Array.from(first.text.data),
    batch: batch.text.map((x) => Array.from(x.data)),
    weights: Array.from(await model.weights()),
  };`;

interface Outcome {
  readonly losses: number[];
  readonly again: number[];
  readonly evaluated: number;
  readonly steps: number[];
  readonly greedy: string;
  readonly first: number[];
  readonly batch: number[][];
  readonly weights: number[];
}

function expectClose(actual: readonly number[], wanted: readonly number[]): void {
  expect(actual.length).toBe(wanted.length);
  actual.forEach((x, k) =>
    expect(Math.abs(x - wanted[k]!)).toBeLessThan(1e-4 * Math.max(1, Math.abs(wanted[k]!))),
  );
}

describe.skipIf(!hasBrowser)("a package for tfjs in Chromium", () => {
  let tab: Tab;
  let module: Awaited<ReturnType<typeof compile>>;

  beforeAll(async () => {
    const runtime = await buildRuntime(undefined, "tfjs/searching-entry.ts");
    const { metadata, tfjs } = await compile(source, "model.rnn", { ...options, target: "tfjs" });
    module = await compile(source, "model.rnn", options);
    tab = await openTab(tfjsFiles({ metadata: metadata!, program: tfjs!, runtime, weights: null }));
  }, 60_000);
  afterAll(() => tab?.close());

  /** Runs the body of a function in the page, with a model on a backend and tfjs. */
  const inPage = (backend: Backend, body: string, values: object = {}): Promise<unknown> =>
    tab.page.evaluate(
      `(async ({ ${Object.keys(values).join(", ")} }) => {
        if (!(await tf.setBackend(${JSON.stringify(backend)}))) throw new Error("no such backend");
        const { load } = await import("/model.js");
        const model = await load(tf);
        ${body}
      })(${JSON.stringify(values)})`,
    );

  // What has no GPU says so, and runs all the same.
  describe.each<Backend>(["webgpu", "webgl", "cpu"])("on %s", (backend) => {
    test(
      "trains, predicts, streams, generates and resumes as the WASM package does",
      { timeout: 120_000 },
      async () => {
        const inNode = new Function("model", "text", `return (async () => {${program}})()`) as (
          model: Model,
          text: string,
        ) => Promise<Outcome>;
        const model = await load({ metadata: module.metadata!, wasm: new Uint8Array(module.wasm!) });
        const wanted = await inNode(model, text);
        const found = (await inPage(backend, `try {${program}} finally { model.dispose(); }`, {
          text,
        })) as Outcome;
        expectClose(found.losses, wanted.losses);
        // The same device, the same numbers.
        expect(found.again).toEqual(found.losses.slice(found.losses.length / 2));
        expectClose([found.evaluated], [wanted.evaluated]);
        expectClose(found.first, wanted.first);
        found.batch.forEach((x, k) => expectClose(x, wanted.batch[k]!));
        expectClose(found.steps, wanted.steps);
        expect(found.greedy).toBe(wanted.greedy);
        // Weights move between the targets: the page's, in Node, predict what the page predicts.
        model.loadWeights(Uint8Array.from(found.weights));
        expectClose(Array.from((await inNodePrediction(model)).data), Array.from(wanted.first));
      },
    );

    test(
      "holds no more of the device after 500 steps, and nothing of tfjs",
      { timeout: 120_000 },
      async () => {
        const body = `
        const trainer = model.trainer({ seed: 1 });
        const chunk = [...trainer.chunks({ text })][0];
        const held = () => ({ device: model.report(), ...tf.memory() });
        const ready = tf.memory();
        for (let k = 0; k < 5; k++) await trainer.step(chunk);
        const before = held();
        for (let k = 0; k < 495; k++) await trainer.step(chunk);
        const after = held();
        model.dispose();
        return { ready, before, after };`;
        const { ready, before, after } = (await inPage(backend, body, { text })) as Record<string, Held>;
        expect(after!.numTensors).toBe(ready!.numTensors);
        expect(after!.numBytes).toBe(ready!.numBytes);
        expect(after!.device).toMatchObject({ bytes: before!.device.bytes, buffers: before!.device.buffers });
        expect(after!.device.runs).toBeGreaterThan(before!.device.runs * 50);
      },
    );

    test("gives way to what else the app does in tfjs", { timeout: 60_000 }, async () => {
      const body = `
        const trainer = model.trainer({ seed: 1 });
        const chunk = [...trainer.chunks({ text })][0];
        const a = tf.tensor2d([[1, 2], [3, 4]]);
        const sums = [];
        for (let k = 0; k < 3; k++) {
          const b = tf.add(tf.matMul(a, a), k);
          await trainer.step(chunk);
          sums.push((await tf.sum(b).data())[0]);
        }
        const ids = tf.tensor1d([3, 4, 5], "int32");
        const given = await model.predict({ text: ids });
        const plain = await model.predict({ text: [3, 4, 5] });
        const tensor = plain.text.tensor();
        const sum = (await tf.sum(tensor).data())[0];
        model.dispose();
        return { sums, given: Array.from(given.text.data), plain: Array.from(plain.text.data), shape: tensor.shape, sum };`;
      const found = (await inPage(backend, body, { text })) as Record<string, number[]>;
      expect(found["sums"]).toEqual([54, 58, 62]);
      expect(found["given"]).toEqual(found["plain"]);
      // Three steps of probabilities.
      expect(found["shape"]).toEqual([3, characters.length]);
      expect(found["sum"]).toBeCloseTo(3, 4);
    });

    test("says so when it is used after its end", async () => {
      const body = `
        model.trainer({ seed: 1 });
        model.dispose();
        return model.predict({ text: "ab" }).then(() => "nothing", (error) => error.name + ": " + error.message);`;
      expect(await inPage(backend, body)).toBe("RnncError: the model has been disposed of");
    });
  });

  const inNodePrediction = async (model: Model): Promise<{ readonly data: ArrayLike<number> }> => {
    const { text: result } = model.predict({ text: "abca" }) as Record<
      string,
      { readonly data: ArrayLike<number> }
    >;
    return result!;
  };
});

interface Held {
  readonly numTensors: number;
  readonly numBytes: number;
  readonly device: { readonly bytes: number; readonly buffers: number; readonly runs: number };
}

describe.skipIf(!hasBrowser)("a lost device", () => {
  test.each<[Backend, string]>([
    ["webgpu", "tf.backend().device.destroy();"],
    ["webgl", `tf.backend().gpgpu.gl.getExtension("WEBGL_lose_context").loseContext();`],
  ])("of %s is an error that says what to do", { timeout: 60_000 }, async (backend, lose) => {
    const runtime = await buildRuntime(undefined, "tfjs/searching-entry.ts");
    const { metadata, tfjs } = await compile(source, "model.rnn", { ...options, target: "tfjs" });
    const tab = await openTab(tfjsFiles({ metadata: metadata!, program: tfjs!, runtime, weights: null }));
    try {
      const found = await tab.page.evaluate(`(async () => {
        await tf.setBackend(${JSON.stringify(backend)});
        const { load } = await import("/model.js");
        const model = await load(tf);
        const trainer = model.trainer({ seed: 1 });
        const chunk = [...trainer.chunks({ text: ${JSON.stringify(text)} })][0];
        await trainer.step(chunk);
        const saved = await trainer.weights();
        ${lose}
        await new Promise((done) => setTimeout(done, 200));
        const message = await trainer.step(chunk).then(() => "nothing", (error) => error.name + ": " + error.message);
        return { message, bytes: saved.length };
      })()`);
      const { message, bytes } = found as { readonly message: string; readonly bytes: number };
      expect(message).toMatch(/^RnncError: the Web(GPU device|GL context) was lost.*load the model again/u);
      // What was saved is the host's.
      expect(bytes).toBeGreaterThan(0);
    } finally {
      await tab.close();
    }
  });
});
