/** Packages: written to a folder of their own, imported by Node, type-checked with a program that uses them. */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { needsSearches, packageFiles, type PackageInput } from "../../src/backends/package/package-files.ts";
import { type Decoded, load } from "../../src/runtime/index.ts";
import type { LoadOptions } from "../../src/runtime/load.ts";
import { buildRuntime } from "../../scripts/runtime-text.mjs";
import { answeringModel, characterModel, compileModel, frames, one, taggingModel } from "./models.ts";

let folder = "";
let runtime = "";
let searching = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rnnc-package-"));
  runtime = await buildRuntime();
  searching = await buildRuntime(undefined, "searching-entry.ts");
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function writePackage(
  options: LoadOptions,
  more: Partial<PackageInput> = {},
): Promise<ReadonlyMap<string, string | Uint8Array>> {
  const files = packageFiles({
    metadata: options.metadata,
    wasm: options.wasm as Uint8Array,
    runtime: needsSearches(options.metadata) ? searching : runtime,
    ...more,
  });
  for (const [name, content] of files) await writeFile(join(folder, name), content);
  return files;
}

/** What a program run by Node in the folder prints, as JSON. */
async function runNode(program: string): Promise<unknown> {
  await writeFile(join(folder, "program.mjs"), program);
  return JSON.parse(execFileSync(process.execPath, ["program.mjs"], { cwd: folder, encoding: "utf8" }));
}

const named = (options: LoadOptions, name: string): LoadOptions => ({
  ...options,
  metadata: { ...options.metadata, name },
});

describe("a package", () => {
  test("runs in Node, from files beside it, and gives the same bits", async () => {
    const options = named(await taggingModel(), "tagger");
    const model = await load(options);
    const trainer = model.trainer({ seed: 3 });
    trainer.step({ audio: frames(3), tags: [0, 1, 2] });
    const files = await writePackage(options, { weights: model.weights() });
    expect([...files.keys()]).toEqual([
      "tagger.d.ts",
      "tagger.js",
      "tagger.json",
      "tagger.safetensors",
      "tagger.wasm",
    ]);
    const printed = await runNode(`
      import { load, RnncError } from "./tagger.js";
      const model = await load();
      const { tags } = model.predict({ audio: ${JSON.stringify(frames(4))} });
      let message = "";
      try { model.predict({}); } catch (error) { message = String(error instanceof RnncError) + error.message; }
      const stream = model.stream();
      const step = stream.step(new Float32Array(5)).tags.length;
      console.log(JSON.stringify({ tags: Array.from(tags.data), labels: tags.labels().length, message, step }));
    `);
    expect(printed).toEqual({
      tags: Array.from(one(model.predict({ audio: frames(4) })["tags"]).data),
      labels: 4,
      message: "true`audio` is missing: it is the input f32[T, 5]",
      step: 3,
    });
  });

  test("can be one file, and trains", async () => {
    const options = named(await characterModel(), "charlm");
    const files = await writePackage(options, { options: { singleFile: true } });
    expect([...files.keys()]).toEqual(["charlm.d.ts", "charlm.js"]);
    const text = "abc ".repeat(40);
    const printed = await runNode(`
      import { writeFile } from "node:fs/promises";
      import { load } from "./charlm.js";
      const model = await load();
      const trainer = model.trainer({ seed: 3 });
      let loss = 0;
      for (const chunk of trainer.chunks(${JSON.stringify(text)})) ({ loss } = trainer.step(chunk));
      await writeFile("own.safetensors", trainer.save());
      const again = await load({ weights: "own.safetensors" });
      const same = again.weights().join() === model.weights().join();
      console.log(JSON.stringify({ loss, same, text: [...again.generate({ prompt: "a", length: 8, seed: 1, stop: null })].length }));
    `);
    const model = await load(options);
    const trainer = model.trainer({ seed: 3 });
    const losses = [...trainer.chunks(text)].map((chunk) => trainer.step(chunk).loss);
    expect(printed).toEqual({ loss: losses.at(-1), same: true, text: 8 });
  });

  test("answers by its own choices", async () => {
    const options = named(await answeringModel(), "answers");
    const model = await load(options);
    model.trainer({ seed: 3 });
    await writePackage(options, { weights: model.weights() });
    const printed = await runNode(`
      import { load } from "./answers.js";
      const model = await load();
      const { reply } = model.predict({ source: "ab" }, { beam: 3, max: 5 });
      console.log(JSON.stringify(reply.best.map(({ data, score }) => [[...data], score])));
    `);
    const { best } = one(model.predict({ source: "ab" }, { beam: 3, max: 5 })["reply"]) as Decoded;
    expect(printed).toEqual(best.map(({ data, score }) => [[...data], score]));
  });

  test("may have any name", async () => {
    const name = "mein modell ü#1";
    await writePackage(named(await taggingModel(), name), { weights: null });
    const printed = await runNode(`
      import { load } from "./${encodeURIComponent(name)}.js";
      const model = await load();
      model.trainer();
      console.log(JSON.stringify(model.predict({ audio: [[1, 2, 3, 4, 5]] }).tags.shape));
    `);
    expect(printed).toEqual([1, 3]);
  });

  test("the same source gives the same bytes", async () => {
    const files = async () => {
      const { metadata, wasm } = await taggingModel();
      return packageFiles({ metadata, wasm: wasm as Uint8Array, runtime });
    };
    expect(await files()).toEqual(await files());
  });

  test("an error that nobody catches shows a line of it, not all of it", () => {
    expect(Math.max(...runtime.split("\n").map((line) => line.length))).toBeLessThan(1000);
  });

  test("imports nothing", async () => {
    expect(runtime).not.toMatch(/\b(?:import|export)\b\s*[{*"'a-z]/u);
    expect(runtime).not.toContain("require(");
    const bytesOf = (text: string): number => Buffer.byteLength(text);
    expect(bytesOf(runtime)).toBeLessThanOrEqual(32_768);
    // What makes choices is in the packages of models that do alone.
    expect(bytesOf(searching)).toBeLessThan(56_000);
  });
});

describe("its types", () => {
  test("are the model's own", async () => {
    await writePackage(named(await taggingModel(), "tagger"));
    await writePackage(named(await characterModel(), "charlm"));
    await writePackage(
      named(
        await compileModel(
          "input word : f32[3]\ninput x : f32[T, 2]\noutput y = x >> lstm(3) >> bidir >> last",
        ),
        "encoder",
      ),
    );
    await writePackage(named(await answeringModel(), "answers"));
    await writePackage(
      named(
        await compileModel(
          "input words : token(5)[T]\nlet c = words >> embed(3) >> gru(4)\nprev(words) >> embed(3) >> gru(4, init = c) >> softmax(words)",
        ),
        "autoencoder",
      ),
    );
    await writePackage(
      named(
        await compileModel(
          "input audio : f32[T, 2]\ntarget text : token(3)[L]\naudio >> lstm(3) >> ctc(text)\ndecode { beam(2) }",
        ),
        "speech",
      ),
    );
    await writeFile(
      join(folder, "use.ts"),
      `import { load, RnncError, type Outputs } from "./tagger.js";
       import { load as loadText } from "./charlm.js";
       import { load as loadEncoder } from "./encoder.js";
       import { load as loadAnswers } from "./answers.js";
       import { load as loadAutoencoder } from "./autoencoder.js";
       import { load as loadSpeech } from "./speech.js";
       const tagger = await load({ weights: null });
       const outputs: Outputs = tagger.predict({ audio: [new Float32Array(5)] });
       const three: 3 = outputs.tags.shape[1];
       const labels: number[] = outputs.tags.labels();
       const rows: number[][] = outputs.tags.nested();
       const many = tagger.predict({ audio: [[[1, 2, 3, 4, 5]], [[1, 2, 3, 4, 5]]] });
       const first: Float32Array = many.tags[0]!.data;
       const { loss } = tagger.trainer({ seed: 1 }).step({ audio: [[1, 2, 3, 4, 5]], tags: [2] });
       const probabilities: Float32Array = tagger.stream().step([1, 2, 3, 4, 5]).tags;
       const text = await loadText();
       const chosen: string[] = text.predict({ text: "abc" }).text.labels();
       text.predict({ text: ["abc", "a"] }).text.map((x) => x.labels());
       for (const chunk of text.trainer().chunks("abc abc")) text.trainer().step(chunk);
       const letters: readonly string[] | undefined = text.vocabularies.get("text")?.entries;
       const sizes: readonly number[] = text.metadata.parameters.flatMap(({ shape }) => shape);
       for (const entry of text.generate({ prompt: "a" })) entry satisfies string | number;
       const encoder = await loadEncoder();
       encoder.predict({ word: [1, 2, 3], x: [[1, 2]] }).y.data;
       const answers = await loadAnswers();
       const { reply } = answers.predict({ source: "ab" }, { beam: 2 });
       const said: string = reply.text() + reply.best[0]!.labels()[0]!;
       const scores: number[] = answers.predict({ source: ["ab", "b"] }).reply.map((x) => x.score);
       const forced: 8 = answers.predict({ source: "ab", reply: "ba" }).reply.shape[1];
       const again = await loadAutoencoder();
       const own: number[] = again.predict({ words: [1, 2] }, { greedy: true }).words.labels();
       const true_: Float32Array = again.predict({ words: [1, 2] }, { forced: true }).words.data;
       const speech = await loadSpeech();
       const heard: number[] = speech.predict({ audio: [[1, 2]] }).text.labels();
       const scorer = (ids: readonly number[], next: number | null) => (next === 1 ? 0.5 : 0) - ids.length;
       const times: readonly number[] = speech.hypotheses({ audio: [[1, 2]] }, { best: 2, scorer })[0]!.times;
       for (const list of speech.hypotheses({ audio: [[[1, 2]], []] })) list[0]!.score satisfies number;
       // @ts-expect-error: no paths spell its labels
       tagger.hypotheses({ audio: [[1, 2, 3, 4, 5]] });
       const length: number = reply.shape[0];
       // @ts-expect-error: an answer is one sequence
       reply.shape[1];
       // @ts-expect-error: no such strategy
       answers.predict({ source: "ab" }, { ray: 2 });
       // @ts-expect-error: it answers, and makes up no texts
       answers.generate();
       // @ts-expect-error: it looks ahead
       encoder.stream();
       // @ts-expect-error: it has no loss
       encoder.trainer();
       // @ts-expect-error: no such input
       tagger.predict({ sound: [[1]] });
       // @ts-expect-error: a tagger does not generate
       tagger.generate();
       // @ts-expect-error: frames, not text
       tagger.predict({ audio: "abc" });
       export { three, labels, rows, first, loss, probabilities, chosen, letters, sizes, said, scores, forced, own, true_, heard, times, RnncError };`,
    );
    const tsc = fileURLToPath(import.meta.resolve("typescript/package.json")).replace(
      "package.json",
      "bin/tsc",
    );
    const options = [
      "--noEmit",
      "--strict",
      "--noUncheckedIndexedAccess",
      "--target",
      "es2022",
      "--lib",
      "es2022,dom",
    ];
    const check = (): string => {
      try {
        return execFileSync(
          process.execPath,
          [tsc, ...options, "--module", "esnext", "--moduleResolution", "bundler", "--types", "", "use.ts"],
          { cwd: folder, encoding: "utf8" },
        );
      } catch (error) {
        return (error as { stdout: string }).stdout;
      }
    };
    expect(check()).toBe("");
  });
});
