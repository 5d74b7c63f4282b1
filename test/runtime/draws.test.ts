/** What a model draws when it predicts: by seed, beside the draws of its training. */
import { expect, test } from "vitest";
import { load } from "../../src/runtime/index.ts";
import { compileModel, one } from "./models.ts";

const source = `input x : f32[3]
  output made = normal[4] + (x >> dense(4))
  minimize sum(made * made)
  train { optimizer adam(0.1)  batch 1 }`;

test("each seed draws other numbers, the same seed the same", async () => {
  const model = await load(await compileModel(source));
  model.trainer({ seed: 1 });
  const made = (seed?: number): readonly number[] => [
    ...one(model.predict({ x: [1, 2, 3] }, seed === undefined ? {} : { seed })["made"]).data,
  ];
  expect(made(7)).toEqual(made(7));
  expect(made(8)).not.toEqual(made(7));
  expect(made()).toEqual(made());
});

test("a training goes on to the same bits whatever was drawn meanwhile", async () => {
  const compiled = await compileModel(source);
  const train = async (between: (model: Awaited<ReturnType<typeof load>>) => void): Promise<Uint8Array> => {
    const model = await load(compiled);
    const trainer = model.trainer({ seed: 1 });
    for (let step = 0; step < 3; step++) {
      trainer.step({ x: [[1, 2, 3]] });
      between(model);
    }
    return model.weights();
  };
  expect(await train((model) => void model.predict({ x: [0, 0, 0] }, { seed: 5 }))).toEqual(
    await train(() => undefined),
  );
});
