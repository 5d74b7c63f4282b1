/** Every example computes what its equations say, written a second time in plain loops (`networks.ts`). */
import { describe, expect, test } from "vitest";
import { expectClose } from "../language/compare.ts";
import { evaluator } from "../language/evaluator.ts";
import { moduleOf } from "../language/module.ts";
import { drawData, drawParameters, program } from "../language/program.ts";
import { answering } from "./answering.ts";
import { example, examples } from "./example.ts";
import { labelled } from "./labelled.ts";
import { networks } from "./networks.ts";
import { affine, sigmoid, softmax, tanh, unroll, weights, zeros, type Vector } from "./reference.ts";

const lengths = { T: [6, 1, 4] };

test("every example has its equations here", () => {
  // The one unit of `exploding` has its closed form in its own test, and hashed words have theirs; so have sequences of
  // labels, and answers.
  const remembering = ["ntm", "reading", "autoencoder-hierarchical", "copynet"];
  const others = [
    "exploding",
    "word-hashing",
    ...remembering,
    ...Object.keys(labelled),
    ...Object.keys(answering),
  ];
  // A line that `speech` and `translate` have the parts of.
  others.push("one-line");
  others.push("autoencoder-speech", "speech-question");
  others.push("autoencoder-image", "vae", "gan", "caption", "visual-question", "one-to-many");
  expect([...Object.keys(networks), ...others].sort()).toEqual([...examples].sort());
});

describe.each(Object.keys(networks))("%s", (name) => {
  const made = example(name);
  const data = drawData(made, lengths, 4);
  const parameters = drawParameters(made, 7, 0.15);
  const w = weights(parameters);
  const [input] = made.model.data.filter(({ role }) => role === "input");
  const [result] = made.model.results;

  /** The looked up vectors, or the frames themselves. */
  const vectors = (given: readonly (number | Vector)[]): readonly Vector[] => {
    const table = [...parameters.keys()].find((key) => key.endsWith("embed.E"));
    if (table === undefined) return given as readonly Vector[];
    const size = w(table).length / input!.vocabulary!.size;
    return given.map((id) => w(table).slice((id as number) * size, ((id as number) + 1) * size));
  };

  const answer = (h: Vector): readonly number[] => {
    if (name === "jordan") return h;
    const layer = ["softmax", "sigmoid", "regress"].find((key) => parameters.has(`${key}.W`))!;
    const e = affine(w, layer, { "": h });
    return layer === "softmax" ? softmax(e) : layer === "sigmoid" ? sigmoid(e) : e;
  };

  test.each(["evaluator", "module"])("in the %s", async (kind) => {
    const runner = kind === "module" ? await moduleOf(made) : evaluator(made);
    const { outputs } = runner.predict({ data, parameters });
    data[input!.name]!.forEach((given, b) => {
      const hidden = networks[name]!(w, vectors(given as readonly (number | Vector)[]));
      const expected = hidden.flatMap((h) => answer(h));
      expectClose(outputs.get(result!.name)![b]!, expected, kind === "module" ? 1e-5 : 1e-12, 0.1);
    });
  });
});

test("the library's jordan feeds back an output of any size", async () => {
  const made = program(`input x : f32[T, 2]  target y : f32[T, 3]
    x >> jordan(5, 3) >> regress(y, project = none)`);
  const data = drawData(made, lengths, 2);
  const parameters = drawParameters(made, 2);
  const w = weights(parameters);
  for (const runner of [evaluator(made), await moduleOf(made)]) {
    const { outputs } = runner.predict({ data, parameters });
    data["x"]!.forEach((xs, b) => {
      const ys = unroll(xs as readonly Vector[], zeros(3), (x, y) =>
        sigmoid(affine(w, "jordan.y", { h: tanh(affine(w, "jordan.h", { x, y })) })),
      );
      expectClose(outputs.get("y")![b]!, ys.flat(), runner.name === "module" ? 1e-5 : 1e-12);
    });
  }
});
