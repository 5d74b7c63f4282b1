/**
 * The data of scripts/results.mjs as files that `rnnc train` reads. Each function takes the folder that what others published
 * lies in and a folder for the files it makes, and gives the path of each part by its name: train, valid, test.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { speechFeatures } from "./speech-features.mjs";

const unzipped = (path) => gunzipSync(readFileSync(path)).toString();
const linesOf = (path) =>
  unzipped(path)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

/** Records by part, a line each. */
function writeParts(folder, name, parts) {
  const path = (part) => join(folder, `${name}-${part}.jsonl`);
  for (const [part, records] of Object.entries(parts))
    writeFileSync(path(part), records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  return path;
}

/** No split is published: of each class the sentences 0, 10, 20 … are the test, 5, 15, 25 … for validation. */
export function splitPolarity(data, folder) {
  const parts = { train: [], valid: [], test: [] };
  for (const label of ["pos", "neg"])
    linesOf(join(data, `sentiment-mr/rt-polarity.${label}.gz`)).forEach((words, k) => {
      const part = k % 10 === 0 ? "test" : k % 10 === 5 ? "valid" : "train";
      parts[part].push({ words, label });
    });
  return writeParts(folder, "polarity", parts);
}

/** Which keys sound, of 88 from MIDI pitch 21 on. */
export function drawChorales(data, folder) {
  const pieces = JSON.parse(unzipped(join(data, "music/jsb-chorales-quarter.json.gz")));
  const keys = (pitches) => Array.from({ length: 88 }, (_, k) => (pitches.includes(k + 21) ? 1 : 0));
  const parts = Object.entries(pieces).map(([part, list]) => [
    part,
    list.map((piece) => ({ chords: piece.map(keys) })),
  ]);
  return writeParts(folder, "chorales", Object.fromEntries(parts));
}

/**
 * English and German, in lower case, words and punctuation apart as Unicode divides them (UAX 29). Of each language the
 * entries are as many as `entries`, `<unk>` and `<eos>` among them: the most frequent of the training data.
 */
export function pairSentences(data, folder, entries) {
  const files = { train: "train", valid: "val", test: "test_2016_flickr" };
  const read = (part, language) =>
    linesOf(join(data, `multi30k/${files[part]}.${language}.gz`)).map((line) => wordsOf(line, language));
  const [english, german] = ["en", "de"].map((language) => {
    const train = read("train", language);
    const known = mostFrequent(train.flat(), entries - 2);
    return {
      train: train.map((words) => words.map((word) => (known.has(word) ? word : "<unk>"))),
      valid: read("valid", language),
      test: read("test", language),
    };
  });
  const parts = Object.keys(files).map((part) => [
    part,
    english[part].map((source, k) => ({ source, reply: german[part][k] })),
  ]);
  return writeParts(folder, "pairs", Object.fromEntries(parts));
}

function wordsOf(line, language) {
  const segments = new Intl.Segmenter(language, { granularity: "word" }).segment(line.toLowerCase());
  return [...segments].map(({ segment }) => segment.trim()).filter((word) => word !== "");
}

function mostFrequent(words, most) {
  const counts = new Map();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  const sorted = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return new Set(sorted.slice(0, most).map(([word]) => word));
}

const babiTasks = { 1: "single-supporting-fact", 2: "two-supporting-facts" };

/**
 * Questions of bAbI, each with the statements before it as lists of words: of the last `most`, for models have so many
 * places. The last tenth of those to train on is used for validation.
 */
export function askQuestions(data, folder, { task, size, most }) {
  const questions = (of, part) =>
    readStories(linesOf(join(data, `babi/en-${of}_qa${task}_${babiTasks[task]}_${part}.txt.gz`)), most);
  const given = questions(size, "train");
  return writeParts(folder, `babi-${task}-${size}`, {
    train: given.slice(0, 0.9 * given.length),
    valid: given.slice(0.9 * given.length),
    test: questions("1k", "test"),
  });
}

/** A line is `ID statement` or `ID question<TAB>answer<TAB>…`; with ID 1 another story begins. */
function readStories(lines, most) {
  const words = (text) => text.toLowerCase().match(/[a-z]+/gu);
  let story = [];
  return lines.flatMap((line) => {
    const [, id, text] = /^(\d+) (.*)$/u.exec(line);
    if (id === "1") story = [];
    const [said, answer] = text.split("\t");
    if (answer !== undefined) return [{ story: story.slice(-most), question: words(said), answer }];
    story.push(words(said));
    return [];
  });
}

/**
 * Eight random bits a step, then a step that says "now" in a ninth, then as many steps of silence, in which the bits are
 * wanted again: of 1 to 10 steps to train on, of 10 and of 20 to test. No sequence is in two parts, by the odds.
 */
export function drawCopies(folder) {
  const draw = (part, count, length) =>
    Array.from({ length: count }, (_, k) => {
      const bytes = createHash("sha256").update(`${part} ${k}`).digest();
      return copyOf([...bytes.subarray(0, length ?? 1 + (bytes[31] % 10))]);
    });
  return writeParts(folder, "copy", {
    train: draw("train", 40_000),
    valid: draw("valid", 500, 10),
    test: draw("test", 500, 20),
  });
}

function copyOf(bytes) {
  const rows = bytes.map((byte) => Array.from({ length: 8 }, (_, k) => (byte >> k) & 1));
  const silence = Array(8).fill(0);
  return {
    bits: [...rows.map((row) => [...row, 0]), [...silence, 1], ...rows.map(() => [...silence, 0])],
    copy: [...rows.map(() => silence), silence, ...rows],
  };
}

const digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/** Recordings are named DIGIT_SPEAKER_INDEX.wav: those from 0 to 4 are the test, as published; from 5 to 9 for validation. */
export function hearDigits(data, folder) {
  const recordings = join(data, "fsdd/recordings");
  const parts = { train: [], valid: [], test: [] };
  for (const file of readdirSync(recordings).sort()) {
    const [, digit, index] = /^(\d)_\w+_(\d+)\.wav$/u.exec(file);
    const part = index < 5 ? "test" : index < 10 ? "valid" : "train";
    parts[part].push({ audio: speechFeatures(join(recordings, file)), text: digits[digit] });
  }
  return writeParts(folder, "digits", parts);
}
