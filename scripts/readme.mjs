/**
 * Fills the README's marked blocks with what commands print, so that no figure or output in it is typed by hand:
 *
 *   npm run readme
 *
 * `<!-- NAME -->` … `<!-- end -->`: the program, the outputs of commands, and the tables of the results that
 * `npm run bench -- SECTION --json docs/bench-SECTION-nodeN.json` and `npm run shakespeare` leave in docs/. The details of the
 * benchmark fill docs/benchmarks.md in the same way.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  circumstances,
  rowsTable,
  showAblation,
  showCells,
  showProducts,
  showRows,
  showStartup,
  showThreads,
} from "../bench/markdown.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const cli = join(root, "dist/cli.js");
const read = (path) => readFileSync(join(root, path), "utf8");

/** What a command prints, both ways, with temporary folders named plainly. */
function shown(args, cwd = root) {
  const { stdout, stderr } = spawnSync(process.execPath, [cli, ...args], {
    cwd,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  return `${stderr}${stdout}`.trimEnd();
}

const fenced = (language, text) => `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;

/** What a section of the benchmark left, on each Node that it ran on, shown as it shows itself. */
function measured(section, show) {
  const files = ["node20", "node24"].map((node) => `docs/bench-${section}-${node}.json`);
  const found = files.filter((file) => existsSync(join(root, file)));
  if (found.length === 0) return `Run \`npm run bench -- ${section}\`.`;
  return found.map((file) => show(JSON.parse(read(file)))).join("\n\n");
}

const rowsWithoutNotes = (result) => `${circumstances(result)}\n\n${rowsTable(result)}`;

function shakespeare() {
  if (!existsSync(join(root, "docs/shakespeare.json"))) return "Run `npm run shakespeare`.";
  const r = JSON.parse(read("docs/shakespeare.json"));
  return [
    fenced("rnn", r.program),
    "",
    `${r.epochs} epochs in ${Math.round(r.seconds / 60)} minutes on one core of ${r.machine} (Node ${r.node}, ${r.date}): validation loss **${r.best.toFixed(3)} nats** a character on the last tenth, best after epoch ${r.bestEpoch}.`,
    "",
    "![Loss over the steps of training, on Tiny Shakespeare](docs/shakespeare.svg)",
    "",
    "A sample at temperature 0.8:",
    "",
    fenced("text", r.sample),
  ].join("\n");
}

function build() {
  const folder = mkdtempSync(join(tmpdir(), "rnnc-"));
  writeFileSync(join(folder, "tagger.rnn"), read("examples/tagger.rnn"));
  const text = shown(["build", "tagger.rnn", "-o", "tagger"], folder);
  return fenced("console", `$ rnnc build tagger.rnn -o tagger\n${text}`);
}

const blocks = {
  charlm: () => fenced("rnn", read("examples/charlm.rnn")),
  tagger: () => fenced("rnn", read("examples/tagger.rnn")),
  build,
  error: () => fenced("console", `$ rnnc check docs/broken.rnn\n${shown(["check", "docs/broken.rnn"])}`),
  gradients: () =>
    fenced(
      "console",
      `$ rnnc check --gradients examples/elman.rnn\n${shown(["check", "--gradients", "examples/elman.rnn"])}`,
    ),
  flow: () => {
    const [pictures, programs] = [
      ["flow", "cliff"],
      ["adding-elman", "adding-lstm", "exploding"],
    ];
    const [flow, cliff] = pictures.map((name) => `docs/${name}.svg`);
    const [simple, keeping, exploding] = programs.map((name) => `examples/${name}.rnn`);
    const first = ["check", "--flow", flow, simple, keeping];
    const second = ["check", "--surface", "w=0.98:1.01,u=-1:1", "--length", "1000", "-o", cliff, exploding];
    const run = (args) => `$ rnnc ${args.join(" ")}\n${shown(args)}`;
    return [
      fenced("console", `${run(first)}\n${run(second)}`),
      "",
      `![The gradient of the loss with respect to each state, over the steps](${flow})`,
      `![The loss over two weights, flat and then a cliff](${cliff})`,
    ].join("\n");
  },
  lstm: () => {
    const text = read("src/std/cells.rnn");
    const start = text.indexOf("cell lstm(");
    return fenced("rnn", text.slice(start, text.indexOf("\n}\n", start) + 2));
  },
  help: () => fenced("console", `$ rnnc --help\n${shown(["--help"])}`),
  shakespeare,
  bench: () => measured("rows", rowsWithoutNotes),
  "bench rows": () => measured("rows", showRows),
  "bench ablation": () => measured("ablation", showAblation),
  "bench products": () => measured("products", showProducts),
  "bench cells": () => measured("cells", showCells),
  "bench startup": () => measured("startup", showStartup),
  "bench threads": () => measured("threads", showThreads),
};

for (const file of ["README.md", "docs/benchmarks.md"]) {
  let text = read(file);
  for (const [name, make] of Object.entries(blocks)) {
    const pattern = new RegExp(`<!-- ${name} -->[\\s\\S]*?<!-- end -->`, "u");
    if (pattern.test(text))
      text = text.replace(pattern, () => `<!-- ${name} -->\n\n${make()}\n\n<!-- end -->`);
  }
  writeFileSync(join(root, file), text);
  const prettier = join(root, "node_modules/prettier/bin/prettier.cjs");
  execFileSync(process.execPath, [prettier, "--write", join(root, file)], { stdio: "ignore" });
}
