/**
 * Trains a character model on Tiny Shakespeare and leaves in docs/ what the README shows of it:
 *
 *   npm run shakespeare -- PATH/input.txt(.gz)
 *
 * The text is not part of the repository: github.com/karpathy/char-rnn, data/tinyshakespeare. The last tenth is held out.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const cli = join(root, "dist/cli.js");
const data = process.argv[2];
if (!data) {
  console.error("usage: npm run shakespeare -- PATH/input.txt(.gz)");
  process.exit(2);
}

const program = `input text : char[T]
text >> embed(64) >> lstm(256) >> softmax(next(text))
train { optimizer adam(3e-3)  clip norm 5  batch 32  epochs 10  tbptt 64  schedule cosine  validate 0.1 }
`;
const folder = mkdtempSync(join(tmpdir(), "rnnc-"));
writeFileSync(join(folder, "shakespeare.rnn"), program);
const out = join(folder, "out");
const start = performance.now();
const { status } = spawnSync(
  process.execPath,
  [cli, "train", join(folder, "shakespeare.rnn"), "--data", data, "-o", out],
  { stdio: "inherit" },
);
if (status !== 0) process.exit(status ?? 1);
const seconds = (performance.now() - start) / 1000;

const log = readFileSync(join(out, "log.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
const epochs = log.filter((r) => typeof r.validation === "number");
const best = epochs.reduce((a, b) => (b.validation < a.validation ? b : a));
const sample = execFileSync(
  process.execPath,
  [cli, "sample", out, "--length", "500", "--temperature", "0.8", "--seed", "4"],
  { encoding: "utf8" },
);
copyFileSync(join(out, "loss.svg"), join(root, "docs/shakespeare.svg"));
const result = {
  program,
  epochs: epochs.length,
  seconds,
  best: best.validation,
  bestEpoch: epochs.indexOf(best) + 1,
  sample,
  machine: cpus()[0].model,
  node: process.versions.node,
  date: new Date().toISOString().slice(0, 10),
};
writeFileSync(join(root, "docs/shakespeare.json"), `${JSON.stringify(result, null, 2)}\n`);
console.log(`best validation loss ${result.best.toFixed(4)} nats a character`);
