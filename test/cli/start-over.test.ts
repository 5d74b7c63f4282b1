/** What lies in a training's folder already: an earlier training is kept until another has something for its place. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test, vi } from "vitest";
import { folderWith, fullDisk, isFault, rnnc } from "./cli.ts";

const program = `input x : f32[T, 1]
target y : f32[T, 1]
x >> gru(32) >> dense(1) >> regress(y)
train { optimizer adam(1e-2)  batch 2  epochs 3  validate 0.25 }
`;
const record = (k: number, steps = 3): string =>
  JSON.stringify({
    x: Array.from({ length: 3 }, () => [k / 8]),
    y: Array.from({ length: steps }, () => [k / 8]),
  });
const records = Array.from({ length: 8 }, (_, k) => record(k));
const text = (lines: readonly string[]): string => `${lines.join("\n")}\n`;
const files = {
  "a.rnn": program,
  "good.jsonl": text(records),
  "uneven.jsonl": text([...records, record(8, 2)]),
  "wild.jsonl": text(records.map((line) => line.replaceAll("0.", "1e38"))),
};

const train = (cwd: string, data: string, ...more: readonly string[]) =>
  rnnc(["train", "a.rnn", "--data", `${data}.jsonl`, "-o", "out", ...more], { cwd });

const stateNames = ["best.safetensors", "last.safetensors", "run.json"];
const kept = [...stateNames.map((name) => `checkpoints/${name}`), "log.jsonl", "loss.svg", "a.safetensors"];
const contents = (cwd: string): readonly string[] =>
  kept.map((name) => readFileSync(join(cwd, "out", name), "hex"));

test.each([
  ["data that do not fit together", "uneven", "", "uneven.jsonl:9"],
  ["a loss that is not finite", "wild", "", "not a finite number"],
  ["a full disk", "good", fullDisk, "The disk is full"],
])("--force that fails for %s keeps the earlier training", async (_, data, preload, message) => {
  const cwd = folderWith({ ...files, "preload.mjs": preload });
  expect((await train(cwd, "good")).code).toBe(0);
  const before = contents(cwd);
  const failed = await rnnc(["train", "a.rnn", "--data", `${data}.jsonl`, "-o", "out", "--force"], {
    cwd,
    env: { NODE_OPTIONS: `--import=${pathToFileURL(join(cwd, "preload.mjs")).href}` },
  });
  expect(failed.code).toBe(1);
  expect(failed.err).toContain(message);
  expect(isFault(failed)).toBe(false);
  expect(contents(cwd)).toEqual(before);
  const resumed = await train(cwd, "good", "--resume", "--epochs", "4");
  expect(resumed.code, resumed.err).toBe(0);
  expect(readdirSync(join(cwd, "out", "checkpoints")).sort()).toEqual(stateNames);
});

test("--force that goes well leaves nothing of the earlier training, nor of its own beginning", async () => {
  const [cwd, alone] = [folderWith(files), folderWith(files)];
  await train(cwd, "good");
  writeFileSync(join(cwd, "out", "checkpoints", "notes.txt"), "mine");
  await train(cwd, "uneven", "--force");
  for (const [place, ...more] of [[cwd, "--force"], [alone]] as const) {
    const ran = await train(place, "good", "--seed", "5", "--validate", "0", ...more);
    expect(ran.code, ran.err).toBe(0);
  }
  expect(readdirSync(join(cwd, "out", "checkpoints")).sort()).toEqual(
    [...readdirSync(join(alone, "out", "checkpoints")), "notes.txt"].sort(),
  );
  for (const name of ["checkpoints/last.safetensors", "checkpoints/run.json", "a.safetensors"]) {
    const [after, expected] = [cwd, alone].map((place) => readFileSync(join(place, "out", name), "latin1"));
    if (name.endsWith(".json"))
      expect({ ...JSON.parse(after!), replaces: [] }).toEqual(JSON.parse(expected!));
    else expect(after === expected, name).toBe(true);
  }
});

/** A training into `out` that has got to its log, and to no checkpoint. */
async function begin(cwd: string) {
  const control = new AbortController();
  const ended = rnnc(["train", "a.rnn", "--data", "good.jsonl", "-o", "out", "--epochs", "1000000"], {
    cwd,
    killedBy: control.signal,
  });
  await vi.waitUntil(() => existsSync(join(cwd, "out", "log.jsonl")), 10_000);
  return {
    kill: async () => {
      control.abort();
      await ended;
    },
  };
}

test("what a failed training leaves is no obstacle to the next one", async () => {
  const cwd = folderWith(files);
  expect((await train(cwd, "wild")).err).toContain("not a finite number");
  expect(readdirSync(join(cwd, "out")).sort()).toEqual(["checkpoints", "log.jsonl"]);
  const ran = await train(cwd, "good");
  expect(ran.code, ran.err).toBe(0);
});

test("nor is what a killed one leaves, half written files included", async () => {
  const cwd = folderWith(files);
  await (await begin(cwd)).kill();
  for (const name of [".last.safetensors.0123abcd.tmp", "best.safetensors"])
    writeFileSync(join(cwd, "out", "checkpoints", name), "half");
  expect((await train(cwd, "wild")).err).toContain("not a finite number");
  const ran = await train(cwd, "good");
  expect(ran.code, ran.err).toBe(0);
  expect(readdirSync(join(cwd, "out", "checkpoints")).sort()).toEqual(stateNames);
  expect(existsSync(join(cwd, "out", "training.lock"))).toBe(false);
});

test("a log of others is not taken for a training's", async () => {
  const ran = await train(folderWith({ ...files, "out/log.jsonl": "mine" }), "good");
  expect(ran.code).toBe(1);
  expect(ran.err).toContain("holds something else already");
});

test("an unfinished training is said to be one", async () => {
  const cwd = folderWith(files);
  const args = ["train", "a.rnn", "--data", "good.jsonl", "-o", "out", "--epochs", "1000000"];
  await rnnc(args, { cwd, interruptAt: "epoch 2 " });
  const ran = await train(cwd, "good");
  expect(ran.code).toBe(1);
  expect(ran.err).toContain("`out` holds an unfinished training.");
  expect(ran.err).toContain("`--resume` goes on with it, `--force` starts over");
});

test.each([[[]], [["--force"]], [["--resume"]]])(
  "a second training into a folder is refused while the first runs (%j)",
  async (more) => {
    const cwd = folderWith(files);
    const first = await begin(cwd);
    const second = await train(cwd, "good", ...more);
    expect(existsSync(join(cwd, "out", "training.lock"))).toBe(true);
    await first.kill();
    expect(second.code).toBe(1);
    expect(second.err).toMatch(/Another training writes into `out`: process \d+\./u);
    expect((await train(cwd, "good", "--force")).code).toBe(0);
  },
);
