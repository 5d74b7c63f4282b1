/** The examples about whole sentences learn what tests make: trees of a small grammar, and words that depend on one another. */
import { expect, test } from "vitest";
import { checkGradients, gradientLimits } from "../../src/compile/check-gradients.ts";
import { random } from "../../src/ir/random.ts";
import { type Decoded, load } from "../../src/runtime/index.ts";
import { compileModel, list } from "../runtime/models.ts";
import { sourceOf } from "./example.ts";

const special = ["<unk>", "<eos>"];

/** Whole numbers below one that is given, one after another. */
function draws(seed: number): (below: number) => number {
  let k = 0;
  return (below) => Math.floor(below * random("uniform", seed, 8, 0, k++));
}

interface Parsed {
  readonly words: readonly string[];
  readonly tree: readonly string[];
}

const phrase = (label: string, ...parts: readonly Parsed[]): Parsed => ({
  words: parts.flatMap(({ words }) => words),
  tree: [`(${label}`, ...parts.flatMap(({ tree }) => tree), `)${label}`],
});

const lexicon = {
  DT: ["the", "a"],
  NN: ["cat", "dog", "park", "telescope"],
  VB: ["saw", "liked"],
  IN: ["in", "with"],
};

/** A sentence of a grammar whose noun phrases hold others. */
function sentence(draw: (below: number) => number): Parsed {
  const word = (tag: keyof typeof lexicon): Parsed => ({
    words: [lexicon[tag][draw(lexicon[tag].length)]!],
    tree: [tag],
  });
  const noun = (depth: number): Parsed => {
    const plain = phrase("NP", word("DT"), word("NN"));
    return depth > 0 && draw(2) === 0
      ? phrase("NP", plain, phrase("PP", word("IN"), noun(depth - 1)))
      : plain;
  };
  return phrase("S", noun(1), phrase("VP", word("VB"), noun(1)));
}

test("parse-trees writes the trees of sentences that it has never seen", async () => {
  const draw = draws(1);
  const all = Array.from({ length: 260 }, () => sentence(draw));
  const [seen, unseen] = [all.slice(0, 220), all.slice(220)];
  const known = new Set(seen.map(({ words }) => words.join(" ")));
  const tested = unseen.filter(({ words }) => !known.has(words.join(" ")));
  const vocabularies = {
    sentence: [...special, ...new Set(all.flatMap(({ words }) => words))],
    tree: [...special, ...new Set(all.flatMap(({ tree }) => tree))],
  };
  const model = await load(await compileModel(sourceOf("parse-trees"), { vocabularies }));
  const trainer = model.trainer({ seed: 1, settings: { rate: 5e-3 } });
  const batches = Array.from({ length: 7 }, (_, k) => {
    const some = seen.slice(30 * k, 30 * (k + 1));
    return trainer.batch({ sentence: some.map(({ words }) => words), tree: some.map(({ tree }) => tree) });
  });
  for (let step = 0; step < 70; step++) trainer.step(batches[step % 7]!);
  const found = model.predict({ sentence: tested.map(({ words }) => words) })["tree"] as readonly Decoded[];
  const right = found.filter((answer, k) => answer.text() === tested[k]!.tree.join(" "));
  expect(right.length).toBeGreaterThanOrEqual(0.9 * tested.length);
});

test("multi-head finds two things at once, wherever they stand", async () => {
  const [who, many, rest] = [
    ["he", "she"],
    ["one", "many"],
    ["and", "then", "again", "there"],
  ];
  const words = [who, many, rest].flat();
  const draw = draws(2);
  const made = Array.from({ length: 260 }, () => {
    const sentence = Array.from({ length: 5 + draw(5) }, () => rest[draw(rest.length)]!);
    const [a, b] = [draw(sentence.length), draw(sentence.length - 1)];
    const [person, number] = [who[draw(2)]!, many[draw(2)]!];
    sentence[a] = person;
    sentence[b < a ? b : b + 1] = number;
    return { sentence, tags: sentence.map(() => `${person} ${number}`) };
  });
  const vocabularies = {
    words: [...special, ...words],
    tags: who.flatMap((a) => many.map((b) => `${a} ${b}`)),
  };
  const model = await load(await compileModel(sourceOf("multi-head"), { vocabularies }));
  const trainer = model.trainer({ seed: 1, settings: { rate: 5e-3 } });
  const keep = (some: typeof made) => ({
    words: some.map(({ sentence }) => sentence),
    tags: some.map(({ tags }) => tags),
  });
  const batches = Array.from({ length: 5 }, (_, k) => trainer.batch(keep(made.slice(40 * k, 40 * (k + 1)))));
  for (let step = 0; step < 100; step++) trainer.step(batches[step % 5]!);
  const tested = keep(made.slice(200));
  const found = list(model.predict({ words: tested.words })["tags"]).flatMap(({ data, shape: [steps] }) =>
    Array.from({ length: steps! }, (_, t) => {
      const shares = [...data.subarray(4 * t, 4 * t + 4)];
      return vocabularies.tags[shares.indexOf(Math.max(...shares))];
    }),
  );
  const wanted = tested.tags.flat();
  expect(found.filter((tag, k) => tag === wanted[k]).length).toBeGreaterThan(0.95 * wanted.length);
});

test("the gradients of multi-head are right", async () => {
  const source = sourceOf("multi-head").replaceAll("32", "6").replace("multi_head(4, 8)", "multi_head(3, 2)");
  const rows = await checkGradients(source.replace("batch 6", "batch 32"), "multi-head.rnn");
  for (const { parameter, differences, module } of rows!) {
    expect(differences, parameter).toBeLessThan(gradientLimits.differences);
    expect(module, parameter).toBeLessThan(gradientLimits.module);
  }
});
