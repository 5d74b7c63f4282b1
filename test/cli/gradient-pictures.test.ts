/** `rnnc check --flow` and `--surface`: pictures that can be read, and what is refused. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { drawFlow } from "../../src/cli/drawing/flow-curve.ts";
import { drawLossMap } from "../../src/cli/drawing/loss-map.ts";
import { folderWith, isFault, rnnc } from "./cli.ts";
import { faultOf } from "./svg.ts";

const adding = (stage: string): string => `input x : f32[T, 2]
target y : f32[1]
x >> ${stage} >> last >> regress(y)
`;

const files = { "rnn.rnn": adding("elman(8)"), "lstm.rnn": adding("lstm(8, forget_bias = 4)") };

test("the flow of two programs in one picture, and the numbers", async () => {
  const cwd = folderWith(files);
  const ran = await rnnc(["check", "--gradients", "--flow", "flow.svg", "rnn.rnn", "lstm.rnn"], { cwd });
  expect(ran).toMatchObject({ code: 0, err: "wrote flow.svg\n" });
  expect(ran.out).toMatch(/elman\.h +\d\.\de-\d+ +\d\.\de[+-]\d +× 0\.\d+/u);
  const svg = readFileSync(join(cwd, "flow.svg"), "utf8");
  expect(faultOf(svg)).toBeNull();
  for (const line of ["rnn: elman.h", "lstm: lstm.h", "lstm: lstm.c"]) expect(svg).toContain(`>${line}<`);
});

test("--json has every norm", async () => {
  const cwd = folderWith(files);
  const args = ["check", "--flow", "f.svg", "--length", "30", "rnn.rnn", "--json"];
  const [result] = JSON.parse((await rnnc(args, { cwd })).out) as { flow: { norms: number[] }[] }[];
  expect(result!.flow[0]!.norms).toHaveLength(30);
});

test("the loss over two weights", async () => {
  const cwd = folderWith(files);
  const args = ["check", "rnn.rnn", "--surface", "Wh[0,7]=-2:2,regress.b", "--length", "20"];
  expect(await rnnc(args, { cwd })).toMatchObject({ code: 0, err: "wrote rnn.surface.svg\n" });
  const svg = readFileSync(join(cwd, "rnn.surface.svg"), "utf8");
  expect(faultOf(svg)).toBeNull();
  for (const words of ["elman.h.Wh[0,7]", "regress.b", "start"]) expect(svg).toContain(`>${words}<`);
  await rnnc([...args, "-o", "other.svg"], { cwd });
  expect(readFileSync(join(cwd, "other.svg"), "utf8")).toBe(svg);
});

describe("refused", () => {
  test.each([
    [["--flow", "rnn.rnn"], 2, "That is a program"],
    [["--flow", "flow.png", "rnn.rnn"], 2, "write flow.svg"],
    [["--flow", "none/flow.svg", "rnn.rnn"], 1, "folder of `none/flow.svg` does not exist"],
    [["--surface", "Wh", "rnn.rnn"], 2, "Two weights are due"],
    [["--surface", "b,b[1", "rnn.rnn"], 2, "`b[1` is no weight"],
    [["--surface", "b=2:1,Wh[0,0]", "rnn.rnn"], 2, "no range"],
    [["--surface", "V,regress.b", "rnn.rnn"], 1, "no parameter `V`"],
    [["--surface", "b,W[0,0]", "rnn.rnn"], 1, "the end of several names: `elman.h.b`, `regress.b`"],
    [["--surface", "Wh,regress.b", "rnn.rnn"], 1, "`elman.h.Wh` is 8 × 8"],
    [["--surface", "Wh[0,8],regress.b", "rnn.rnn"], 1, "`elman.h.Wh[0,0]` to `[7,7]`"],
    [["--surface", "regress.b,regress.b[0]", "rnn.rnn"], 2, "twice"],
    [["--surface", "Wh[0,0],Wh[0,1]", "rnn.rnn", "lstm.rnn"], 2, "one program at a time"],
    [["--length", "9", "rnn.rnn"], 2, "neither is asked for"],
    [["-o", "a.svg", "rnn.rnn"], 2, "not asked for"],
    [["--flow", "f.svg", "plain.rnn"], 1, "no recurrence"],
    [["--flow", "f.svg", "lossless.rnn"], 1, "no loss"],
    [["--flow", "f.svg", "zero.rnn"], 1, "No gradient reaches a state of `zero.rnn`"],
    [["--flow", "f.svg", "huge.rnn", "--length", "2000"], 1, "not finite"],
  ])("%j", async (args, code, message) => {
    const cwd = folderWith({
      ...files,
      "plain.rnn": adding("dense(3)"),
      "lossless.rnn": "input x : f32[T, 2]\nx >> elman(3)\n",
      "zero.rnn": "input x : f32[T, 2]\nlet h = x >> elman(3) >> last\nminimize sum(0 * h)\n",
      "huge.rnn": adding("irnn(4, scale = 3)"),
    });
    const ran = await rnnc(["check", ...args], { cwd });
    expect(ran.err).toContain(message);
    expect(ran.code).toBe(code);
    expect(isFault(ran)).toBe(false);
    expect(existsSync(join(cwd, "f.svg"))).toBe(false);
  });
});

describe("drawn whatever the numbers are", () => {
  test.each([[[0, 0, 0]], [[1e-300, 1, 1e300]], [[2, 2]], [[1, 0, 1]]])("a flow of %j", (norms) => {
    const svg = drawFlow("a < b & c", [{ name: 'the "state"', group: 0, norms }]);
    expect(faultOf(svg)).toBeNull();
  });

  test.each([
    [[1, 2, 3, 4]],
    [[0, 0, 0, 0]],
    [[1, Infinity, NaN, 4]],
    [[NaN, NaN, NaN, NaN]],
    [[1e-30, 1, 1e30, 0]],
  ])("a surface of %j", ([a, b, c, d]) => {
    const losses = [
      [a!, b!],
      [c!, d!],
    ];
    const map = { title: "t", names: { x: "v", y: "w" }, x: [0, 1], y: [0, 1], losses, start: null };
    expect(faultOf(drawLossMap(map))).toBeNull();
  });

  test("the judge of drawings finds what is wrong", () => {
    for (const svg of ["<svg><g></svg>", "<svg>a & b</svg>", '<svg x="1" x="2"/>', '<svg x="NaN"/>'])
      expect(faultOf(svg)).not.toBeNull();
  });
});
