/**
 * Every example, as it stands: it compiles without a remark, its gradients are right, and a few steps on made data
 * lower its loss.
 */
import { describe, expect, test } from "vitest";
import { check } from "../../src/compile/check.ts";
import { checkGradients, gradientLimits } from "../../src/compile/check-gradients.ts";
import { format } from "../../src/parser/print.ts";
import { load } from "../../src/runtime/index.ts";
import { drawData } from "../language/program.ts";
import { compileModel } from "../runtime/models.ts";
import { example, examples, sourceOf } from "./example.ts";

const steps = 12;

/** A difference across the kink of a rectifier is no slope; with these data none is met. */
const seeds: Readonly<Record<string, number>> = { indrnn: 3, irnn: 3 };

/** Large, and of parts that others have too: their gradients would take long and tell nothing new. */
const large: ReadonlySet<string> = new Set([
  "charlm",
  "slot-filling",
  "named-entities",
  "tagger",
  "tagger-crf",
  "speech",
  "speech-trimming",
  "translate",
  "speech-translate",
  "parse-trees",
  "chatbot",
  "autoencoder-text",
  "tagger-feedback",
  "ntm",
  "reading",
  "autoencoder-hierarchical",
  "one-line",
  "copynet",
  "autoencoder-image",
  "caption",
  "visual-question",
  "one-to-many",
]);

describe.each(examples)("%s", (name) => {
  const source = sourceOf(name);

  test("says nothing to mend", () => {
    expect(check(source, `${name}.rnn`, { assume: true }).diagnostics).toEqual([]);
    expect(source).toMatch(/^# /u);
    expect(source.split("\n").every((line) => line.length <= 125)).toBe(true);
    const cells = [...source.matchAll(/^cell [^]*?^\}/gmu)].map(([cell]) => cell.split("\n").length);
    expect(Math.max(0, ...cells)).toBeLessThanOrEqual(12);
  });

  // A perceptron's is 0 before it has learned anything: all paths score alike. Of two nets against each other one's grows.
  test.skipIf(name === "perceptron" || name === "gan")("its loss falls", async () => {
    const made = example(name);
    const model = await load(await compileModel(source, made.options));
    const trainer = model.trainer({ seed: 1 });
    const lengths = {
      T: [16, 9, 13, 16],
      L: [5, 2, 4, 1],
      S: [3, 6, 1, 4],
      W: [4, 1, 3, 5],
      Q: [2, 3, 2, 1],
      "words.trigrams": [5, 3, 1, 7],
    };
    const drawn = drawData(made, lengths, 6);
    const given = Object.entries(drawn).filter(([data]) => !data.includes("."));
    const batch = trainer.batch(Object.fromEntries(given));
    const before = trainer.evaluate(batch).loss;
    for (let step = 0; step < steps; step++) expect(trainer.step(batch).skipped).toBe(false);
    expect(trainer.evaluate(batch).loss).toBeLessThan(before);
  });

  test.skipIf(large.has(name))("its gradients are right", async () => {
    const rows = await checkGradients(source, `${name}.rnn`, { elements: 1, seed: seeds[name] ?? 1 });
    for (const row of rows!) {
      expect(row.norm, row.parameter).toBeGreaterThan(0);
      expect(row.differences, row.parameter).toBeLessThan(gradientLimits.differences);
      expect(row.module, row.parameter).toBeLessThan(gradientLimits.module);
    }
  });
});

test("the layout of the examples is that of fmt", () => {
  // These two are aligned by hand, as the README shows them.
  const ours = examples.filter((name) => name !== "charlm" && name !== "tagger");
  expect(ours.filter((name) => format(sourceOf(name), name).text !== sourceOf(name))).toEqual([]);
});
