/** The examples about speech compute what their equations say, and learn speech that the tests make (`spoken.ts`). */
import { describe, expect, test } from "vitest";
import { type Decoded, load } from "../../src/runtime/index.ts";
import { expectClose } from "../language/compare.ts";
import { evaluator } from "../language/evaluator.ts";
import { moduleOf } from "../language/module.ts";
import { drawData, drawParameters } from "../language/program.ts";
import { compileModel, list } from "../runtime/models.ts";
import { example, sourceOf } from "./example.ts";
import { both, gru, gruStep } from "./recurrent.ts";
import { add, affine, softmax, unrollBack, type Vector, weights, zeros } from "./reference.ts";
import { speak } from "./spoken.ts";

const runners = ["evaluator", "module"];
const dot = (a: Vector, b: Vector): number => a.reduce((sum, x, k) => sum + x * b[k]!, 0);
const cosine = (a: Vector, b: Vector): number => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
const distance = (a: Vector, b: Vector): number => Math.hypot(...a.map((x, k) => x - b[k]!));
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

// ---- equations ------------------------------------------------------------------------------------------------------

describe.each(runners)("in the %s", (kind) => {
  const bound = kind === "module" ? 1e-5 : 1e-12;
  const runnerOf = async (made: ReturnType<typeof example>) =>
    kind === "module" ? await moduleOf(made) : evaluator(made);

  test("autoencoder-speech", async () => {
    const made = example("autoencoder-speech");
    const data = drawData(made, { T: [5, 1, 3] }, 4);
    const parameters = drawParameters(made, 7, 0.15);
    const w = weights(parameters);
    const { outputs } = (await runnerOf(made)).predict({ data, parameters });
    data["audio"]!.forEach((frames, b) => {
      const code = gru("code.gru", "after")(w, frames as readonly Vector[]).at(-1)!;
      expectClose(outputs.get("code")![b]!, code, bound, 0.1);
      let [h, told]: [Vector, Vector] = [affine(w, "gru.init.h", { "": code }), zeros(13)];
      const expected = (frames as readonly Vector[]).flatMap(() => {
        h = gruStep(w, "gru", "after", told, h);
        return (told = affine(w, "regress", { "": h }));
      });
      expectClose(outputs.get("audio")![b]!, expected, bound, 0.1);
    });
  });

  test("speech-question", async () => {
    const made = example("speech-question");
    const lengths = { T: [6, 1, 3], Q: [2, 4, 1], W: [3, 1, 2] };
    const data = drawData(made, lengths, 4);
    const parameters = drawParameters(made, 7, 0.3);
    const w = weights(parameters);
    const read = both(gru("read.forward.gru", "after"), gru("read.backward.gru", "after", unrollBack));
    const words = (ids: unknown): readonly Vector[] =>
      read(
        w,
        (ids as readonly number[]).map((id) => w("read.embed.E").slice(32 * id, 32 * id + 32)),
      );
    const ends = (states: readonly Vector[]): Vector => [
      ...states.at(-1)!.slice(0, 32),
      ...states[0]!.slice(32),
    ];
    const { outputs } = (await runnerOf(made)).predict({ data, parameters });
    data["story"]!.forEach((story, b) => {
      const memory = words(story);
      let u = ends(words(data["question"]![b]));
      for (let hop = 0; hop < 2; hop++) {
        const a = softmax(memory.map((m) => 5 * cosine(u, m)));
        u = add(u, ...memory.map((m, s) => m.map((x) => a[s]! * x)));
      }
      const options = (data["options"]![b] as readonly unknown[]).map((option) => ends(words(option)));
      const expected = softmax(options.map((o) => 10 * cosine(u, o)));
      expectClose(outputs.get("answer")![b]!, expected, bound, 0.1);
    });
  });
});

// ---- learning -------------------------------------------------------------------------------------------------------

test("autoencoder-speech puts segments of one word near each other", async () => {
  const words = ["abc", "abd", "ecb", "fga", "hbg", "dhe", "cfh", "gdc"];
  const speakAll = (from: number, voices: number) =>
    Array.from({ length: voices }, (_, voice) =>
      words.map((word, k) => ({ word, frames: speak(word, from + 100 * voice + k, 0.5) })),
    ).flat();
  const [spoken, heard] = [speakAll(0, 20), speakAll(5000, 8)];
  const model = await load(await compileModel(sourceOf("autoencoder-speech")));
  const trainer = model.trainer({ seed: 1, settings: { rate: 5e-3 } });
  const batch = trainer.batch({ audio: spoken.map(({ frames }) => frames) });

  const segments = heard.map(({ frames }) => frames);
  const codesOf = () => list(model.predict({ audio: segments })["code"]).map(({ data }) => [...data]);
  /** Of how many segments the nearest other one is the same word. */
  const sameNearest = (codes: readonly Vector[]): number =>
    codes.filter((code, k) => {
      const away = codes.map((other, j) => (j === k ? Infinity : distance(code, other)));
      return heard[away.indexOf(Math.min(...away))]!.word === heard[k]!.word;
    }).length;
  const before = sameNearest(codesOf());
  for (let step = 0; step < 200; step++) trainer.step(batch);
  const codes = codesOf();
  // One in nine would be right by chance.
  expect(sameNearest(codes)).toBeGreaterThanOrEqual(54);
  expect(sameNearest(codes)).toBeGreaterThan(before + 8);

  // Words that share two sounds lie nearer than such as share none.
  const between = (a: string, b: string): number =>
    mean(
      heard.flatMap((x, i) =>
        heard.flatMap((y, j) => (x.word === a && y.word === b ? [distance(codes[i]!, codes[j]!)] : [])),
      ),
    );
  expect(between("abc", "abc")).toBeLessThan(between("abc", "abd"));
  expect(between("abc", "abd")).toBeLessThan(0.9 * between("abc", "dhe"));
});

test("speech-translate learns words of another language, in another order", async () => {
  const nouns = { abd: "house", cge: "dog", fhb: "tree" };
  const kinds = { dag: "red", ehc: "small", bfe: "old" };
  const pairs = Object.entries(nouns).flatMap(([noun, n]) => [
    { said: noun, words: ["the", n] },
    ...Object.entries(kinds).map(([kind, k]) => ({ said: noun + kind, words: ["the", k, n] })),
  ]);
  const vocabulary = ["<unk>", "<eos>", "the", ...Object.values(nouns), ...Object.values(kinds)];
  const model = await load(
    await compileModel(sourceOf("speech-translate"), { vocabularies: { words: vocabulary } }),
  );
  const trainer = model.trainer({ seed: 1, settings: { rate: 5e-3 } });
  const drawn = (voice: number) => ({
    audio: pairs.map(({ said }, k) => speak(said, 100 * voice + k)),
    words: pairs.map(({ words }) => words),
  });
  const batches = Array.from({ length: 8 }, (_, voice) => trainer.batch(drawn(voice)));
  for (let step = 0; step < 160; step++) trainer.step(batches[step % 8]!);
  const unheard = drawn(99);
  const found = model.predict({ audio: unheard.audio })["words"] as readonly Decoded[];
  const right = found.filter((answer, k) => answer.text() === unheard.words[k]!.join(" "));
  expect(right.length).toBeGreaterThanOrEqual(11);
});

test("speech-question finds what is asked in the story, and the option that says it", async () => {
  const people = ["anna", "ben", "carl", "dora"];
  const places = ["garden", "kitchen", "school", "station", "park", "office"];
  const draw = (seed: number, below: number): number => (seed * 7919 + (seed >> 3) * 104729) % below;
  const made = Array.from({ length: 240 }, (_, k) => {
    const who = [0, 1, 2].map((j) => people[(draw(k, 4) + j) % 4]!);
    const where = [0, 1, 2, 3].map((j) => places[(draw(k + 11, 6) + (1 + (k % 2)) * j + (k % 3)) % 6]!);
    const distinct = [...new Set([...where, ...places])];
    const asked = k % 3;
    const answer = (k >> 2) % 4;
    const others = distinct.filter((place) => place !== distinct[asked]).slice(0, 3);
    const options = [...others.slice(0, answer), distinct[asked]!, ...others.slice(answer)];
    return {
      story: who.flatMap((name, j) => [name, "went", "to", "the", distinct[j]!]),
      question: ["where", "did", who[asked]!, "go"],
      options: options.map((place) => ["the", place]),
      answer,
    };
  });
  const words = ["<unk>", "<eos>", "went", "to", "the", "where", "did", "go", ...people, ...places];
  const model = await load(
    await compileModel(sourceOf("speech-question"), { vocabularies: { story: words } }),
  );
  const trainer = model.trainer({ seed: 1, settings: { rate: 5e-3 } });
  const keep = (some: typeof made) => ({
    story: some.map(({ story }) => story),
    question: some.map(({ question }) => question),
    options: some.map(({ options }) => options),
    answer: some.map(({ answer }) => answer),
  });
  const batches = [0, 40, 80, 120, 160].map((from) => trainer.batch(keep(made.slice(from, from + 40))));
  for (let step = 0; step < 100; step++) trainer.step(batches[step % 5]!);
  const { answer: wanted, ...tested } = keep(made.slice(200));
  const right = list(model.predict(tested)["answer"]).filter(
    ({ data }, k) => [...data].indexOf(Math.max(...data)) === wanted[k],
  );
  expect(right.length).toBeGreaterThanOrEqual(36);
});
