/** What a package for tfjs declares, in an app's code: with its tfjs and its tfjs-layers. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { tfjsFiles } from "../../src/backends/package/tfjs-files.ts";
import { compile } from "../../src/compile/compile.ts";

const sources = {
  tagger: `input words : token(7)[T]   target tags : token(3)[T]   words >> embed(4) >> gru(5) >> softmax(tags)`,
  answers: `input source : token(6)[S]   target reply : token(5)[L]
    let memory = source >> embed(4) >> gru(5)
    prev(reply) >> embed(4) >> gru(5, init = memory) >> softmax(reply)`,
  heard: `input e : f32[T, 4]  target y : token(3)[L]  e >> dense(5) >> ctc(y)  decode { beam(4) }`,
};

const use = `
  import * as tf from "@tensorflow/tfjs-core";
  import * as tfl from "@tensorflow/tfjs-layers";
  import { load as loadTagger } from "./tagger.js";
  import { load as loadAnswers } from "./answers.js";
  import { load as loadHeard } from "./heard.js";

  const tagger = await loadTagger(tf);
  const { tags } = await tagger.predict({ words: [1, 2] }, { seed: 1 });
  const shape: readonly [number, 3] = tags.shape;
  const words = tf.tensor2d([[1, 2]], [1, 2], "int32");
  const given: tf.Tensor = tagger.apply({ words }, { parameters: tagger.parameters(), training: true, seed: 2 })["tags"]!;
  const layer: tfl.layers.Layer = tagger.layer(tfl.layers, { name: "tagger", seed: 3 });
  const whole: tfl.Sequential = tfl.sequential({ layers: [layer] });
  await tagger.loadWeights(tagger.parameters());
  // @ts-expect-error: a layer comes from tfjs-layers
  tagger.layer(tf);
  // @ts-expect-error: numbers are no tensors
  tagger.apply({ words: [[1, 2]] });

  const answers = await loadAnswers(tf);
  const { reply } = await answers.predict({ source: [1, 2] }, { beam: 3 });
  const said: string = reply.text();
  const forced = await answers.predict({ source: [1], reply: [2] });
  const probabilities: Float32Array = forced.reply.data;

  const heard = await loadHeard(tf);
  const best: readonly (string | number)[] = (await heard.hypotheses({ e: [[1, 2, 3, 4]] }))[0]!.labels;
  export { shape, given, whole, said, probabilities, best };
`;

test("declares what an app does with it", async () => {
  // Below the repository, where the app's tfjs is found.
  const folder = mkdtempSync(`${import.meta.dirname}/../../node_modules/.types-`);
  try {
    for (const [name, source] of Object.entries(sources)) {
      const { metadata, tfjs } = await compile(source, `${name}.rnn`, { target: "tfjs" });
      const files = tfjsFiles({ metadata: metadata!, program: tfjs!, runtime: "", weights: null });
      writeFileSync(`${folder}/${name}.d.ts`, files.get(`${name}.d.ts`)!);
    }
    writeFileSync(`${folder}/use.ts`, use);
    const tsc = fileURLToPath(import.meta.resolve("typescript/package.json")).replace(
      "package.json",
      "bin/tsc",
    );
    const options =
      "--ignoreConfig --noEmit --strict --skipLibCheck --target es2022 --lib es2022,dom --module esnext";
    const resolution = "--moduleResolution bundler --noUncheckedIndexedAccess --types";
    const said = (() => {
      try {
        const all = [tsc, ...`${options} ${resolution}`.split(" "), "", "use.ts"];
        return execFileSync(process.execPath, all, { cwd: folder, encoding: "utf8" });
      } catch (error) {
        return (error as { stdout: string }).stdout;
      }
    })();
    expect(said).toBe("");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
