/** Each `<unk>` of an answer becomes the word of the source that was looked at most. */
import { describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { makeEntries } from "../../src/compile/entries.ts";
import { type Decoded, load, type Model, type Result } from "../../src/runtime/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/runtime/safetensors.ts";
import { compileModel, list, loadTrained } from "./models.ts";

const special = ["<unk>", "<eos>"];
const words = [...special, ..."abcdefgh"];
const vocabularies = { source: words, reply: [...special, ..."xyz"] };
const replies = (found: Readonly<Record<string, Result | readonly Result[]>>): readonly Decoded[] =>
  list(found["reply"]) as readonly Decoded[];

/** A model that answers with nothing but `<unk>`, if it is sure enough. */
async function unknowing(program: string, sure = 100): Promise<Model> {
  const model = await loadTrained(await compileModel(program, { vocabularies }));
  const { tensors, metadata } = readSafetensors(model.weights());
  const own = tensors.get("softmax.b")!;
  const bias = { ...own, data: Float32Array.from(own.data, (_, k) => (k === 0 ? sure : 0)) };
  model.loadWeights(writeSafetensors({ tensors: new Map([...tensors, ["softmax.b", bias]]), metadata }));
  return model;
}

const sources = [["a", "b", "never", "d"], ["seen"], ["f", "a", "c", "word", "e"]];

describe.each([
  ["as it is", "", false],
  ["turned around", " >> reverse", true],
])("a source %s", (_, reverse, isTurned) => {
  const look = `
    let memory = source${reverse} >> embed(6) >> gru(5) >> bidir
    let h = prev(reply) >> embed(4) >> gru(10)
    output looked = softmax(s: 4 * dot(h, memory[s]))
    concat(h, sum(s: looked[s] * memory[s])) >> softmax(reply)`;
  const program = `input source : token[S]\ntarget reply : token[L]${look}`;

  test("the place is that of the largest share", async () => {
    const model = await unknowing(program);
    const answers = replies(model.predict({ source: sources }, { greedy: true, max: 5, replaceUnk: true }));
    const plain = replies(model.predict({ source: sources }, { greedy: true, max: 5 }));
    const { looked } = model.predict(
      { source: sources, reply: plain.map(({ data }) => [...data]) },
      { forced: true },
    );
    const isByStep = model.metadata.outputs.find(({ name }) => name === "looked")!.axes[0]!.name === "L";
    const seen = new Set<string>();
    answers.forEach((answer, k) => {
      expect(plain[k]!.labels()).toEqual(Array(5).fill("<unk>"));
      const shares = list(looked)[k]!.nested() as readonly (readonly number[])[];
      const at = (t: number): readonly number[] => (isByStep ? shares[t]! : shares.map((row) => row[t]!));
      const expected = Array.from({ length: 5 }, (_, t) => {
        const place = at(t).indexOf(Math.max(...at(t)));
        return sources[k]![isTurned ? sources[k]!.length - 1 - place : place]!;
      });
      expect(answer.labels()).toEqual(expected);
      expect(answer.text()).toBe(expected.join(" "));
      expected.forEach((word) => seen.add(word));
    });
    expect(seen.size).toBeGreaterThan(3);
  });

  test("a table says another word", async () => {
    const model = await unknowing(program);
    const options = { greedy: true, max: 3 };
    const [own] = replies(model.predict({ source: [["seen"]] }, { ...options, replaceUnk: true }));
    expect(own!.text()).toBe("seen seen seen");
    const table = new Map([["seen", "vu"]]);
    const [other] = replies(model.predict({ source: [["seen"]] }, { ...options, replaceUnk: table }));
    expect(other!.text()).toBe("vu vu vu");
    expect([...other!.data]).toEqual([0, 0, 0]);
  });

  test("of a beam all answers", async () => {
    const model = await unknowing(program, 3);
    const options = { beam: 3, max: 2 };
    const [plain] = replies(model.predict({ source: [["seen"]] }, options));
    const [found] = replies(model.predict({ source: [["seen"]] }, { ...options, replaceUnk: true }));
    const texts = (decoded: Decoded): string[] => decoded.best.map((answer) => answer.text());
    expect(new Set(texts(plain!)).size).toBe(3);
    expect(texts(plain!).join(" ")).toContain("<unk>");
    expect(texts(found!)).toEqual(texts(plain!).map((text) => text.replaceAll("<unk>", "seen")));
  });
});

test("a dictionary learned word by word leaves those alone that it does not know", async () => {
  // Read from the end, which is where the answer begins.
  const program = `input source : token[S]\ntarget reply : token[L]
    let memory = source >> reverse >> embed(16)
    prev(reply) >> embed(16) >> gru(32, feed = attention(luong, location, over = memory, max = 8)) >> softmax(reply)`;
  const known = ["one", "two", "three", "four", "five", "six"];
  const numbers = ["eins", "zwei", "drei", "vier", "fünf", "sechs"];
  const model = await load(
    await compileModel(program, {
      vocabularies: { source: [...special, ...known], reply: [...special, ...numbers] },
    }),
  );
  const sentences = Array.from({ length: 60 }, (_, k) =>
    Array.from({ length: 2 + (k % 4) }, (_, t) => (k * 5 + t * t * 3 + t * (k % 7)) % 8),
  );
  const said = (entries: readonly string[], name: string, of: readonly number[]): string[] =>
    of.map((k) => entries[k] ?? name);
  const asked = (name: string) => ({
    source: sentences.map((of) => said(known, name, of)),
    reply: sentences.map((of) => said(numbers, name, of).reverse()),
  });
  const trainer = model.trainer({ seed: 1, settings: { rate: 1e-2 } });
  const batch = trainer.batch(asked("never"));
  for (let step = 0; step < 150; step++) trainer.step(batch);
  const { source, reply } = asked("zoe");
  const answers = replies(model.predict({ source }, { replaceUnk: true }));
  const right = answers.filter((answer, k) => answer.text() === reply[k]!.join(" "));
  expect(reply.filter((of) => of.includes("zoe")).length).toBeGreaterThan(30);
  expect(right.length).toBeGreaterThanOrEqual(57);
});

test("where nothing looks at the source, that is said", async () => {
  const model = await unknowing(`input source : token[S]\ntarget reply : token[L]
    let memory = source >> embed(6) >> gru(5)
    prev(reply) >> embed(4) >> gru(5, init = final(memory)) >> softmax(reply)`);
  expect(() => model.predict({ source: ["a"] }, { replaceUnk: true })).toThrow(
    "`reply` attends to no words of an input",
  );
});

describe("which sum is an attention", () => {
  const attended = (program: string): string | null => {
    const { model } = check(program, "a.rnn", { vocabularies });
    return makeEntries(model!).generator?.attended?.source ?? null;
  };
  const decoder = (memory: string, stage: string): string => `input source : token[S]\ntarget reply : token[L]
    let memory = ${memory}
    prev(reply) >> embed(4) >> ${stage} >> softmax(reply)`;
  const both = "source >> embed(6) >> lstm(5) >> bidir";

  test.each([
    [both, "gru(4) >> attention(luong, general, over = memory)"],
    [both, "gru(4) >> attention(bahdanau, over = memory)"],
    [both, "lstm(4, init = memory, feed = attention(luong, concat, over = memory))"],
    [both, "gru(4) >> attention(luong, general, over = memory, window = predictive(2))"],
    [`${both} >> stack(2)`, "gru(4) >> attention(luong, general, over = memory, window = monotonic(2))"],
    [
      "source >> reverse >> embed(6) >> gru(5) >> reverse",
      "gru(4, feed = attention(luong, general, over = memory))",
    ],
  ])("%s, %s", (memory, stage) => expect(attended(decoder(memory, stage))).toBe("source"));

  test.each([
    // Both ways round at once.
    [
      "concat(source >> embed(3), source >> reverse >> embed(3))",
      "gru(4) >> attention(bahdanau, over = memory)",
    ],
    // Not place by place.
    ["source >> embed(6) >> conv(4, 2, stride = 2)", "gru(4) >> attention(bahdanau, over = memory)"],
    ["source >> embed(6) >> mean", "gru(4, init = memory)"],
  ])("not %s, %s", (memory, stage) => expect(attended(decoder(memory, stage))).toBeNull());
});
