/** What a model chooses, draws and finds is the same from a package for tfjs as from the WASM package. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildRuntime } from "../../scripts/runtime-text.mjs";
import { compile, type CompileOptions } from "../../src/compile/compile.ts";
import { load, type Model } from "../../src/runtime/index.ts";
import { hasBrowser, openTab, type Tab } from "./browser.ts";
import type { Backend } from "./remote-device.ts";

const reply = { vocabularies: { reply: ["<unk>", "<eos>", "a", "b", "c", "d"] } };
const replying = (options: string): string => `
  input source : token(6)[S]   target reply : token[L]
  let memory = source >> embed(4) >> gru(5)
  prev(reply) >> embed(4) >> gru(5, init = memory) >> softmax(reply${options})
  train { optimizer adam(5e-3)  clip norm 5 }
  decode { beam(3, max = 8) }`;

interface Case {
  readonly source: string;
  readonly options?: CompileOptions;
  /** What page and Node both do with \`model\`, its weights drawn. */
  readonly program: string;
}

const cases: Readonly<Record<string, Case>> = {
  "answers by beam, by drawing and one after another": {
    source: replying(""),
    options: reply,
    program: `
      const source = [[1, 2, 3], [2, 2]];
      const said = ({ reply }) => reply.map((r) => [r.text(), r.best.map((b) => b.text())]);
      return [
        said(await model.predict({ source })),
        said(await model.predict({ source }, { samples: 3, seed: 5 })),
        said(await model.predict({ source }, { greedy: true, max: 5 })),
        (await model.predict({ source, reply: [["a", "b"], ["c"]] })).reply.map((r) => r.shape),
      ];`,
  },
  "minimum risk, whose candidates the model draws": {
    source: replying(", risk = bleu, samples = 4"),
    options: reply,
    program: `
      const data = { source: [[1, 2, 3], [2, 2]], reply: [["b", "c", "d"], ["c", "c"]] };
      const trainer = model.trainer({ seed: 2 });
      const losses = [];
      for (let k = 0; k < 4; k++) losses.push((await trainer.step(data)).loss);
      return losses;`,
  },
  "labels that paths spell": {
    source: `input e : f32[T, 4]  target y : token(3)[L]  e >> dense(5) >> ctc(y)  decode { beam(4) }`,
    program: `
      const e = [[1, 0, 0, 2], [0, 1, -1, 0], [2, 0, 1, 0]];
      const near = (list) => list.map(({ ids, score }) => [[...ids], score]);
      return [near(await model.hypotheses({ e })), near((await model.hypotheses({ e: [e, e.slice(1)] }))[1])];`,
  },
  "numbers that are drawn, beside those of a training": {
    source: `input x : f32[3]  output made = normal[4] + (x >> dense(4))  minimize sum(made * made)  train { batch 1 }`,
    program: `
      const trainer = model.trainer({ seed: 1 });
      const found = [];
      for (const seed of [7, 8, undefined]) {
        found.push((await trainer.step({ x: [[1, 2, 3]] })).loss);
        const { made } = await model.predict({ x: [1, 2, 3] }, seed === undefined ? {} : { seed });
        found.push(...made.data);
      }
      return found;`,
  },
  "texts by a beam": {
    source: `input text : token(7)[T]  text >> embed(3) >> gru(4) >> softmax(next(text))`,
    program: `
      const made = [];
      for await (const id of model.generate({ prompt: [1, 2], beam: 3, max: 6 })) made.push(id);
      for await (const id of model.generate({ prompt: [1, 2], temperature: 1.5, seed: 4, max: 6 })) made.push(id);
      return made;`,
  },
};

/** Equal, but for what a device rounds otherwise. */
function expectSame(found: unknown, wanted: unknown): void {
  if (typeof wanted === "number" && !Number.isInteger(wanted)) {
    expect(Math.abs((found as number) - wanted)).toBeLessThan(1e-3 * Math.max(1, Math.abs(wanted)));
  } else if (Array.isArray(wanted)) {
    expect((found as unknown[]).length).toBe(wanted.length);
    wanted.forEach((part, k) => expectSame((found as unknown[])[k], part));
  } else expect(found).toEqual(wanted);
}

describe.skipIf(!hasBrowser)("what a model chooses on a device", () => {
  let tab: Tab;
  beforeAll(async () => void (tab = await openTab()), 60_000);
  afterAll(() => tab?.close());

  describe.each(Object.entries(cases))("%s", (_, { source, options, program }) => {
    test.each<Backend>(["webgpu", "webgl"])("on %s", async (backend) => {
      const { metadata, wasm } = await compile(source, "model.rnn", options);
      const model = await load({ metadata: metadata!, wasm: new Uint8Array(wasm!) });
      if (metadata!.entries.evaluate) model.trainer({ seed: 3 });
      const weights = model.weights();
      const inNode = new Function("model", `return (async () => {${program}})()`) as (
        model: Model,
      ) => Promise<unknown>;
      const target = await compile(source, "model.rnn", { ...options, target: "tfjs" });
      const found = await tab.page.evaluate(
        `(async ({ metadata, program, weights }) => {
          if (!(await tf.setBackend("${backend}"))) throw new Error("no such backend");
          const model = await openOn({ tf, metadata, program, weights: Uint8Array.from(weights) });
          try {${program}} finally { model.dispose(); }
        })(${JSON.stringify({ metadata: target.metadata, program: target.tfjs, weights: [...weights] })})`,
      );
      expectSame(found, await inNode(model));
    });
  });
});

test("a runtime without choices carries no search", async () => {
  const [plain, searching] = await Promise.all(
    ["tfjs/package-entry.ts", "tfjs/searching-entry.ts"].map((entry) => buildRuntime(undefined, entry)),
  );
  expect(searching).toContain("viterbi");
  expect(plain).not.toContain("viterbi");
});
