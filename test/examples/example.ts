/** The programs of examples/, with vocabularies as small as tests want them. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { program, type Program } from "../language/program.ts";

const folder = fileURLToPath(new URL("../../examples/", import.meta.url));

export const examples: readonly string[] = readdirSync(folder)
  .filter((file) => file.endsWith(".rnn"))
  .map((file) => file.slice(0, -".rnn".length));

export const sourceOf = (name: string): string => readFileSync(`${folder}${name}.rnn`, "utf8");

/** Sizes of the vocabularies that the data would tell. */
const vocabularies = {
  words: 11,
  text: 9,
  slots: 5,
  tags: 4,
  sounds: 4,
  label: 3,
  source: 7,
  reply: 6,
  said: 8,
  story: 9,
  doc: 8,
  caption: 6,
  question: 8,
  answer: 4,
  style: 3,
  sentence: 7,
  tree: 6,
  melody: 9,
};

/** Of data that a program does not declare. */
const implied = { d: 5, y: 4 };

export const example = (name: string): Program => {
  const source = sourceOf(name);
  const declared = Object.entries(vocabularies).filter(([data]) =>
    new RegExp(`^(input|target)\\s+${data} : (token|char|trigrams)(\\[|$)`, "mu").test(source),
  );
  const bare = /^(?:input|target) /mu.test(source) ? {} : implied;
  return program(source, { dims: { ...Object.fromEntries(declared), ...bare } });
};
