import { describe, expect, test } from "vitest";
import { classifier, folderWith, isFault, language, rnnc } from "./cli.ts";

const tagger = `input x : f32[T, 5]
input y : f32[L, 3]
output z = x >> lstm(8) >> bidir
output w = y >> gru(8)
`;
const gate = "input x : f32[4]\noutput y = x >> dense(3)\n";
const cwd = folderWith({ "lm.rnn": language, "c.rnn": classifier, "t.rnn": tagger, "gate.rnn": gate });

interface Result {
  readonly batch: number;
  readonly lengths: Record<string, number>;
  readonly vocabularies: Record<string, number>;
  readonly parameters: number;
  readonly results: readonly {
    readonly name: string;
    readonly examples: number;
    readonly median: number;
    readonly least: number;
    readonly most: number;
  }[];
}

async function measured(...args: string[]): Promise<Result> {
  const ran = await rnnc(["bench", ...args, "--json"], { cwd });
  expect(ran.err).toBe("");
  expect(ran.code).toBe(0);
  return JSON.parse(ran.out) as Result;
}

describe("bench", () => {
  test("times predictions, steps and training steps, at the program's own sizes", async () => {
    const { batch, lengths, vocabularies, parameters, results } = await measured(
      "lm.rnn",
      "--vocab",
      "text=30",
    );
    expect({ batch, lengths, vocabularies }).toEqual({
      batch: 4,
      lengths: { T: 8 },
      vocabularies: { text: 30 },
    });
    // A table of 30 × 8; four gates from 8 and 12 with a bias; a map to 30.
    expect(parameters).toBe(30 * 8 + 4 * 12 * (8 + 12 + 1) + 30 * (12 + 1));
    expect(results.map(({ name, examples }) => [name, examples])).toEqual([
      ["predict", 4],
      ["step", 1],
      ["train", 4],
    ]);
    for (const { least, median, most } of results) {
      expect(least).toBeGreaterThan(0);
      expect(median).toBeGreaterThanOrEqual(least);
      expect(most).toBeGreaterThanOrEqual(median);
    }
  });

  test("longer sequences and larger batches take longer", async () => {
    const [small, large] = [
      await measured("c.rnn", "--batch", "2", "--length", "10"),
      await measured("c.rnn", "--batch", "16", "--length", "100"),
    ];
    expect(large).toMatchObject({ batch: 16, lengths: { T: 100 } });
    const time = ({ results }: Result, name: string) => results.find((r) => r.name === name)!.median;
    // 80 times the work; a busy machine may blur it.
    for (const name of ["predict", "train"]) expect(time(large, name)).toBeGreaterThan(5 * time(small, name));
  });

  test("lengths by the name of their axis; what a model has not is not timed", async () => {
    const { lengths, results } = await measured("t.rnn", "--length", "6", "--length", "L=9");
    expect(lengths).toEqual({ T: 6, L: 9 });
    expect(results.map(({ name }) => name)).toEqual(["predict"]);
    const { out } = await rnnc(["bench", "t.rnn"], { cwd });
    expect(out).toMatch(/\bT = 50\b/u);
    expect(out).toMatch(/\bL = 50\b/u);
    expect(out).toContain("no single steps: `bidir` reads the whole sequence");
    expect((await measured("gate.rnn")).lengths).toEqual({});
  });

  test("says which vocabularies are assumed", async () => {
    const { out } = await rnnc(["bench", "c.rnn", "--vocab", "words=100"], { cwd });
    expect(out).toContain("|words| = 100");
    expect(out).toContain("`--vocab label=N` says how many entries it has");
    expect(out).not.toContain("--vocab words=N");
  });

  test("mistakes", async () => {
    const axis = await rnnc(["bench", "c.rnn", "--length", "S=3"], { cwd });
    expect(axis).toMatchObject({ code: 2, out: "" });
    expect(axis.err).toContain("no sequences along `S`");
    expect(axis.err).toContain("It has `T`.");
    const batch = await rnnc(["bench", "c.rnn", "--length", "B=3"], { cwd });
    expect(batch.code).toBe(2);
    expect(batch.err).toContain("give `--batch`");
    const large = await rnnc(["bench", "c.rnn", "--length", "10000", "--batch", "1000"], { cwd });
    expect(large.code).toBe(1);
    expect(large.err).toContain("there is no memory for B = 1000, T = 10000");
    const none = await rnnc(["bench", "nothing.rnn"], { cwd });
    expect(none.code).toBe(1);
    for (const ran of [axis, batch, large, none]) expect(isFault(ran)).toBe(false);
  });
});
