/** Who went where, in sentences, and a question where somebody is now: the first task of bAbI (Weston et al. 2015), made here. */
import { expect, test } from "vitest";
import { random } from "../../src/ir/random.ts";
import { load, type Result } from "../../src/runtime/index.ts";
import { compileModel } from "../runtime/models.ts";
import { sourceOf } from "./example.ts";

const people = ["mary", "john", "daniel", "sandra"];
const places = ["kitchen", "garden", "office", "hallway", "bathroom"];
const vocabulary = ["<unk>", "<eos>", "went", "to", "the", "where", "is", ...people, ...places];

/** Two to eight sentences each; asked is for somebody who went somewhere. */
function questions(count: number, seed: number) {
  const draw = <T>(from: readonly T[], b: number, k: number): T =>
    from[Math.floor(from.length * random("uniform", seed, 0, b, k))]!;
  const asked = Array.from({ length: count }, (_, b) => {
    const moves = Array.from({ length: 2 + draw([0, 1, 2, 3, 4, 5, 6], b, 0) }, (_, s) => ({
      who: draw(people, b, 2 * s + 2),
      where: draw(places, b, 2 * s + 3),
    }));
    const { who } = draw(moves, b, 1);
    return { moves, who, answer: moves.findLast((move) => move.who === who)!.where };
  });
  return {
    story: asked.map(({ moves }) => moves.map(({ who, where }) => [who, "went", "to", "the", where])),
    question: asked.map(({ who }) => ["where", "is", who]),
    answer: asked.map(({ answer }) => answer),
  };
}

test("reading learns where everybody is", { timeout: 60_000 }, async () => {
  const options = { vocabularies: { story: vocabulary } };
  const model = await load(await compileModel(sourceOf("reading"), options));
  const trainer = model.trainer({ seed: 1 });
  for (let step = 1; step <= 400; step++) trainer.step(questions(32, step));
  const { story, question, answer } = questions(100, 0);
  const right = story.filter((sentences, k) => {
    const given = model.predict({ story: sentences, question: question[k]! })["answer"] as Result;
    return given.labels() === answer[k];
  });
  expect(right.length).toBeGreaterThan(95);
});
