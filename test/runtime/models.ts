/** Small models for the tests of the runtime, compiled and loaded. */
import { compile, type CompileOptions } from "../../src/compile/compile.ts";
import { load, type Model, type Result } from "../../src/runtime/index.ts";
import type { LoadOptions } from "../../src/runtime/load.ts";

export async function compileModel(source: string, options: CompileOptions = {}): Promise<LoadOptions> {
  const { wasm, metadata, diagnostics } = await compile(source, "model.rnn", options);
  if (!wasm || !metadata) throw new Error(diagnostics.map((d) => d.message).join("\n"));
  return { metadata, wasm: new Uint8Array(wasm) };
}

export const characters = ["<unk>", "<eos>", " ", "a", "b", "c"];

/** Trained on chunks; generates. */
export const characterModel = (): Promise<LoadOptions> =>
  compileModel(
    `input text : char[T]
     text >> embed(5) >> lstm(7) >> softmax(next(text))
     train { optimizer adam(1e-2)  clip norm 5  batch 3  tbptt 8  schedule cosine }
     decode { sample(temperature = 0.8, stop = eos, avoid = unk) }`,
    { dims: { text: characters.length }, vocabularies: { text: characters } },
  );

/** Letters to letters; answers by its own choices. */
export const answeringModel = (): Promise<LoadOptions> => {
  const letters = ["<unk>", "<eos>", ..."abcdef"];
  return compileModel(
    `input source : char[S]  target reply : char(source)[L]
     let memory = source >> embed(5) >> gru(6)
     prev(reply) >> embed(5) >> gru(6, init = memory) >> softmax(reply)`,
    { dims: { source: letters.length }, vocabularies: { source: letters } },
  );
};

/** A tag for each frame; sizes that are no multiples of 4. */
export const taggingSource = `
  input audio : f32[T, 5]   target tags : token(3)[T]
  audio >> lstm(6, peephole) >> softmax(tags)
  train { optimizer adam(1e-2)  clip norm 1 }`;

export const taggingModel = (): Promise<LoadOptions> => compileModel(taggingSource);

/** Frames that depend on their place alone. */
export const frames = (length: number, seed = 0): number[][] =>
  Array.from({ length }, (_, t) => Array.from({ length: 5 }, (_, d) => Math.sin(seed + 3 * t + d)));

export const tags = (length: number): number[] => Array.from({ length }, (_, t) => (t * 2) % 3);

export async function loadTrained(options: LoadOptions, seed = 1): Promise<Model> {
  const model = await load(options);
  model.trainer({ seed });
  return model;
}

/** An output of a batch. */
export const list = (value: Result | readonly Result[] | undefined): readonly Result[] => {
  if (!Array.isArray(value)) throw new Error("this is no batch");
  return value as readonly Result[];
};

/** An output of one example. */
export const one = (value: Result | readonly Result[] | undefined): Result => {
  if (!value || Array.isArray(value)) throw new Error("this is a batch");
  return value as Result;
};
