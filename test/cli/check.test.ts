import { expect, test } from "vitest";
import { folderWith, isFault, language, rnnc } from "./cli.ts";

const wrong = "input words : token(100)[T]\nwords >> embd(8) >> last >> softmax(2)\n";

test("a good program", async () => {
  const cwd = folderWith({ "a.rnn": language });
  expect(await rnnc(["check", "a.rnn"], { cwd })).toEqual({ code: 0, out: "a.rnn: good\n", err: "" });
});

test("a wrong program: its place on standard error, exit 1", async () => {
  const cwd = folderWith({ "a.rnn": language, "b.rnn": wrong });
  const ran = await rnnc(["check", "a.rnn", "b.rnn"], { cwd });
  expect(ran.code).toBe(1);
  expect(ran.out).toBe("a.rnn: good\nb.rnn: 1 error\n");
  expect(ran.err).toContain("b.rnn:2:10");
  expect(ran.err).toContain("Did you mean `embed`?");
});

test("--json tells lines and columns", async () => {
  const ran = await rnnc(["check", "-", "--json"], { input: wrong });
  expect(ran).toMatchObject({ code: 1, err: "" });
  const [result] = JSON.parse(ran.out) as { ok: boolean; diagnostics: object[] }[];
  expect(result).toMatchObject({ file: "<stdin>", ok: false });
  expect(result!.diagnostics[0]).toMatchObject({
    code: "unknown-name",
    severity: "error",
    start: { line: 2, column: 10 },
    end: { line: 2, column: 14 },
  });
});

test("--gradients knows a parameter that has no part in the loss", async () => {
  const program = `input x : f32[T, 3]
target y : f32[T]
param w[4]
let h = x >> elman(4)
let z = h + 0 * w
z >> regress(y)
`;
  const ran = await rnnc(["check", "a.rnn", "--gradients"], { cwd: folderWith({ "a.rnn": program }) });
  expect(ran.code, ran.err).toBe(0);
  expect(ran.out).toMatch(/w +4 +0\.0e\+0 +0\.0e\+0 +good/u);
});

test("--gradients compares every parameter", async () => {
  const cwd = folderWith({ "a.rnn": language });
  const ran = await rnnc(["check", "a.rnn", "--gradients"], { cwd });
  expect(ran.code).toBe(0);
  expect(ran.out).toMatch(/embed\.E .* good/u);
  expect(ran.out).not.toContain("wrong");
});

test("imports are found beside the program", async () => {
  const cwd = folderWith({
    "cells/mine.rnn": "cell mine(n) (x) {\n  state h[n]\n  h = tanh(affine(x, h[t-1]))\n  return h\n}\n",
    "sub/a.rnn": 'import "../cells/mine.rnn"\ninput x : f32[T, 3]\nx >> mine(4) >> last >> softmax\n',
  });
  expect((await rnnc(["check", "sub/a.rnn"], { cwd })).code).toBe(0);
});

test.each([
  ["missing.rnn", "does not exist"],
  [".", "is a folder, not a file"],
])("%s cannot be read", async (name, message) => {
  const ran = await rnnc(["check", name], { cwd: folderWith() });
  expect(ran.code).toBe(1);
  expect(ran.err).toContain(message);
  expect(isFault(ran)).toBe(false);
});

test("a program that is not UTF-8 is refused with the byte", async () => {
  const cwd = folderWith({ "a.rnn": Uint8Array.of(0x23, 0x20, 0xe4, 0x0a) });
  const ran = await rnnc(["check", "a.rnn"], { cwd });
  expect(ran.code).toBe(1);
  expect(ran.err).toContain("`a.rnn` is not UTF-8");
});
