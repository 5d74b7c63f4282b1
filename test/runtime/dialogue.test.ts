/** Answers of a model with `stateful` layers: what was said before is remembered, until it is reset. */
import { describe, expect, test } from "vitest";
import type { Decoded, Model, Result } from "../../src/runtime/index.ts";
import { expectClose } from "../language/compare.ts";
import { compileModel, list, loadTrained } from "./models.ts";

const listening = (stateful: string): string => `input said : token(6)[S]\ntarget reply : token(6)[L]
  let memory = said >> embed(4) >> gru(5${stateful})
  prev(reply) >> embed(4) >> gru(5, init = final(memory)) >> softmax(reply)
  decode { greedy(max = 4) }`;
const speaking = `input said : token(6)[S]\ntarget reply : token(6)[L]
  let heard = said >> embed(4) >> gru(5) >> last
  concat(prev(reply) >> embed(4), heard) >> lstm(5, stateful) >> softmax(reply)
  decode { greedy(max = 4) }`;

const modelOf = async (program: string): Promise<Model> => loadTrained(await compileModel(program));
const answers = (model: Model, said: readonly number[][], options = {}): readonly Decoded[] =>
  list(model.predict({ said }, options)["reply"]) as readonly Decoded[];
const shown = (decoded: readonly Decoded[]) => decoded.map(({ data, score }) => [[...data], score]);

const turns = [
  [[1, 2, 3], [5]],
  [[4], [2, 0]],
  [
    [0, 3],
    [1, 1, 1],
  ],
];

describe.each([{}, { beam: 3 }, { samples: 2, seed: 4 }])("with %o", (options) => {
  test("an encoder goes on from what it heard before", async () => {
    const [model, plain] = [await modelOf(listening(", stateful")), await modelOf(listening(""))];
    for (let time = 0; time < 2; time++) {
      const so: number[][] = [[], []];
      for (const turn of turns) {
        turn.forEach((said, b) => so[b]!.push(...said));
        expect(shown(answers(model, turn, options))).toEqual(shown(answers(plain, so, options)));
      }
      model.reset();
    }
  });

  test("a decoder goes on from what it said", async () => {
    const [model, forced] = [await modelOf(speaking), await modelOf(speaking)];
    const rest = await modelOf(speaking.replace(", stateful", ""));
    const probabilities = (of: Model, said: readonly number[][], reply: readonly number[][]) =>
      (list(of.predict({ said, reply })["reply"]) as readonly Result[]).map(({ data }) => [...data]);
    let differs = false;
    for (const turn of turns) {
      const chosen = answers(model, turn, options);
      const found = chosen.map(({ data }) => [...data]);
      // What is given is remembered in the same way as what is chosen, and its probability is that of the choices.
      const known = probabilities(forced, turn, found);
      const logs = found.map((ids, b) =>
        ids.reduce((sum, id, t) => sum + Math.log(known[b]![6 * t + id]!), 0),
      );
      expectClose(
        logs,
        chosen.map(({ logProbability }) => logProbability),
        1e-5,
      );
      const alone = probabilities(rest, turn, found).flat();
      differs ||= known.flat().some((p, k) => Math.abs(p - alone[k]!) > 1e-3);
    }
    expect(differs).toBe(true);
  });
});

test("another number of speakers starts anew", async () => {
  const model = await modelOf(listening(", stateful"));
  const fresh = shown(answers(model, [[1, 2]]));
  answers(model, [[3], [4]]);
  expect(shown(answers(model, [[1, 2]]))).toEqual(fresh);
});
