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
 * `mnist/{train10k,t10k}-{images-idx3,labels-idx1}-ubyte.gz` (the first 10000 images of the training set, and the test set),
 * `music/jsb-chorales-quarter.json.gz` (pieces as lists of steps, a step as a list of MIDI pitches;
 * github.com/czhuang/JSB-Chorales-dataset), `babi/en-{1k,10k}_qaN_*_{train,test}.txt.gz` (Weston et al. 2015),
 * `fsdd/recordings/*.wav` (github.com/Jakobovski/free-spoken-digit-dataset) and
 * `multi30k/{train,val,test_2016_flickr}.{en,de}.gz` (a sentence a line; github.com/multi30k/dataset). None of them is part
 * of the repository. The programs are docs/results/*.rnn; each is trained once for every seed, on one core.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tasks } from "./results-tasks.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const cli = join(root, "dist/cli.js");
const reportFile = join(root, "docs/results.json");
const [data, ...only] = process.argv.slice(2);
if (!data || !existsSync(join(data, "atis"))) {
  console.error("usage: npm run results -- PATH [PROGRAM …], a folder with atis/, sentiment-mr/, mnist/ …");
  process.exit(2);
}
const folder = mkdtempSync(join(tmpdir(), "rnnc-"));

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
    { encoding: "utf8", maxBuffer: Infinity, env: { ...process.env, RNNC_TIME: timeFile } },
  );
  if (status === 0) return stdout;
  console.error(stderr);
  process.exit(status ?? 1);
}

for (const task of tasks) {
  const wanted = task.models.filter(({ program }) => only.length === 0 || only.includes(program));
  if (wanted.length === 0) continue;
  const files = task.files(data, folder);
  for (const { program } of wanted) {
    const runs = task.seeds.map((seed) => {
      const run = runOnce(task, files, program, seed);
      const score = task.shown(run.test[task.measure]);
      console.log(`${task.title}: ${program}, seed ${seed}: ${score} (${run.seconds.toFixed(0)} s)`);
      return run;
    });
    report(task, program, runs);
  }
}
rmSync(folder, { recursive: true });

function runOnce(task, files, program, seed) {
  const out = join(folder, `${program}-${seed}`);
  const source = join(root, `docs/results/${program}.rnn`);
  rnnc([
    ...["train", source, "--data", files("train")],
    ...(task.validates ? ["--validate", files("valid")] : []),
    ...[...task.options, "--seed", String(seed), "-o", out, "--force"],
  ]);
  const seconds = Number(readFileSync(timeFile, "utf8"));
  const measured = (part) => {
    const path = files(part);
    const found = JSON.parse(rnnc(["eval", out, "--data", path, ...task.evalOptions, "--json"]));
    const predict = () => rnnc(["run", out, "--data", path]).trim().split("\n").map(JSON.parse);
    return { ...found, ...task.measured(found, path, predict) };
  };
  const { types: _, ...test } = measured("test");
  const { parameters } = JSON.parse(readFileSync(join(out, `${program}.json`), "utf8"));
  const { best } = JSON.parse(readFileSync(join(out, "checkpoints/run.json"), "utf8"));
  const log = readFileSync(join(out, "log.jsonl"), "utf8").trim().split("\n").map(JSON.parse);
  return {
    seed,
    seconds,
    parameters: parameters.reduce((sum, { shape }) => sum + shape.reduce((n, size) => n * size, 1), 0),
    epochs: log.at(-1).epoch + 1,
    keptStep: best.step,
    validation: "valid" in task.headings ? measured("valid")[task.measure] : null,
    test,
  };
}

/** Puts the runs of a program in their place among those that there are, and writes all. */
function report(task, program, runs) {
  const before = existsSync(reportFile) ? JSON.parse(readFileSync(reportFile, "utf8")).tasks : [];
  const runsBefore = (title, name) =>
    before.find((other) => other.title === title)?.models.find((model) => model.program === name)?.runs ?? [];
  const results = tasks.map(({ title, about, measure, options, models }) => ({
    title,
    about,
    measure,
    options: options.join(" "),
    models: models
      .map((model) => ({
        ...model,
        runs: title === task.title && model.program === program ? runs : runsBefore(title, model.program),
      }))
      .filter((model) => model.runs.length > 0),
  }));
  const all = {
    machine: cpus()[0].model,
    node: process.versions.node,
    date: new Date().toISOString().slice(0, 10),
    tasks: results.filter(({ models }) => models.length > 0),
  };
  writeFileSync(reportFile, `${JSON.stringify(all, null, 2)}\n`);
  writeFileSync(join(root, "docs/results.md"), markdown(all));
  for (const file of ["docs/results.md", "docs/results.json"])
    execFileSync(process.execPath, [join(root, "node_modules/prettier/bin/prettier.cjs"), "--write", file], {
      cwd: root,
      stdio: "ignore",
    });
}

function markdown({ machine, node, date, tasks: results }) {
  const sections = results.flatMap(({ title, about, measure, options, models }) => {
    const { shown, headings, validates } = tasks.find((task) => task.title === title);
    const kept = validates ? "of the epoch that was best in validation" : "after the last epoch";
    const columns = ["model", "program", "parameters", "seeds", ...Object.values(headings)];
    const head = [...columns, "mean", "seconds"];
    const rows = models.map(({ name, program, runs }) => {
      const each = (value) => runs.map(value).join(", ");
      const tests = runs.map(({ test }) => test[measure]);
      return [
        name,
        `[${program}.rnn](results/${program}.rnn)`,
        runs[0].parameters.toLocaleString("en"),
        each(({ seed }) => seed),
        ...("valid" in headings ? [each(({ validation }) => shown(validation))] : []),
        tests.map(shown).join(", "),
        `**${shown(tests.reduce((sum, value) => sum + value, 0) / tests.length)}**`,
        each(({ seconds }) => seconds.toFixed(0)),
      ];
    });
    const table = [head, head.map(() => "---"), ...rows];
    return [
      `## ${title}`,
      about,
      `${options === "" ? "" : `Options of \`rnnc train\` beside data and seed: \`${options}\`. `}The weights kept are those ${kept}.`,
      table.map((cells) => `| ${cells.join(" | ")} |`).join("\n"),
    ];
  });
  return [
    "# Results on real data",
    `Made by \`npm run results\` on ${date}: trained by \`rnnc train\`, measured by \`rnnc eval\`, on one core of ${machine} (Node ${node}), reported as they came out. Seconds are of processor time, for the whole of \`rnnc train\`: reading, compiling, training, validation after each epoch.`,
    ...sections,
    "",
  ].join("\n\n");
}
