/**
 * What scripts/results.mjs trains and measures: for each task its data, its models in the order of the report, and what of
 * `rnnc eval` is reported. `files(data, folder)` makes the data ready and gives the paths of its parts.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  askQuestions,
  drawChorales,
  drawCopies,
  hearDigits,
  pairSentences,
  splitPolarity,
} from "./results-data.mjs";

const atisColumns = ["--columns", "_,words,tags"];

/** Shares are shown in percent. */
const percent = (value) => (100 * value).toFixed(2);
const plain = (value) => value.toFixed(2);

const recordsOf = (path) => readFileSync(path, "utf8").trim().split("\n").map(JSON.parse);

const readers = [
  { name: "1 read", program: "reading-1" },
  { name: "3 reads", program: "reading-3" },
];

export const tasks = [
  {
    title: "Slot filling on ATIS",
    about:
      "4478 sentences to train on, 500 for validation, 893 to test; words alone, no other features. F1 of spans by the rules of conlleval, in percent. " +
      "Published (Mesnil et al. 2015): Elman 94.98, Jordan 94.29, hybrid 95.06; on this split, with the intent learned too (Goo et al. 2018): 95.2.",
    measure: "f1",
    files: (data) => (part) => join(data, `atis/slotgated.${part}.tsv.gz`),
    options: [...atisColumns, "--min-count", "2"],
    evalOptions: atisColumns,
    models: [
      { name: "Elman, window of 7 words", program: "atis-elman" },
      { name: "Jordan, window of 7 words", program: "atis-jordan" },
      { name: "biLSTM", program: "atis-bilstm" },
      { name: "biLSTM, CRF", program: "atis-bilstm-crf" },
    ],
  },
  {
    title: "Polarity of sentences from film reviews",
    about:
      "The data of Pang and Lee (2005), 10662 sentences. They have no split of their own: of each class every tenth sentence is tested on, every tenth used for validation. " +
      "Accuracy in percent; no pretrained vectors.",
    measure: "accuracy",
    files: splitPolarity,
    options: ["--min-count", "2"],
    models: [
      { name: "GRU, its last state", program: "polarity-last" },
      { name: "GRU, attention over its states", program: "polarity-attention" },
    ],
  },
  {
    title: "Digits of MNIST, row by row",
    about:
      "28 steps of 28 pixels. Of the training set the first 10000 images, all to train on; the 10000 of the test set. Accuracy in percent.",
    measure: "accuracy",
    files: (data) => (part) =>
      join(data, `mnist/${part === "test" ? "t10k" : "train10k"}-images-idx3-ubyte.gz`),
    validates: false,
    headings: { test: "test" },
    models: [{ name: "LSTM(128), images moved in training", program: "mnist-rows" }],
  },
  {
    title: "JSB chorales",
    about:
      "229 pieces to train on, 76 for validation, 77 to test, with the split of Boulanger-Lewandowski et al. (2012). The negative logarithm of the probability of a step in nats, " +
      "a sum over 88 keys that sound or do not, averaged over all steps: less is better. " +
      "Published (Chung et al. 2014): tanh 9.10, GRU 8.54, LSTM 8.67; (Bai et al. 2018): LSTM 8.45, GRU 8.43, TCN 8.10.",
    measure: "nats",
    shown: plain,
    files: drawChorales,
    // The loss is the mean over pieces of the sum over their steps.
    measured: ({ loss, examples }, path) => {
      const steps = recordsOf(path).reduce((sum, { chords }) => sum + chords.length, 0);
      return { nats: (loss * examples) / steps };
    },
    models: [{ name: "LSTM(200), dropout", program: "chorales" }],
  },
  {
    title: "Copying",
    about:
      "Eight random bits a step for 1 to 10 steps, a sign, and then the same bits again from memory (Graves et al. 2014): 40000 sequences to train on. " +
      "How many bits of a sequence of 10 steps (80 bits) and of one of 20 steps (160 bits), twice as long as any in training, are wrong, averaged over 500 sequences of each length: less is better; by chance half are.",
    measure: "wrong",
    shown: plain,
    headings: { valid: "10 steps", test: "20 steps" },
    files: (_, folder) => drawCopies(folder),
    validates: false,
    measured: (_, path, predict) => ({ wrong: wrongBits(recordsOf(path), predict()) }),
    models: [
      { name: "neural Turing machine, feed-forward controller", program: "copy-ntm-forward" },
      { name: "neural Turing machine, LSTM controller", program: "copy-ntm" },
      { name: "LSTM(256)", program: "copy-lstm" },
    ],
  },
  {
    title: "bAbI, task 1: one supporting fact",
    about:
      "Where somebody is, from a story in which one statement says it (Weston et al. 2015): the last 50 statements before the question; 900 questions to train on, 100 for validation, 1000 to test. Accuracy in percent. " +
      "Published (Weston et al. 2015): LSTM 50.",
    measure: "accuracy",
    files: (data, folder) => askQuestions(data, folder, { task: 1, size: "1k", most: 50 }),
    models: readers,
  },
  {
    title: "bAbI, task 2: two supporting facts",
    about:
      "Where a thing is, which somebody carries from room to room: two statements say it, and which one is the second depends on the first, so one read is not enough. 9000 questions to train on, 1000 for validation, 1000 to test. Accuracy in percent.",
    measure: "accuracy",
    files: (data, folder) => askQuestions(data, folder, { task: 2, size: "10k", most: 50 }),
    models: readers,
  },
  {
    title: "Spoken digits",
    about:
      "The Free Spoken Digit Dataset, six speakers, with its own split: of each speaker and digit recordings 0 to 4 to test (300), 10 to 49 to train on (2400), 5 to 9 for validation (300). " +
      "26 logarithms of mel bands every 10 ms; the model spells the word. Words right in percent, all letters of them.",
    measure: "exact",
    files: hearDigits,
    models: [{ name: "biLSTM(96), CTC", program: "spoken-digits" }],
  },
  {
    title: "English to German: Multi30k",
    about:
      "Descriptions of pictures, 29000 pairs to train on, 1014 for validation, 1000 to test (test2016), in lower case, punctuation apart; of each language the 10,000 most frequent entries of the training data. " +
      "BLEU in percent with a beam of 5 that never chooses an unknown word; words of the references that are unknown count as wrong. The state of the encoder is all that the first model knows of the source.",
    measure: "bleu",
    seeds: [1],
    files: (data, folder) => pairSentences(data, folder, 10_000),
    models: [
      { name: "no attention", program: "translate-none" },
      { name: "global attention", program: "translate-global" },
      { name: "local attention", program: "translate-local" },
      { name: "global attention, input feeding", program: "translate-feeding" },
    ],
  },
].map((task) => ({
  shown: percent,
  seeds: [1, 2, 3],
  options: [],
  evalOptions: [],
  validates: true,
  headings: { valid: "validation", test: "test" },
  measured: (found) => found,
  ...task,
}));

/** Of a sequence on average: those on the wrong side of one half. */
function wrongBits(records, predictions) {
  const wrong = records.map(({ copy }, k) =>
    copy
      .flat()
      .reduce((count, bit, i) => count + (predictions[k].copy.flat()[i] > 0.5 === (bit === 1) ? 0 : 1), 0),
  );
  return wrong.reduce((sum, count) => sum + count, 0) / records.length;
}
