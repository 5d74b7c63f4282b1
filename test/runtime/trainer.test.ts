/** Training: resuming gives the same bits, padding is nobody's, chunks carry states. */
import { describe, expect, test } from "vitest";
import { load, readSafetensors, type RunSettings, type Trainer } from "../../src/runtime/index.ts";
import {
  characterModel,
  characters,
  compileModel,
  frames,
  tags,
  taggingModel,
  taggingSource,
} from "./models.ts";

const batch = (lengths: readonly number[]) => ({
  audio: lengths.map((n) => frames(n, n)),
  tags: lengths.map((n) => tags(n)),
});

const text = "abc abc cab ".repeat(20);

describe("trainer", () => {
  test("learns", async () => {
    const model = await load(await taggingModel());
    const trainer = model.trainer({ seed: 5 });
    const before = trainer.evaluate(batch([6, 4]));
    const made = trainer.batch(batch([6, 4]));
    const reports = Array.from({ length: 150 }, () => trainer.step(made));
    expect(reports[0]!.loss).toBeCloseTo(before.loss, 5);
    expect(before.count).toBe(2);
    expect(trainer.evaluate(batch([6, 4])).loss).toBeLessThan(before.loss / 3);
    expect(reports[0]).toMatchObject({ rate: 0.01, skipped: false });
    expect(reports[0]!.norm).toBeGreaterThan(0);
    expect(trainer.position().step).toBe(150);
  });

  test("the same seed gives the same weights, another one others", async () => {
    const weights = async (seed: number): Promise<Uint8Array> => {
      const model = await load(await taggingModel());
      model.trainer({ seed });
      return model.weights();
    };
    expect(await weights(1)).toEqual(await weights(1));
    expect(await weights(1)).not.toEqual(await weights(2));
  });

  test("a training that was stopped and resumed gives the same bits", async () => {
    const options = await compileModel(
      "input audio : f32[T, 5]  target tags : token(3)[T]\naudio >> gru(6) >> dropout(0.3) >> softmax(tags)\n" +
        "train { optimizer adam(1e-2)  average }",
    );
    const settings: RunSettings = {
      schedules: [
        { kind: "step", every: 1, factor: 0.5 },
        { kind: "plateau", patience: 1, factor: 0.5 },
      ],
    };
    const run = (trainer: Trainer, from: number, to: number): void => {
      for (let k = from; k < to; k++) {
        trainer.step(batch([3 + (k % 4), 2]));
        if (k % 5 === 4) trainer.endEpoch(1);
      }
    };
    const straight = await load(options);
    const trainer = straight.trainer({ seed: 9, settings });
    run(trainer, 0, 20);

    const first = await load(options);
    const half = first.trainer({ seed: 9, settings });
    run(half, 0, 10);
    const saved = half.save();
    const second = await load(options);
    const resumed = second.trainer({ seed: 1234, settings });
    resumed.load(saved);
    expect(resumed.save()).toEqual(saved);
    run(resumed, 10, 20);
    expect(second.weights()).toEqual(straight.weights());
    expect(resumed.weights()).toEqual(trainer.weights());
    expect(resumed.save()).toEqual(trainer.save());
    expect(resumed.weights()).not.toEqual(second.weights());
  });

  test("padding changes neither loss nor gradients", async () => {
    const options = await taggingModel();
    const [alone, padded] = [await load(options), await load(options)];
    const trainers = [alone.trainer({ seed: 2 }), padded.trainer({ seed: 2 })];
    padded.predict({ audio: [frames(40).map((row) => row.map(() => NaN))] });
    const losses = trainers.map((trainer) => trainer.step(batch([5])).loss);
    expect(losses[0]).toBe(losses[1]);
    expect(alone.weights()).toEqual(padded.weights());
    const mean = (trainers[0]!.evaluate(batch([5])).loss + trainers[0]!.evaluate(batch([2])).loss) / 2;
    expect(trainers[0]!.evaluate(batch([5, 2])).loss).toBeCloseTo(mean, 5);
  });

  test("a checkpoint holds tensors by name, and loads as weights too", async () => {
    const model = await load(await taggingModel());
    const trainer = model.trainer({ seed: 3 });
    trainer.step(batch([4]));
    const { tensors, metadata } = readSafetensors(trainer.save());
    const own = model.metadata.parameters.map((p) => p.name);
    expect([...tensors.keys()].filter((name) => !name.includes(":")).sort()).toEqual([...own].sort());
    expect([...tensors.keys()]).toContain(`optimizer:mean:${own[0]!}`);
    expect(metadata["fingerprint"]).toBe(model.metadata.fingerprint);
    const copy = await load({ ...(await taggingModel()), weights: trainer.save() });
    expect(copy.weights()).toEqual(model.weights());
    expect(() => copy.trainer().load(model.weights())).toThrow("no training to go on with");
  });

  test("another model's checkpoint and weights are refused, by name and shape", async () => {
    const model = await load(await taggingModel());
    const other = await load(await compileModel(taggingSource.replace("lstm(6, peephole)", "lstm(7)")));
    const weights = (other.trainer(), other.weights());
    expect(() => model.loadWeights(weights)).toThrow(
      /do not match the model:\n {2}missing: `lstm\.\S+`.*\n {2}`lstm\.\S+ is \[7, /u,
    );
    expect(() => model.trainer().load(other.trainer().save())).toThrow("do not match the model");
    expect(() => model.predict({ audio: frames(2) })).not.toThrow();
  });

  test("rates, schedules and steps can be overridden", async () => {
    const model = await load(await taggingModel());
    const trainer = model.trainer({
      settings: { rate: 0.5, schedules: [{ kind: "cosine" }], epochs: 2 },
      stepsPerEpoch: 2,
    });
    const rates = Array.from({ length: 4 }, () => trainer.step(batch([3])).rate);
    rates.forEach((rate, k) => expect(rate).toBeCloseTo(0.25 + 0.25 * Math.cos((Math.PI * k) / 4), 9));
  });

  test("a model without a loss cannot be trained", async () => {
    const model = await load(await compileModel("input x : f32[T, 2]\noutput y = x >> lstm(3)"));
    expect(() => model.trainer()).toThrow("the model has no loss");
  });
});

describe("chunks", () => {
  test("cut a text into parallel streams; what comes next crosses their borders", async () => {
    const trainer = (await load(await characterModel())).trainer();
    const chunks = [...trainer.chunks("abcabcabcab", { batch: 2, length: 3 })];
    const read = (name: string) =>
      chunks.map((c) => c.columns.get(name)!.map((x) => Array.from(x.data, (id) => characters[id]).join("")));
    expect(read("text")).toEqual([
      ["abc", "cab"],
      ["ab", "ca"],
    ]);
    expect(read("text.next")).toEqual([
      ["bca", "abc"],
      ["bc", "ab"],
    ]);
    expect(chunks.map((c) => c.fresh)).toEqual([true, false]);
    expect(() => [...trainer.chunks("a")]).toThrow("0 steps are too few for 3 streams");
  });

  test("an evaluation on chunks is one on the whole", async () => {
    const model = await load(await characterModel());
    const trainer = model.trainer({ seed: 4 });
    const whole = trainer.evaluateChunks("abc cab abc", { batch: 1, length: 100 });
    const cut = trainer.evaluateChunks("abc cab abc", { batch: 1, length: 3 });
    expect(whole.count).toBe(10);
    expect(cut.count).toBe(10);
    expect(cut.loss).toBeCloseTo(whole.loss, 5);
  });

  test("an evaluation in between leaves the training as it is", async () => {
    const weights = async (evaluate: boolean): Promise<Uint8Array> => {
      const model = await load(await characterModel());
      const trainer = model.trainer({ seed: 7 });
      for (const chunk of trainer.chunks(text)) {
        trainer.step(chunk);
        if (evaluate) trainer.evaluateChunks("cab cab cab", { batch: 2 });
        if (evaluate) [...model.generate({ prompt: "a", length: 3 })];
      }
      return model.weights();
    };
    expect(await weights(true)).toEqual(await weights(false));
  });

  test("a training resumed within an epoch goes on with its states", async () => {
    const options = await characterModel();
    const straight = await load(options);
    const trainer = straight.trainer({ seed: 1 });
    const chunks = [...trainer.chunks(text)];
    chunks.forEach((chunk) => trainer.step(chunk));
    const first = (await load(options)).trainer({ seed: 1 });
    chunks.slice(0, 4).forEach((chunk) => first.step(chunk));
    const model = await load(options);
    const second = model.trainer({ seed: 1 });
    second.load(first.save());
    chunks.slice(4).forEach((chunk) => second.step(chunk));
    expect(model.weights()).toEqual(straight.weights());
    expect(second.save()).toEqual(trainer.save());
  });

  test("states matter", async () => {
    const model = await load(await characterModel());
    const trainer = model.trainer({ seed: 1 });
    const [first, second] = [...trainer.chunks(text, { batch: 1 })];
    trainer.evaluate(first!);
    const carried = trainer.evaluate(second!).loss;
    expect(trainer.evaluate({ ...second!, fresh: true }).loss).not.toBe(carried);
  });

  test("whole texts end in `<eos>`", async () => {
    const model = await load(await characterModel());
    const made = model.trainer().batch({ text: "abc" });
    expect(made.columns.get("text.next")!.map((x) => Array.from(x.data))).toEqual([[4, 5, 1]]);
    expect(made.columns.get("text")![0]!.shape).toEqual([3]);
  });

  test("without `<eos>` the last step is dropped", async () => {
    const model = await load(
      await compileModel("input text : token(9)[T]\ntext >> embed(3) >> elman(3) >> softmax(next(text))"),
    );
    const made = model.trainer().batch({ text: [[1, 2, 3], [4]] });
    expect(made.columns.get("text")!.map((x) => Array.from(x.data))).toEqual([[1, 2], []]);
    expect(made.columns.get("text.next")!.map((x) => Array.from(x.data))).toEqual([[2, 3], []]);
  });
});
