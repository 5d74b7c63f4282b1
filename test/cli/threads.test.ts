/** `--threads`: in building, training and timing. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { folderWith, rnnc } from "./cli.ts";

const program = `input words : token[T]
target tags : token[T]
words >> embed(6) >> gru(10) >> bidir >> softmax(tags)
train { optimizer adam(1e-2)  batch 4  epochs 3  validate 0 }
`;
const records = Array.from({ length: 12 }, (_, k) => {
  const words = Array.from({ length: 2 + (k % 4) }, (_, t) => "abc"[(k + t) % 3]!);
  return JSON.stringify({ words, tags: words.map((w) => w.toUpperCase()) });
});
const folder = (): string => folderWith({ "tag.rnn": program, "data.jsonl": `${records.join("\n")}\n` });

test("train learns to the same bits, and its package runs on as many as one likes", async () => {
  const cwd = folder();
  const weights = async (...more: readonly string[]): Promise<Buffer> => {
    const out = `out${more.length}`;
    const { code, err } = await rnnc(["train", "tag.rnn", "--data", "data.jsonl", "-o", out, ...more], {
      cwd,
    });
    expect(code, err).toBe(0);
    return readFileSync(join(cwd, out, "tag.safetensors"));
  };
  expect((await weights("--threads", "2")).equals(await weights())).toBe(true);

  const script = `import { load } from "./out2/tag.js";
for (const threads of [1, 2, 3]) {
  const model = await load({ threads });
  const { tags } = model.predict({ words: ["a", "b"] });
  console.log(model.threads, tags.labels().join(""), tags.data.length);
}`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    cwd,
  });
  expect(
    stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0]),
  ).toEqual(["1", "2", "3"]);
  expect(
    new Set(
      stdout
        .trim()
        .split("\n")
        .map((line) => line.slice(2)),
    ).size,
  ).toBe(1);
  const types = readFileSync(join(cwd, "out2", "tag.d.ts"), "utf8");
  expect(types).toContain("readonly threads?: number");
  const { out } = await rnnc(["run", "out2"], { cwd, input: '{"words":["a","c"]}\n' });
  expect(JSON.parse(out)).toHaveProperty("tags");
});

test("build and bench", async () => {
  const cwd = folder();
  const built = await rnnc(["build", "tag.rnn", "--threads", "--vocab", "words=w", "--vocab", "tags=w"], {
    cwd: folderWith({ "tag.rnn": program, w: "a\nb\nc\n" }),
  });
  expect(built.code, built.err).toBe(0);
  const timed = await rnnc(
    ["bench", "tag.rnn", "--threads", "2", "--vocab", "words=9", "--vocab", "tags=9", "--json"],
    {
      cwd,
    },
  );
  expect(timed.code, timed.err).toBe(0);
});

test("no thread at all is misuse", async () => {
  const { code, err } = await rnnc(["train", "tag.rnn", "--data", "data.jsonl", "--threads", "0"], {
    cwd: folder(),
  });
  expect(code).toBe(2);
  expect(err).toContain("--threads");
});

test("more threads than would ever help are misuse, and the processors are counted", async () => {
  const processors = availableParallelism();
  const most = Math.max(64, 4 * processors);
  for (const command of ["train tag.rnn --data data.jsonl", "bench tag.rnn"]) {
    const args = [...command.split(" "), "--threads", String(most + 1)];
    const { code, err } = await rnnc(args, { cwd: folder() });
    expect(code).toBe(2);
    expect(err).toContain("--threads");
    expect(err).toContain(`At most ${most} threads`);
    expect(err).toMatch(new RegExp(`${processors} processors?\\.`, "u"));
  }
});

test("threads of a GPU are misuse", async () => {
  const { code, err } = await rnnc(["build", "tag.rnn", "--threads", "--target", "tfjs"], { cwd: folder() });
  expect(code).toBe(2);
  expect(err).toContain("`--target tfjs`");
});
