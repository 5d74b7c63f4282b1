/**
 * The examples about images compute what their equations say (`images.ts`), and learn pictures that the test draws: bars and
 * dots of 28 × 28 pixels.
 */
import { describe, expect, test } from "vitest";
import { type Decoded, load, writeSafetensors } from "../../src/runtime/index.ts";
import { expectClose } from "../language/compare.ts";
import { evaluator } from "../language/evaluator.ts";
import { moduleOf } from "../language/module.ts";
import { drawData, drawParameters, flat, type Program, shapeOf, single } from "../language/program.ts";
import { compileModel, list, one } from "../runtime/models.ts";
import { example, sourceOf } from "./example.ts";
import { answer, autoencoder, bce, caption, gan, type Picture, vae } from "./images.ts";
import { type Vector, weights, type Weights } from "./reference.ts";

const lengths = { L: [3, 1], Q: [2, 3] };
const runners = [
  ["evaluator", 1e-10],
  ["module", 1e-5],
] as const;

const runnerOf = async (made: Program, kind: string) =>
  kind === "module" ? await moduleOf(made) : evaluator(made);

/** Numbers from 0 to 1. */
const pixels = (values: readonly number[]): number[] => single(values.map((x) => 1 / (1 + Math.exp(-x))));

const asPicture = (values: Vector): Picture =>
  Array.from({ length: 28 }, (_, i) => Array.from({ length: 28 }, (_, k) => [values[28 * i + k]!]));

/** The rows of a table that ids choose. */
const rows = (w: Weights, table: string, ids: readonly number[], size: number): Vector[] =>
  ids.map((id) => w(table).slice(id * size, (id + 1) * size));

// ---- equations ----------------------------------------------------------------------------------------------------

describe.each(runners)("in the %s", (kind, bound) => {
  test("autoencoder-image", async () => {
    const made = example("autoencoder-image");
    const images = flat(drawData(made, lengths, 3)["image"]!)
      .reduce<number[][]>((all, x, k) => {
        if (k % 784 === 0) all.push([]);
        all.at(-1)!.push(x);
        return all;
      }, [])
      .map(pixels);
    const parameters = drawParameters(made, 2, 0.1);
    const data = { image: images.map((image) => asPicture(image).map((row) => row.flat())) };
    const runner = await runnerOf(made, kind);
    const { outputs } = runner.predict({ data, parameters });
    const losses = images.map((image, b) => {
      const { code, copy } = autoencoder(weights(parameters), asPicture(image));
      expectClose(outputs.get("code")![b]!, code, bound, 0.1);
      expectClose(outputs.get("copy")![b]!, copy, bound, 0.1);
      return bce(copy, image);
    });
    expectClose([runner.evaluate({ data, parameters })], [mean(losses)], bound);
  });

  test("vae, where its codes have next to no blur", async () => {
    const made = example("vae");
    const image = drawData(made, lengths, 3)["image"]!.map((x) => pixels(flat(x)));
    const parameters = drawParameters(made, 2, 0.1);
    const nothing = (values: readonly number[], x: number): number[] => values.map(() => x);
    parameters.set("logvar.dense.Wx", nothing(parameters.get("logvar.dense.Wx")!, 0));
    parameters.set("logvar.dense.b", nothing(parameters.get("logvar.dense.b")!, -50));
    const w = weights(parameters);
    const runner = await runnerOf(made, kind);
    const { outputs } = runner.predict({ data: { image }, parameters });
    const losses = image.map((x, b) => {
      const { μ, logvar } = vae.encode(w, x);
      const copy = vae.decode(w, μ);
      expectClose(outputs.get("copy")![b]!, copy, bound, 0.1);
      return bce(copy, x) + vae.distance(μ, logvar);
    });
    expectClose([runner.evaluate({ data: { image }, parameters })], [mean(losses)], bound);
  });

  test("caption", async () => {
    const made = example("caption");
    const data = drawData(made, lengths, 3);
    const parameters = drawParameters(made, 2, 0.1);
    const w = weights(parameters);
    const start = made.model.data.find(({ name }) => name === "caption")!.vocabulary!.size;
    const found = (await runnerOf(made, kind)).predict({ data, parameters }).outputs.get("caption")!;
    data["caption"]!.forEach((given, b) => {
      const words = rows(w, "embed.E", [start, ...(given as number[]).slice(0, -1)], 64);
      const expected = caption(w, data["image"]![b] as Picture, words);
      expectClose(found[b]!, expected.flat(), bound, 0.1);
    });
  });

  test("visual-question", async () => {
    const made = example("visual-question");
    const data = drawData(made, lengths, 3);
    const parameters = drawParameters(made, 2, 0.1);
    const w = weights(parameters);
    const { outputs } = (await runnerOf(made, kind)).predict({ data, parameters });
    data["question"]!.forEach((given, b) => {
      const words = rows(w, "asked.embed.E", given as number[], 32);
      const expected = answer(w, data["image"]![b] as Picture, words);
      expectClose(outputs.get("looked")![b]!, expected.looked, bound, 0.1);
      expectClose(outputs.get("answer")![b]!, expected.answer, bound, 0.1);
    });
  });
});

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;

/** A model with these parameters. */
async function withParameters(made: Program, parameters: ReadonlyMap<string, readonly number[]>) {
  const shapes = new Map(made.model.parameters.map((p) => [p.name, shapeOf(p)]));
  const tensors = new Map(
    [...parameters].map(([name, values]) => [
      name,
      { data: Float32Array.from(values), shape: shapes.get(name)! },
    ]),
  );
  const compiled = await compileModel(made.source, made.options);
  return load({ ...compiled, weights: writeSafetensors({ tensors, metadata: {} }) });
}

test("the codes of vae are normal numbers of the mean and the variance that it says", async () => {
  const made = example("vae");
  const zero = new Map([...drawParameters(made, 1)].map(([name, values]) => [name, values.map(() => 0)]));
  const μ = Array.from({ length: 20 }, (_, k) => k / 10 - 1);
  const logvar = Array.from({ length: 20 }, (_, k) => -k / 10);
  // Codes go through both layers of the decoder as they are, ten higher, and come out as the logits of the first pixels.
  const through = (from: number, to: number): number[] =>
    Array.from({ length: from * to }, (_, at) => (at % from === Math.floor(at / from) ? 1 : 0));
  zero.set("μ.dense.b", μ).set("logvar.dense.b", logvar);
  zero.set("copy.dense.1.Wx", through(20, 400)).set(
    "copy.dense.1.b",
    zero.get("copy.dense.1.b")!.map(() => 10),
  );
  zero.set(
    "copy.dense.2.Wx",
    through(400, 784).map((x) => x * 0.1),
  );
  const model = await withParameters(made, zero);
  const copies = list(
    model.predict({ image: Array.from({ length: 2000 }, () => new Array(784).fill(0)) })["copy"],
  );
  for (const k of [0, 7, 19]) {
    const codes = copies.map(({ data }) => 10 * Math.log(data[k]! / (1 - data[k]!)) - 10);
    const center = mean(codes);
    const spread = Math.sqrt(mean(codes.map((x) => (x - center) ** 2)));
    expect(Math.abs(center - μ[k]!)).toBeLessThan(0.08);
    expect(Math.abs(spread - Math.exp(logvar[k]! / 2))).toBeLessThan(0.06);
  }
});

test("the objectives of gan are those of its equations", async () => {
  const made = example("gan");
  const parameters = drawParameters(made, 2, 0.1);
  // What is drawn then goes nowhere: every fake is the same.
  parameters.set(
    "G.dense.1.Wx",
    parameters.get("G.dense.1.Wx")!.map(() => 0),
  );
  const w = weights(parameters);
  const real = drawData(made, lengths, 3)["real"]!.map((x) => pixels(flat(x)));
  const fake = gan.generate(w, new Array(64).fill(0));
  const model = await withParameters(made, parameters);
  for (const result of list(model.predict({ real })["fake"])) expectClose([...result.data], fake, 1e-5, 0.1);
  const { losses, loss } = model.trainer({ seed: 1 }).evaluate({ real });
  const ofD = mean(real.map((x) => -Math.log(gan.judge(w, x)))) - Math.log(1 - gan.judge(w, fake));
  const ofG = -Math.log(gan.judge(w, fake));
  expectClose([losses!["D"]!, losses!["G"]!, loss], [ofD, ofG, ofD + ofG], 1e-5, 0.1);
});

// ---- learning -----------------------------------------------------------------------------------------------------

const size = 28;
const blank = (): number[][] => Array.from({ length: size }, () => new Array<number>(size).fill(0));

/** A bar of three pixels' width across the picture. */
function bar(direction: "standing" | "lying", at: number): number[][] {
  const picture = blank();
  for (let k = 0; k < size; k++)
    for (let d = 0; d < 3; d++)
      if (direction === "standing") picture[k]![at + d] = 1;
      else picture[at + d]![k] = 1;
  return picture;
}

const directions = ["standing", "lying"] as const;
const places = Array.from({ length: 24 }, (_, k) => k + 1);
const bars = directions.flatMap((direction) =>
  places.map((at) => ({ direction, at, picture: bar(direction, at) })),
);
const asPixels = (picture: readonly (readonly number[])[]): number[][][] =>
  picture.map((row) => row.map((x) => [x]));

test("autoencoder-image draws bars again, also such as it has never seen", async () => {
  const model = await load(await compileModel(sourceOf("autoencoder-image")));
  const trainer = model.trainer({ seed: 1, settings: { rate: 3e-3 } });
  const isUnseen = (_: unknown, k: number): boolean => k % 6 === 3;
  const seen = bars.filter((b, k) => !isUnseen(b, k));
  const batch = trainer.batch({ image: seen.map(({ picture }) => picture) });
  for (let step = 0; step < 250; step++) trainer.step(batch);
  const wrong = ({ picture }: (typeof bars)[number]): number => {
    const results = model.predict({ image: picture });
    expect(one(results["code"]).shape).toEqual([16]);
    const copy = one(results["copy"]).data;
    return picture.flat().filter((x, k) => Math.round(copy[k]!) !== x).length;
  };
  // An empty picture has 84 pixels wrong, the nearest bar that it has seen 56.
  expect(mean(seen.map(wrong))).toBeLessThan(5);
  expect(mean(bars.filter(isUnseen).map(wrong))).toBeLessThan(56);
});

test("vae learns bars", async () => {
  const model = await load(await compileModel(sourceOf("vae")));
  const trainer = model.trainer({ seed: 1 });
  const batch = trainer.batch({ image: bars.map(({ picture }) => picture.flat()) });
  const before = trainer.evaluate(batch).loss;
  for (let step = 0; step < 300; step++) trainer.step(batch);
  expect(trainer.evaluate(batch).loss).toBeLessThan(0.1 * before);
});

test("gan draws what is real", async () => {
  const model = await load(await compileModel(sourceOf("gan")));
  const trainer = model.trainer({ seed: 1 });
  const half = Array.from({ length: 784 }, (_, k) => (k % size < size / 2 ? 0.9 : 0.1));
  const batch = trainer.batch({ real: Array.from({ length: 20 }, () => half) });
  for (let step = 0; step < 400; step++) trainer.step(batch);
  const fakes = list(model.predict({ real: Array.from({ length: 20 }, () => half) })["fake"]);
  for (const { data } of fakes) {
    const [left, right] = [true, false].map((isLeft) =>
      mean([...data].filter((_, k) => k % size < size / 2 === isLeft)),
    );
    expect(left).toBeGreaterThan(0.6);
    expect(right).toBeLessThan(0.2);
  }
});

test("caption says what it sees", async () => {
  const say = ({ direction, at }: (typeof bars)[number]): string =>
    direction === "standing"
      ? `a standing bar ${at < 13 ? "left" : "right"}`
      : `a lying bar ${at < 13 ? "above" : "below"}`;
  const words = ["<unk>", "<eos>", ...new Set(bars.flatMap((b) => say(b).split(" ")))];
  const model = await load(await compileModel(sourceOf("caption"), { vocabularies: { caption: words } }));
  const trainer = model.trainer({ seed: 1 });
  const seen = bars.filter((_, k) => k % 6 !== 3);
  const batch = trainer.batch({
    image: seen.map(({ picture }) => asPixels(picture)),
    caption: seen.map((b) => say(b).split(" ")),
  });
  for (let step = 0; step < 60; step++) trainer.step(batch);
  for (const b of bars.filter((_, k) => k % 6 === 3))
    expect((model.predict({ image: asPixels(b.picture) })["caption"] as Decoded).text()).toBe(say(b));
});

test("visual-question answers what it is asked, and looks elsewhere when it is asked something else", async () => {
  /** A frame and a disc, each of them bright or dim. */
  const draw = (k: number) => {
    const picture = blank();
    const bright = { frame: k % 2 === 0, disc: k % 4 < 2 };
    const [top, left] = [2 + (k % 5), 2 + (k % 3)];
    const [low, right] = [16 + (k % 4), 16 + (k % 5)];
    for (let i = 0; i < 7; i++)
      for (let j = 0; j < 7; j++) {
        const isEdge = i === 0 || j === 0 || i === 6 || j === 6;
        if (isEdge) picture[top + i]![left + j] = bright.frame ? 1 : 0.4;
        if (Math.hypot(i - 3, j - 3) < 3) picture[low + i]![right + j] = bright.disc ? 1 : 0.4;
      }
    return (["frame", "disc"] as const).map((thing) => ({
      image: asPixels(picture),
      question: ["how", "is", "the", thing],
      answer: bright[thing] ? "bright" : "dim",
    }));
  };
  const vocabularies = {
    question: ["<unk>", "<eos>", "how", "is", "the", "frame", "disc"],
    answer: ["bright", "dim"],
  };
  const model = await load(await compileModel(sourceOf("visual-question"), { vocabularies }));
  const trainer = model.trainer({ seed: 1 });
  const asked = Array.from({ length: 55 }, (_, k) => draw(k)).flat();
  const keep = (some: typeof asked) => ({
    image: some.map(({ image }) => image),
    question: some.map(({ question }) => question),
    answer: some.map(({ answer }) => answer),
  });
  const batches = [0, 30, 60].map((from) => trainer.batch(keep(asked.slice(from, from + 30))));
  for (let step = 0; step < 90; step++) trainer.step(batches[step % 3]!);
  const tested = asked.slice(90);
  const found = model.predict({
    image: tested.map(({ image }) => image),
    question: tested.map(({ question }) => question),
  });
  const answers = list(found["answer"]).map(({ data: [bright, dim] }) => (bright! > dim! ? "bright" : "dim"));
  const right = answers.filter((answer, k) => answer === tested[k]!.answer);
  expect(right.length).toBeGreaterThanOrEqual(18);
  // Every picture is asked about twice in a row: what is looked at is not the same.
  const looked = list(found["looked"]).map(({ data }) => Array.from(data));
  const moved = looked.map((share, k) => mean(share.map((x, at) => 8 * Math.abs(x - looked[k ^ 1]![at]!))));
  expect(mean(moved)).toBeGreaterThan(0.2);
});
