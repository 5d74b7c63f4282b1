import { expect, test } from "vitest";
import { folderWith, rnnc } from "./cli.ts";

const commands = [
  "check",
  "build",
  "train",
  "eval",
  "run",
  "sample",
  "graph",
  "explain",
  "fmt",
  "bench",
  "init",
];

test("--help names every command and loads nothing heavy", async () => {
  const { code, out, err } = await rnnc(["--help"], { env: { NODE_DEBUG: "module" } });
  expect(code).toBe(0);
  for (const command of commands) expect(out).toContain(`  ${command} `);
  expect(err).not.toContain("binaryen");
});

test.each(commands)("%s has a help of its own", async (command) => {
  const { code, out } = await rnnc([command, "--help"]);
  expect(code).toBe(0);
  expect(out).toContain(`Usage: rnnc ${command}`);
});

test("--version prints the version", async () => {
  expect((await rnnc(["--version"])).out).toMatch(/^\d+\.\d+\.\d+\n$/u);
});

test("wrong usage is exit 2, with the nearest word", async () => {
  const command = await rnnc(["trian"]);
  expect(command).toMatchObject({ code: 2, out: "" });
  expect(command.err).toContain("Did you mean train?");
  const option = await rnnc(["train", "a.rnn", "--data", "b.txt", "--epoch", "3"]);
  expect(option.code).toBe(2);
  expect(option.err).toContain("Did you mean --epochs?");
});

test.each([
  [["train", "a.rnn"], "--data"],
  [["train", "a.rnn", "--data", "x", "--epochs", "many"], "whole number"],
  [["train", "a.rnn", "--data", "x", "--validate", "2"], "from 0 to 0.9"],
  [["check", "a.rnn", "--dim", "d"], "NAME=VALUE"],
  [["train", "a.rnn", "--data", "x", "--data", "y"], "`x` is given already"],
  [["check"], "missing required argument"],
  [[], "Usage: rnnc"],
])("%j is wrong usage", async (args, message) => {
  const { code, err } = await rnnc(args);
  expect(code).toBe(2);
  expect(err).toContain(message);
});

test("a setting that does not exist is wrong usage", async () => {
  const cwd = folderWith({ "a.rnn": "lstm(4) >> last >> softmax\n", "d.jsonl": '{"x":[[1]],"y":0}\n' });
  const { code, err } = await rnnc(["train", "a.rnn", "--data", "d.jsonl", "--set", "optimiser=adam(1)"], {
    cwd,
  });
  expect(code).toBe(2);
  expect(err).toContain("Did you mean `optimizer`?");
});

test("colours only where they are wanted", async () => {
  const plain = await rnnc(["explain", "lstm"]);
  expect(plain.out).not.toContain("\u001b[");
  const forced = await rnnc(["explain", "lstm"], { env: { FORCE_COLOR: "1" } });
  expect(forced.out).toContain("\u001b[");
  const refused = await rnnc(["explain", "lstm"], { env: { FORCE_COLOR: "1", NO_COLOR: "1" } });
  expect(refused.out).not.toContain("\u001b[");
});
