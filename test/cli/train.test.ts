import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { Failure, fileFailure } from "../../src/cli/failure.ts";
import { classifier, folderWith, fullDisk, isFault, language, reviews, rnnc, verse } from "./cli.ts";

const files = { "lm.rnn": language, "verse.txt": verse };
const train = (cwd: string, ...more: readonly string[]) =>
  rnnc(["train", "lm.rnn", "--data", "verse.txt", ...more], { cwd });
const bytes = (...path: readonly string[]) => readFileSync(join(...path));

test("writes a package, checkpoints, a curve and a log", async () => {
  const cwd = folderWith(files);
  const ran = await train(cwd);
  expect(ran.code).toBe(0);
  expect(ran.err).toMatch(/epoch 4 {2}loss \d/u);
  expect(readdirSync(join(cwd, "lm")).sort()).toEqual([
    "checkpoints",
    "lm.d.ts",
    "lm.js",
    "lm.json",
    "lm.safetensors",
    "lm.wasm",
    "log.jsonl",
    "loss.svg",
  ]);
  expect(readdirSync(join(cwd, "lm", "checkpoints")).sort()).toEqual([
    "best.safetensors",
    "last.safetensors",
    "run.json",
  ]);
  const log = bytes(cwd, "lm", "log.jsonl")
    .toString()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { step: number; loss?: number; validation?: number });
  const losses = log.flatMap(({ loss }) => loss ?? []);
  expect(losses.at(-1)).toBeLessThan(losses[0]!);
  expect(log.filter(({ validation }) => validation !== undefined)).toHaveLength(4);
  const curve = bytes(cwd, "lm", "loss.svg").toString();
  expect(curve).toContain("<svg");
  expect(curve).toContain("validation");
});

test("a resumed training has the bits of one never stopped", async () => {
  const [straight, stopped] = [folderWith(files), folderWith(files)];
  await train(straight, "--steps", "26");
  // In the middle of an epoch, with states to carry.
  await train(stopped, "--steps", "13");
  const resumed = await train(stopped, "--steps", "26", "--resume");
  expect(resumed.code).toBe(0);
  for (const name of [
    "checkpoints/last.safetensors",
    "checkpoints/best.safetensors",
    "lm.safetensors",
    "lm.wasm",
  ])
    expect(bytes(stopped, "lm", name).equals(bytes(straight, "lm", name)), name).toBe(true);
});

test("the same for shuffled examples with dropout, without validation", async () => {
  const program = classifier
    .replace("last", "last >> dropout(0.2)")
    .replace("epochs 12", "epochs 6  schedule plateau(1, 0.5)");
  const data = { "c.rnn": program, "r.jsonl": reviews };
  const [straight, stopped] = [folderWith(data), folderWith(data)];
  const run = (cwd: string, ...more: readonly string[]) =>
    rnnc(["train", "c.rnn", "--data", "r.jsonl", ...more], { cwd });
  await run(straight, "--steps", "22");
  await run(stopped, "--steps", "9");
  await run(stopped, "--steps", "22", "--resume");
  expect(bytes(stopped, "c", "c.safetensors").equals(bytes(straight, "c", "c.safetensors"))).toBe(true);
});

test("Ctrl-C saves and exits 130; --resume goes on to the same bits", async () => {
  const [straight, stopped] = [folderWith(files), folderWith(files)];
  await train(straight, "--epochs", "120");
  const interrupted = await rnnc(["train", "lm.rnn", "--data", "verse.txt", "--epochs", "120"], {
    cwd: stopped,
    interruptAt: "epoch 3 ",
  });
  expect(interrupted.code).toBe(130);
  expect(interrupted.err).toContain("`--resume` goes on");
  expect(existsSync(join(stopped, "lm", "lm.wasm"))).toBe(false);
  expect((await train(stopped, "--epochs", "120", "--resume")).code).toBe(0);
  for (const name of ["checkpoints/last.safetensors", "lm.safetensors"])
    expect(bytes(stopped, "lm", name).equals(bytes(straight, "lm", name)), name).toBe(true);
});

test("a seed decides everything", async () => {
  const [a, b, c] = [folderWith(files), folderWith(files), folderWith(files)];
  await train(a, "--seed", "7", "--epochs", "1");
  await train(b, "--seed", "7", "--epochs", "1");
  await train(c, "--seed", "8", "--epochs", "1");
  expect(bytes(b, "lm", "lm.safetensors").equals(bytes(a, "lm", "lm.safetensors"))).toBe(true);
  expect(bytes(c, "lm", "lm.safetensors").equals(bytes(a, "lm", "lm.safetensors"))).toBe(false);
});

test("settings from the command line mean what they mean in the program", async () => {
  const [set, written] = [folderWith(files), folderWith(files)];
  await train(set, "--set", "optimizer=sgd(0.5)", "--set", "clip=norm 1", "--epochs", "1", "--validate", "0");
  writeFileSync(
    join(written, "lm.rnn"),
    language
      .replace("adam(1e-2)", "sgd(0.5)  clip norm 1")
      .replace("epochs 4", "epochs 1")
      .replace("validate 0.2", ""),
  );
  await train(written);
  expect(bytes(set, "lm", "lm.safetensors").equals(bytes(written, "lm", "lm.safetensors"))).toBe(true);
  expect(bytes(set, "lm", "lm.json").equals(bytes(written, "lm", "lm.json"))).toBe(true);
});

test("a folder that holds something else is left alone", async () => {
  const cwd = folderWith({ ...files, "lm/notes.txt": "mine" });
  const ran = await train(cwd);
  expect(ran.code).toBe(1);
  expect(ran.err).toContain("holds something else");
  expect(readdirSync(join(cwd, "lm"))).toEqual(["notes.txt"]);
  expect((await train(cwd, "--force", "--epochs", "1")).code).toBe(0);
  expect(bytes(cwd, "lm", "notes.txt").toString()).toBe("mine");
  const again = await train(cwd);
  expect(again.code).toBe(1);
  expect(again.err).toContain("`--resume`");
});

test("building into a training's folder would replace its weights", async () => {
  const cwd = folderWith(files);
  await train(cwd, "--epochs", "1");
  const ran = await rnnc(["build", "lm.rnn", "--dim", "text=20"], { cwd });
  expect(ran.code).toBe(1);
  expect(ran.err).toContain("holds a training");
});

test("resuming wants the same model, data and settings", async () => {
  const cwd = folderWith(files);
  expect((await train(cwd, "--resume")).err).toContain("no training to go on with");
  await train(cwd, "--epochs", "1");
  const before = bytes(cwd, "lm", "checkpoints", "last.safetensors");
  const batch = await train(cwd, "--resume", "--batch", "2");
  expect(batch.code).toBe(1);
  expect(batch.err).toContain("`batch` is 2, and was 4");
  writeFileSync(join(cwd, "lm.rnn"), language.replace("lstm(12)", "lstm(16)"));
  const model = await train(cwd, "--resume");
  expect(model.code).toBe(1);
  expect(model.err).toContain("cannot be resumed");
  writeFileSync(join(cwd, "lm.rnn"), language);
  writeFileSync(join(cwd, "verse.txt"), verse.toUpperCase());
  const data = await train(cwd, "--resume");
  expect(data.code).toBe(1);
  expect(data.err).toContain("data");
  expect([batch, model, data].some(isFault)).toBe(false);
  expect(bytes(cwd, "lm", "checkpoints", "last.safetensors").equals(before)).toBe(true);
});

test("a damaged checkpoint is told, and left as it is", async () => {
  const cwd = folderWith(files);
  await train(cwd, "--epochs", "1");
  const path = join(cwd, "lm", "checkpoints", "last.safetensors");
  writeFileSync(path, readFileSync(path).subarray(0, 2000));
  const ran = await train(cwd, "--resume");
  expect(ran.code).toBe(1);
  expect(isFault(ran)).toBe(false);
  expect(readFileSync(path)).toHaveLength(2000);
});

test.skipIf(process.getuid?.() === 0)("a folder that may not be written", async () => {
  const cwd = folderWith({ ...files, "closed/.keep": "" });
  chmodSync(join(cwd, "closed"), 0o500);
  const ran = await train(cwd, "-o", "closed/out");
  expect(ran.code).toBe(1);
  expect(ran.err).toContain("may not be written");
});

test("a full disk is told, and nothing is overwritten", async () => {
  const cwd = folderWith(files);
  await train(cwd, "--epochs", "1");
  const names = ["checkpoints/last.safetensors", "checkpoints/run.json", "lm.safetensors", "lm.wasm"];
  const before = names.map((name) => bytes(cwd, "lm", name));
  writeFileSync(join(cwd, "full.mjs"), fullDisk);
  const ran = await rnnc(["train", "lm.rnn", "--data", "verse.txt", "--resume", "--epochs", "2"], {
    cwd,
    env: { NODE_OPTIONS: `--import=${pathToFileURL(join(cwd, "full.mjs")).href}` },
  });
  expect(ran.code).toBe(1);
  expect(ran.err).toContain("The disk is full");
  expect(isFault(ran)).toBe(false);
  names.forEach((name, k) => expect(bytes(cwd, "lm", name).equals(before[k]!), name).toBe(true));
  expect(readdirSync(join(cwd, "lm", "checkpoints")).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("what the system says of files, in words", () => {
  const said = (code: string) => {
    const failure = fileFailure(Object.assign(new Error(code), { code }), "out/a", "write");
    return failure instanceof Failure ? failure.message : "";
  };
  expect(said("ENOSPC")).toBe("The disk is full: `out/a` was not written.");
  expect(said("EACCES")).toBe("`out/a` may not be written.");
  expect(said("EROFS")).toContain("may not be written");
  expect(said("EWHAT")).toBe("`out/a` could not be written (EWHAT).");
});

test("a model without a loss cannot be trained", async () => {
  const cwd = folderWith({
    "a.rnn": "input x : f32[T, 2]\noutput y = x >> lstm(3)\n",
    "d.jsonl": '{"x":[[1,2]]}\n',
  });
  const ran = await rnnc(["train", "a.rnn", "--data", "d.jsonl"], { cwd });
  expect(ran.code).toBe(1);
  expect(ran.err).toContain("has no loss");
});

test("--max-memory counts targets that are single numbers, and says what the least is", async () => {
  const record = (k: number): string =>
    JSON.stringify({
      x: [
        [k, 1],
        [0, k],
      ],
      y: k,
    });
  const cwd = folderWith({
    "a.rnn":
      "input x : f32[T, 2]\ntarget y : f32[1]\nx >> lstm(8) >> last >> regress(y)\ntrain { batch 4  epochs 1  validate 0 }\n",
    "d.jsonl": `${Array.from({ length: 8 }, (_, k) => record(k)).join("\n")}\n`,
  });
  const train = (size: string) =>
    rnnc(["train", "a.rnn", "--data", "d.jsonl", "--force", "--max-memory", size], { cwd });
  const ran = await train("10MB");
  expect(ran.code, ran.err).toBe(0);
  const refused = await train("1KB");
  expect(refused.code).toBe(1);
  const [, least] = /takes (\d+ KB) at least/u.exec(refused.err)!;
  expect((await train(`${Number.parseInt(least!) + 1}KB`)).code).toBe(0);
});

test("a training that diverges ends with an error", async () => {
  const cwd = folderWith({
    "a.rnn":
      "input x : f32[1]\ntarget y : f32[1]\nx >> dense(1) >> regress(y, project = none)\ntrain { optimizer sgd(1e30)  batch 1  epochs 100 }\n",
    "d.csv": "x,y\n1,2\n3,4\n",
  });
  const ran = await rnnc(["train", "a.rnn", "--data", "d.csv"], { cwd });
  expect(ran.code).toBe(1);
  expect(ran.err).toContain("diverged");
  expect(isFault(ran)).toBe(false);
});
