/**
 * Trains and measures models on real data as a user would, by `rnnc train` and `rnnc eval`, and leaves the scores as they
 * came out in docs/results.json and docs/results.md:
 *
 *   npm run results -- PATH [PROGRAM …]
 *
 * Named programs alone are run anew, and take their places among the others' results.
 *
 * PATH holds `atis/slotgated.{train,valid,test}.tsv.gz` (a line: intent, words, tags; github.com/MiuLab/SlotGated-SLU,
 * data/atis), `sentiment-mr/rt-polarity.{pos,neg}.gz` (a sentence a line; github.com/yoonkim/CNN_sentence),
 * `mnist/{train10k,t10k}-{images-idx3,labels-idx1}-ubyte.gz` (the first 10000 images of the training set, and the test set)
 * and `music/jsb-chorales-quarter.json.gz` (pieces as lists of steps, a step as a list of MIDI pitches;
 * github.com/czhuang/JSB-Chorales-dataset). None of them is part of the repository. The programs are docs/results/*.rnn; each is trained once for every seed, on one core.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

const root = fileURLToPath(new URL("..", import.meta.url));
const cli = join(root, "dist/cli.js");
const [data, ...only] = process.argv.slice(2);
if (!data || !existsSync(join(data, "atis"))) {
  console.error(
    "usage: npm run results -- PATH [PROGRAM …], a folder with atis/, sentiment-mr/, mnist/ and music/",
  );
  process.exit(2);
}
const seeds = [1, 2, 3];
const folder = mkdtempSync(join(tmpdir(), "rnnc-"));

const atis = (part) => join(data, `atis/slotgated.${part}.tsv.gz`);
const columns = ["--columns", "_,words,tags"];

/** No split is published: of each class the sentences 0, 10, 20 … are the test, 5, 15, 25 … for validation. */
function splitPolarity() {
  const parts = { train: [], valid: [], test: [] };
  for (const label of ["pos", "neg"])
    gunzipSync(readFileSync(join(data, `sentiment-mr/rt-polarity.${label}.gz`)))
      .toString()
      .split("\n")
      .map((line) => line.trim())
      .filter((words) => words !== "")
      .forEach((words, k) => {
        const part = k % 10 === 0 ? "test" : k % 10 === 5 ? "valid" : "train";
        parts[part].push(JSON.stringify({ words, label }));
      });
  for (const [part, lines] of Object.entries(parts))
    writeFileSync(join(folder, `${part}.jsonl`), `${lines.join("\n")}\n`);
  return (part) => join(folder, `${part}.jsonl`);
}

/** Which keys sound, of 88 from MIDI pitch 21 on. */
function drawChorales() {
  const pieces = JSON.parse(gunzipSync(readFileSync(join(data, "music/jsb-chorales-quarter.json.gz"))));
  for (const [part, list] of Object.entries(pieces)) {
    const keys = (pitches) => Array.from({ length: 88 }, (_, k) => (pitches.includes(k + 21) ? 1 : 0));
    const lines = list.map((piece) => JSON.stringify({ chords: piece.map(keys) }));
    writeFileSync(join(folder, `chorales-${part}.jsonl`), `${lines.join("\n")}\n`);
    choraleSteps[part] = list.reduce((sum, piece) => sum + piece.length, 0);
  }
  return (part) => join(folder, `chorales-${part}.jsonl`);
}
const choraleSteps = {};

const tasks = [
  {
    title: "Slot filling on ATIS",
    about:
      "4478 sentences to train on, 500 for validation, 893 to test; words alone, no other features. F1 of spans by the rules of conlleval, in percent. " +
      "Published (Mesnil et al. 2015): Elman 94.98, Jordan 94.29, hybrid 95.06; on this split, with the intent learned too (Goo et al. 2018): 95.2.",
    measure: "f1",
    files: () => atis,
    options: [...columns, "--min-count", "2"],
    evalOptions: columns,
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
    evalOptions: [],
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
    files: () => (part) => join(data, `mnist/${part === "test" ? "t10k" : "train10k"}-images-idx3-ubyte.gz`),
    validates: false,
    options: [],
    evalOptions: [],
    models: [{ name: "LSTM(128), images moved in training", program: "mnist-rows" }],
  },
  {
    title: "JSB chorales",
    about:
      "229 pieces to train on, 76 for validation, 77 to test, with the split of Boulanger-Lewandowski et al. (2012). The negative logarithm of the probability of a step in nats, " +
      "a sum over 88 keys that sound or do not, averaged over all steps: less is better. " +
      "Published (Chung et al. 2014): tanh 9.10, GRU 8.54, LSTM 8.67; (Bai et al. 2018): LSTM 8.45, GRU 8.43, TCN 8.10.",
    measure: "nats",
    files: drawChorales,
    // The loss is the mean over pieces of the sum over their steps.
    measured: ({ loss, examples }, part) => ({ nats: (loss * examples) / choraleSteps[part] }),
    options: [],
    evalOptions: [],
    models: [{ name: "LSTM(200), dropout", program: "chorales" }],
  },
];

/** Processor time, unlike that of the clock, is the same whatever else the machine does. */
const clock = `import { writeFileSync } from "node:fs";
process.on("exit", () => {
  const { user, system } = process.cpuUsage();
  writeFileSync(process.env.RNNC_TIME, String((user + system) / 1e6));
});`;
const timeFile = join(folder, "seconds");

function rnnc(args) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", `data:text/javascript,${encodeURIComponent(clock)}`, cli, ...args],
    { encoding: "utf8", env: { ...process.env, RNNC_TIME: timeFile } },
  );
  if (status === 0) return stdout;
  console.error(stderr);
  process.exit(status ?? 1);
}

function runOnce(task, files, program, seed) {
  const out = join(folder, `${program}-${seed}`);
  const source = join(root, `docs/results/${program}.rnn`);
  const { validates = true } = task;
  rnnc([
    ...["train", source, "--data", files("train")],
    ...(validates ? ["--validate", files("valid")] : []),
    ...[...task.options, "--seed", String(seed), "-o", out],
  ]);
  const seconds = Number(readFileSync(timeFile, "utf8"));
  const measured = (part) => {
    const found = JSON.parse(rnnc(["eval", out, "--data", files(part), ...task.evalOptions, "--json"]));
    return { ...found, ...task.measured?.(found, part) };
  };
  const { types: _, ...test } = measured("test");
  const { parameters } = JSON.parse(readFileSync(join(out, `${program}.json`), "utf8"));
  const { best } = JSON.parse(readFileSync(join(out, "checkpoints/run.json"), "utf8"));
  const log = readFileSync(join(out, "log.jsonl"), "utf8").trim().split("\n").map(JSON.parse);
  return {
    seed,
    seconds,
    parameters: parameters.reduce((sum, { shape }) => sum + shape.reduce((n, size) => n * size, 1), 0),
    epochs: log.filter((entry) => "validation" in entry).length,
    keptStep: best.step,
    validation: validates ? measured("valid")[task.measure] : null,
    test,
  };
}

const before =
  only.length === 0 ? [] : JSON.parse(readFileSync(join(root, "docs/results.json"), "utf8")).tasks;
const kept = new Map(before.flatMap(({ models }) => models.map((model) => [model.program, model.runs])));

const results = tasks.map((task) => {
  const files = task.files();
  const runAll = (program) =>
    seeds.map((seed) => {
      const run = runOnce(task, files, program, seed);
      console.log(
        `${program} seed ${seed}: ${shown(task.measure, run.test[task.measure])} (${run.seconds.toFixed(0)} s)`,
      );
      return run;
    });
  const models = task.models.map(({ name, program }) => ({
    name,
    program,
    runs: only.includes(program) || !kept.has(program) ? runAll(program) : kept.get(program),
  }));
  const { title, about, measure, options } = task;
  return { title, about, measure, options: options.join(" "), models };
});
rmSync(folder, { recursive: true });

const report = {
  machine: cpus()[0].model,
  node: process.versions.node,
  date: new Date().toISOString().slice(0, 10),
  seeds,
  tasks: results,
};
writeFileSync(join(root, "docs/results.json"), `${JSON.stringify(report, null, 2)}\n`);
writeFileSync(join(root, "docs/results.md"), markdown(report));
for (const file of ["docs/results.md", "docs/results.json"])
  execFileSync(process.execPath, [join(root, "node_modules/prettier/bin/prettier.cjs"), "--write", file], {
    cwd: root,
    stdio: "ignore",
  });

function shown(measure, value) {
  if (value === null) return "none";
  return (measure === "nats" ? value : 100 * value).toFixed(2);
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function markdown({ machine, node, date, tasks }) {
  const sections = tasks.flatMap(({ title, about, measure, options, models }) => [
    `## ${title}`,
    about,
    `${options === "" ? "" : `Options of \`rnnc train\` beside data and seed: \`${options}\`. `}The weights kept are those ${models[0].runs[0].validation === null ? "after the last epoch" : "of the epoch that was best in validation"}.`,
    [
      `| model | program | parameters | seeds | validation | test | mean of the tests | seconds |`,
      `| --- | --- | --- | --- | --- | --- | --- | --- |`,
      ...models.map(({ name, program, runs }) => {
        const each = (value) => runs.map(value).join(", ");
        const cells = [
          name,
          `[${program}.rnn](results/${program}.rnn)`,
          runs[0].parameters.toLocaleString("en"),
          each(({ seed }) => seed),
          each(({ validation }) => shown(measure, validation)),
          each(({ test }) => shown(measure, test[measure])),
          `**${shown(measure, mean(runs.map(({ test }) => test[measure])))}**`,
          each(({ seconds }) => seconds.toFixed(0)),
        ];
        return `| ${cells.join(" | ")} |`;
      }),
    ].join("\n"),
  ]);
  return [
    "# Results on real data",
    `Made by \`npm run results\` on ${date}: trained by \`rnnc train\`, measured by \`rnnc eval\`, on one core of ${machine} (Node ${node}), reported as they came out. Seconds are of processor time, for the whole of \`rnnc train\`: reading, compiling, training, validation after each epoch.`,
    ...sections,
    "",
  ].join("\n\n");
}
