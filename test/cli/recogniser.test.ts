/** A recogniser from the command line: trained on what is said without when, it gives texts and is measured by its errors. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderWith, rnnc } from "./cli.ts";

const program = (decode: string): string => `input audio : f32[T, 3]
target text : char[L]
audio >> lstm(24) >> bidir >> ctc(text)
train { optimizer adam(2e-2)  batch 8  epochs 60 }
${decode}`;

const sounds: Readonly<Record<string, readonly number[]>> = { a: [1, 0, 0], b: [0, 1, 0], " ": [0, 0, 1] };
/** Two frames a character, and one of silence. */
const heard = (text: string) => [...text].flatMap((c) => [sounds[c], sounds[c], [0, 0, 0]]);
const texts = ["ab", "ba", "aab", "a b", "bb a", "b", "abba", "ab ab"];
const record = (text: string): string => JSON.stringify({ audio: heard(text), text });

test.each(["", "decode { beam(4) }"])("with %j", async (decode) => {
  const data = `${texts.map(record).join("\n")}\n`;
  const inputs = texts.map((text) => JSON.stringify({ audio: heard(text) })).join("\n");
  const cwd = folderWith({ "r.rnn": program(decode), "r.jsonl": data, "in.jsonl": `${inputs}\n` });
  const trained = await rnnc(["train", "r.rnn", "--data", "r.jsonl", "--validate", "r.jsonl"], { cwd });
  expect(trained.code).toBe(0);
  // The best epoch is judged by its errors.
  expect(trained.err).toContain("character error rate");
  const log = readFileSync(join(cwd, "r", "log.jsonl"), "utf8");
  expect(log).toContain('"measure":"cer"');

  const predicted = await rnnc(["run", "r", "--data", "in.jsonl"], { cwd });
  const found = predicted.out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { text: string });
  expect(found.map(({ text }) => text)).toEqual(texts);

  if (decode !== "") {
    const best = await rnnc(["run", "r", "--data", "in.jsonl", "--best", "--beam", "2"], { cwd });
    const [first] = best.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { text: unknown });
    expect(first!.text).toMatchObject([
      { answer: "ab", times: [expect.any(Number), expect.any(Number)] },
      {},
    ]);
  }

  const measured = await rnnc(["eval", "r", "--data", "r.jsonl", "--json"], { cwd });
  expect(JSON.parse(measured.out)).toMatchObject({ examples: 8, cer: 0, wer: 0, exact: 1 });
});
