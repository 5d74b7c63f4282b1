/**
 * “arrive Taipei” and “leave Taipei”: whoever remembers the verb can tell the destination from the place of departure,
 * whoever sees one word at a time cannot.
 */
import { describe, expect, test } from "vitest";
import { load, type Model } from "../../src/runtime/index.ts";
import { compileModel, list } from "../runtime/models.ts";
import { sourceOf } from "./example.ts";

/** The verbs have slots of their own, for all that a Jordan network remembers is what it said. */
const verbs = [
  { verb: "arrive", slot: "arrival", place: "destination" },
  { verb: "leave", slot: "start", place: "departure" },
];
const cities = ["Taipei", "Boston", "Denver"];
const dates = [
  { words: ["on", "november", "second"], slots: ["other", "time", "time"] },
  { words: ["at", "noon"], slots: ["other", "time"] },
];

const requests = verbs.flatMap(({ verb, slot, place }) =>
  cities.flatMap((city) =>
    dates.map((date) => ({ words: [verb, city, ...date.words], slots: [slot, place, ...date.slots] })),
  ),
);
const words = requests.map((r) => r.words);
const slots = requests.map((r) => r.slots);

const vocabularies = {
  words: ["<unk>", "<eos>", ...new Set(words.flat())],
  slots: [...new Set(slots.flat())],
};

/** An example's program, trained on the requests. */
async function trained(name: string, steps = 300): Promise<Model> {
  const model = await load(await compileModel(sourceOf(name), { vocabularies }));
  const trainer = model.trainer({ seed: 1, settings: { rate: 1e-2 } });
  const batch = trainer.batch({ words, slots });
  for (let step = 0; step < steps; step++) trainer.step(batch);
  return model;
}

const [arrive, leave] = [
  ["arrive", "Taipei"],
  ["leave", "Taipei"],
];

describe.each(["elman", "jordan", "deep", "bidirectional", "slot-filling"])("%s", (name) => {
  test("tells the two contexts apart", async () => {
    const model = await trained(name);
    const found = list(model.predict({ words })["slots"]).map((result) => result.labels());
    expect(found).toEqual(slots);
    const both = list(model.predict({ words: [arrive, leave] })["slots"]);
    expect(both.map((result) => result.labels())).toEqual([
      ["arrival", "destination"],
      ["start", "departure"],
    ]);
  });
});

describe("feed-forward-slots", () => {
  test("gives the same word the same label, to the bit", async () => {
    const model = await trained("feed-forward-slots");
    const [a, b] = list(model.predict({ words: [arrive, leave] })["slots"]);
    const labels = vocabularies.slots.length;
    expect(a!.data.slice(labels)).toEqual(b!.data.slice(labels));
    // It can only know that half of the requests each way name the city.
    const of = (label: string): number => a!.data[labels + vocabularies.slots.indexOf(label)]!;
    expect(of("destination")).toBeCloseTo(0.5, 1);
    expect(of("departure")).toBeCloseTo(0.5, 1);
    const found = list(model.predict({ words })["slots"]).map((result) => result.labels());
    const wrong = found.filter((labels, k) => JSON.stringify(labels) !== JSON.stringify(slots[k]));
    expect(wrong.length).toBeGreaterThanOrEqual(requests.length / 2);
  });
});
