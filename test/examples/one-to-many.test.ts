/** One word in, a sequence out: its equations in plain loops, and melodies that it learns by the name of their style. */
import { expect, test } from "vitest";
import { type Decoded, load } from "../../src/runtime/index.ts";
import { expectClose } from "../language/compare.ts";
import { evaluator } from "../language/evaluator.ts";
import { moduleOf } from "../language/module.ts";
import { drawData, drawParameters } from "../language/program.ts";
import { compileModel } from "../runtime/models.ts";
import { example, sourceOf } from "./example.ts";
import { lstmStep, type Memory } from "./recurrent.ts";
import { affine, softmax, type Vector, weights } from "./reference.ts";

test.each([
  ["evaluator", 1e-12],
  ["module", 1e-5],
] as const)("in the %s", async (kind, bound) => {
  const made = example("one-to-many");
  const data = drawData(made, { L: [4, 1, 3] }, 3);
  const parameters = drawParameters(made, 2, 0.2);
  const w = weights(parameters);
  const row = (table: string, id: number, width: number): Vector =>
    w(table).slice(id * width, (id + 1) * width);
  const start = made.model.data.find(({ name }) => name === "melody")!.vocabulary!.size;
  const runner = kind === "module" ? await moduleOf(made) : evaluator(made);
  const found = runner.predict({ data, parameters }).outputs.get("melody")!;
  data["melody"]!.forEach((melody, b) => {
    const mood = row("mood.embed.E", data["style"]![b] as number, 32);
    let state: Memory = {
      h: affine(w, "lstm.init.h", { "": mood }),
      c: affine(w, "lstm.init.c", { "": mood }),
    };
    const expected = [start, ...(melody as number[]).slice(0, -1)].flatMap((note) => {
      state = lstmStep(w, "lstm", row("embed.E", note, 64), state);
      return softmax(affine(w, "softmax", { "": state.h }));
    });
    expectClose(found[b]!, expected, bound, 0.1);
  });
});

test("it plays what is asked for", async () => {
  const tunes = { up: "c d e f g a", down: "a g f e d c", still: "c c c", trill: "e f e f e f e" };
  const words = ["<unk>", "<eos>", ..."cdefga"];
  const vocabularies = { style: Object.keys(tunes), melody: words };
  const model = await load(await compileModel(sourceOf("one-to-many"), { vocabularies }));
  const trainer = model.trainer({ seed: 1 });
  const batch = trainer.batch({
    style: Object.keys(tunes),
    melody: Object.values(tunes).map((tune) => tune.split(" ")),
  });
  for (let step = 0; step < 80; step++) trainer.step(batch);
  for (const [style, tune] of Object.entries(tunes))
    expect((model.predict({ style }, { greedy: true })["melody"] as Decoded).text()).toBe(tune);
});
