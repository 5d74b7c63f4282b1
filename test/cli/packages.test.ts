/** Paths that name no package, and trainings that take the place of another's package. */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { classifier, folderWith, isFault, reviews, rnnc } from "./cli.ts";

const cwd = folderWith({
  "c.rnn": classifier,
  "d.rnn": classifier.replace("gru(8)", "gru(4)"),
  "r.jsonl": reviews,
  "empty/notes.txt": "mine",
});
const train = (...args: readonly string[]) =>
  rnnc(["train", ...args, "--data", "r.jsonl", "--steps", "1"], { cwd });

beforeAll(async () => {
  expect(await train("c.rnn")).toMatchObject({ code: 0 });
}, 60_000);

describe("a path that names no package", () => {
  test.each([
    ["c.rnn", "`c.rnn` is a program, and no package.", "Its package is `c`."],
    [
      "d.rnn",
      "`d.rnn` is a program, and no package.",
      "Train it first: `rnnc train d.rnn --data PATH` writes the package `d`.",
    ],
    ["d", "`d` does not exist.", "Train it first: `rnnc train d.rnn"],
    ["nothere", "`nothere` does not exist.", "There is the package `c`."],
    ["empty", "`empty` holds no package.", "There is the package `c`."],
    ["c/nothere.json", "`c/nothere.json` does not exist.", "`rnnc train FILE --data PATH` trains a program"],
    ["c/c.wasm", "`c/c.wasm` describes no package", "Name its folder, `c`."],
    ["r.jsonl", "`r.jsonl` describes no package", "A package is the folder"],
  ])("%s", async (path, message, hint) => {
    for (const args of [
      ["run", path],
      ["eval", path, "--data", "r.jsonl"],
      ["sample", path],
    ]) {
      const ran = await rnnc(args, { cwd });
      expect([ran.code, ran.out]).toEqual([1, ""]);
      expect(ran.err).toContain(message);
      expect(ran.err).toContain(hint);
      expect(isFault(ran)).toBe(false);
    }
  });
});

describe("train --force into the folder of another program", () => {
  const kept = ["c.txt", "other.json"];

  test("takes the earlier package away, and nothing of the user's", async () => {
    expect(await train("c.rnn", "-o", "out")).toMatchObject({ code: 0 });
    for (const name of kept) writeFileSync(join(cwd, "out", name), "{}");
    expect((await train("d.rnn", "-o", "out")).code).toBe(1);
    expect(existsSync(join(cwd, "out", "c.wasm"))).toBe(true);
    expect(await train("d.rnn", "-o", "out", "--force")).toMatchObject({ code: 0 });
    expect(readdirSync(join(cwd, "out")).sort()).toEqual(
      [
        ...kept,
        "checkpoints",
        "d.d.ts",
        "d.js",
        "d.json",
        "d.safetensors",
        "d.wasm",
        "log.jsonl",
        "loss.svg",
      ].sort(),
    );
    expect(await rnnc(["eval", "out", "--data", "r.jsonl"], { cwd })).toMatchObject({ code: 0 });
  });

  test("only once its own is written", async () => {
    expect(await train("c.rnn", "-o", "late")).toMatchObject({ code: 0 });
    const args = ["train", "d.rnn", "--data", "r.jsonl", "-o", "late"];
    const long = ["--epochs", "100000"];
    const stopped = await rnnc([...args, "--force", ...long], { cwd, interruptAt: "epoch 2 " });
    expect(stopped.code).toBe(130);
    expect(existsSync(join(cwd, "late", "c.safetensors"))).toBe(true);
    expect(await rnnc([...args, "--resume", "--epochs", "2"], { cwd })).toMatchObject({ code: 0 });
    expect(readdirSync(join(cwd, "late")).filter((name) => name.startsWith("c."))).toEqual([]);
  });

  test("a package of its own name is replaced, one that was built there stays", async () => {
    expect(
      await rnnc(["build", "c.rnn", "-o", "both", "--dim", "words=9", "--dim", "label=2"], { cwd }),
    ).toMatchObject({ code: 0 });
    for (let k = 0; k < 2; k++)
      expect(await train("d.rnn", "-o", "both", "--force")).toMatchObject({ code: 0 });
    for (const name of ["c.wasm", "d.wasm", "d.safetensors"])
      expect(existsSync(join(cwd, "both", name))).toBe(true);
  });
});
