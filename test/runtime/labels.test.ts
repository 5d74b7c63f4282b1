/** Labels that paths spell, in results: what says nothing is left out, and `decode { beam(n) }` finds the likeliest. */
import { describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { type LabelledHypothesis, load, type Model } from "../../src/runtime/load.ts";
import { ngram } from "../../src/runtime/ngram.ts";
import { prefixBeam, type SearchOptions } from "../../src/runtime/prefix-beam.ts";
import type { Result } from "../../src/runtime/results.ts";

const source = (decode: string): string => `input e : f32[T, 4]  target y : token(3)[L]
  e >> ctc(y, project = none)
  ${decode}`;

async function modelOf(text: string): Promise<Model> {
  const { wasm, metadata, diagnostics } = await compile(text, "labels.rnn", {});
  if (!wasm || !metadata) throw new Error(diagnostics.map((d) => d.message).join("\n"));
  return load({ metadata, wasm: new Uint8Array(wasm) });
}

const row = (p: readonly number[]): number[] => p.map(Math.log);
const blank = [0.1, 0.1, 0.1, 0.7];
/** Says 1, holds it, says it again after a blank, then 2. */
const steps = [
  [0.1, 0.7, 0.1, 0.1],
  [0.1, 0.7, 0.1, 0.1],
  blank,
  [0.2, 0.6, 0.1, 0.1],
  [0.1, 0.1, 0.7, 0.1],
].map(row);
/** The best path spells nothing; the likeliest labels are 0. */
const split = [
  [0.45, 0.05, 0.0, 0.5],
  [0.45, 0.05, 0.0, 0.5],
].map(row);

const one = (model: Model, e: readonly (readonly number[])[]): Result => model.predict({ e })["y"] as Result;
const many = (model: Model, e: readonly (readonly (readonly number[])[])[]): readonly Result[] =>
  model.predict({ e })["y"] as readonly Result[];
const found = (model: Model, e: readonly (readonly number[])[], options?: SearchOptions) =>
  model.hypotheses({ e }, options) as readonly LabelledHypothesis[];

describe("the best path", () => {
  test("gives labels alone, without the steps that say nothing new", async () => {
    const { data, shape, nested, labels } = one(await modelOf(source("")), steps);
    expect([...data]).toEqual([1, 1, 2]);
    expect(shape).toEqual([3]);
    expect(nested()).toEqual([1, 1, 2]);
    expect(labels()).toEqual([1, 1, 2]);
  });

  test("in a batch each example has as many as its path spells", async () => {
    const y = many(await modelOf(source("")), [steps, split, []]);
    expect(y.map(({ labels }) => labels())).toEqual([[1, 1, 2], [], []]);
  });

  test("says what a search would need", async () => {
    const model = await modelOf(source(""));
    expect(() => model.hypotheses({ e: steps })).toThrow("decode { beam(8) }");
  });
});

describe("decode { beam(n) }", () => {
  test("predicts the likeliest labels, not those of the best path", async () => {
    const model = await modelOf(source("decode { beam(4) }"));
    expect(one(model, split).labels()).toEqual([0]);
    const y = many(model, [split, steps, []]);
    expect(y.map(({ labels }) => labels())).toEqual([[0], [1, 1, 2], []]);
    expect(y[1]!.shape).toEqual([3]);
  });

  test("hypotheses have labels, scores and times, of one example or of a list", async () => {
    const model = await modelOf(source("decode { beam(6) }"));
    const wanted = prefixBeam(steps.flat().map(Math.fround), 4, 3, { width: 6 });
    const best = found(model, steps, { best: 3 });
    expect(best).toHaveLength(3);
    best.forEach(({ ids, score, times }, k) => {
      expect([ids, times]).toEqual([wanted[k]!.ids, wanted[k]!.times]);
      expect(score).toBeCloseTo(wanted[k]!.score, 6);
    });
    expect(best[0]!.times).toEqual([0, 3, 4]);
    const both = model.hypotheses({ e: [steps, split] }) as readonly (readonly LabelledHypothesis[])[];
    expect(both.map(([first]) => first!.ids)).toEqual([[1, 1, 2], [0]]);
  });

  test("a scorer and a width of one's own", async () => {
    const model = await modelOf(source("decode { beam(2) }"));
    const scorer = ngram([[2], [2], [2]], 3, { weight: 3 });
    const loud = [[0.3, 0.1, 0.28, 0.32]].map(row);
    expect(found(model, loud, { width: 8 })[0]!.ids).toEqual([]);
    expect(found(model, loud, { width: 8, scorer })[0]!.ids).toEqual([2]);
  });

  test("a call may ask for another width, and for nothing else", async () => {
    const model = await modelOf(source("decode { beam(8) }"));
    // With one prefix kept, the empty one stays ahead of 0 at the first step.
    expect((model.predict({ e: split }, { beam: 1 })["y"] as Result).labels()).toEqual([]);
    expect((model.predict({ e: split }, { beam: 2 })["y"] as Result).labels()).toEqual([0]);
    expect(() => model.predict({ e: split }, { temperature: 2 })).toThrow("`temperature`");
  });

  test("words where the target has a vocabulary", async () => {
    const text = source("decode { beam(4) }").replace("token(3)", "token");
    const { wasm, metadata } = await compile(text, "labels.rnn", {
      vocabularies: { y: ["ah", "oh", "uh"] },
    });
    const model = await load({ metadata: metadata!, wasm: new Uint8Array(wasm!) });
    expect(one(model, steps).labels()).toEqual(["oh", "oh", "uh"]);
    expect(found(model, steps)[0]!.labels).toEqual(["oh", "oh", "uh"]);
  });
});
