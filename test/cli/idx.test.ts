/** IDX: images and the labels beside them, as `rnnc train`, `eval` and `run` read them. */
import { gzipSync } from "node:zlib";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fieldsOf } from "../../src/cli/data/field.ts";
import { readData } from "../../src/cli/data/read.ts";
import { check } from "../../src/compile/check.ts";
import { folderWith, isFault, rnnc } from "./cli.ts";

const idx = (dims: readonly number[], data: readonly number[], type = 8): Buffer => {
  const head = Buffer.alloc(4 + 4 * dims.length);
  head.set([0, 0, type, dims.length]);
  dims.forEach((dim, k) => head.writeUInt32BE(dim, 4 + 4 * k));
  return Buffer.concat([head, Buffer.from(data)]);
};

/** Bars: of label 0 the left column is white, of label 1 the right one. */
const count = 20;
const labels = Array.from({ length: count }, (_, k) => k % 2);
const pixels = labels.flatMap((label) => [0, 1, 2].flatMap(() => (label === 0 ? [255, 0] : [0, 255])));

const folder = (changed: Readonly<Record<string, Buffer>> = {}): string => {
  const cwd = folderWith({});
  const files = {
    "bars-images-idx3-ubyte": idx([count, 3, 2], pixels),
    "bars-labels-idx1-ubyte": idx([count], labels),
    ...changed,
  };
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(cwd, name), bytes);
  return cwd;
};

const read = (source: string, path: string) => {
  const { model, main } = check(source, "a.rnn");
  const fields = fieldsOf(model!.data, main.program);
  return readData({ path, format: null, columns: null }, { fields, chunked: false });
};

const label = "target digit : token(2)\nimage >>";

describe("an image has the axes that the program gives it", () => {
  test.each([
    [
      "f32[T, 2]",
      [
        [1, 0],
        [1, 0],
        [1, 0],
      ],
    ],
    [
      "f32[H: 3, W: 2]",
      [
        [1, 0],
        [1, 0],
        [1, 0],
      ],
    ],
    [
      "f32[H: 3, W: 2, 1]",
      [
        [[1], [0]],
        [[1], [0]],
        [[1], [0]],
      ],
    ],
    ["f32[6]", [1, 0, 1, 0, 1, 0]],
  ])("%s", (type, first) => {
    const whole = type.includes("T") ? "last" : "flatten";
    const source = `input image : ${type}\n${label} ${whole} >> dense(4) >> softmax(digit)`;
    const records = read(source, join(folder(), "bars-images-idx3-ubyte"));
    expect(records).toHaveLength(count);
    expect(records[0]!.values).toEqual({ image: first, digit: 0 });
    expect(records[1]!.values["digit"]).toBe(1);
  });
});

test("a folder holds pairs, also compressed, and without a target the labels are left alone", () => {
  const cwd = folder({
    "more-images-idx3-ubyte.gz": gzipSync(idx([1, 3, 2], [0, 0, 0, 0, 0, 51])),
    "more-labels-idx1-ubyte.gz": gzipSync(idx([1], [1])),
  });
  const records = read(`input image : f32[6]\n${label} dense(4) >> softmax(digit)`, cwd);
  expect(records).toHaveLength(count + 1);
  expect(records.at(-1)!.values).toEqual({ image: [0, 0, 0, 0, 0, 0.2], digit: 1 });
  const alone = read("input image : f32[6]\nminimize mse(image >> dense(2) >> dense(6), image)", cwd);
  expect(Object.keys(alone[0]!.values)).toEqual(["image"]);
});

test("train, eval", async () => {
  const cwd = folder({
    "a.rnn": Buffer.from(
      `input image : f32[T, 2]\n${label} gru(4) >> last >> softmax(digit)\ntrain { optimizer adam(0.05)  batch 5  epochs 20 }\n`,
    ),
  });
  const data = ["--data", "bars-images-idx3-ubyte"];
  expect((await rnnc(["train", "a.rnn", ...data, "-o", "out"], { cwd })).code).toBe(0);
  const { out } = await rnnc(["eval", "out", ...data, "--json"], { cwd });
  expect(JSON.parse(out)).toMatchObject({ examples: count, accuracy: 1 });
});

describe("what is wrong is said", () => {
  const source = `input image : f32[6]\n${label} dense(4) >> softmax(digit)\n`;
  test.each([
    [
      "cut off",
      { "bars-images-idx3-ubyte": idx([count, 3, 2], pixels.slice(1)) },
      "says that it holds 20 × 3 × 2 elements, and holds 119",
    ],
    ["another format", { "bars-images-idx3-ubyte": Buffer.from("PNG and so on") }, "is no IDX file"],
    [
      "numbers of another type",
      { "bars-images-idx3-ubyte": idx([1, 1, 1], [0, 0, 0, 0], 13) },
      "holds elements of type 13",
    ],
    ["too few labels", { "bars-labels-idx1-ubyte": idx([3], [0, 1, 0]) }, "holds 3 labels for 20 images"],
    ["labels alone", { "bars-images-idx3-ubyte": idx([count], labels) }, "holds labels alone"],
    ["other sizes", { "bars-images-idx3-ubyte": idx([count, 3, 1], pixels.slice(0, 60)) }, "wanted 6"],
  ])("%s", async (_, files: Readonly<Record<string, Buffer>>, message) => {
    const cwd = folder({ ...files, "a.rnn": Buffer.from(source) });
    const ran = await rnnc(["train", "a.rnn", "--data", "bars-images-idx3-ubyte", "-o", "out"], { cwd });
    expect(ran.code).toBe(1);
    expect(ran.err).toContain(message);
    expect(isFault(ran)).toBe(false);
  });

  test("labels that are missing, and a model that wants something else", async () => {
    const cwd = folder({
      "a.rnn": Buffer.from(source),
      "b.rnn": Buffer.from(
        "input words : token(5)[T]\ntarget y : token(2)\nwords >> embed(3) >> last >> softmax(y)\n",
      ),
    });
    writeFileSync(join(cwd, "lone-images-idx3-ubyte"), idx([1, 3, 2], [0, 0, 0, 0, 0, 0]));
    const lone = await rnnc(["train", "a.rnn", "--data", "lone-images-idx3-ubyte", "-o", "out"], { cwd });
    expect(lone).toMatchObject({ code: 1 });
    expect(lone.err).toContain("lone-labels-idx1-ubyte");
    const words = await rnnc(["train", "b.rnn", "--data", "bars-images-idx3-ubyte", "-o", "out"], { cwd });
    expect(words).toMatchObject({ code: 1 });
    expect(words.err).toContain("the model wants `words`, `y`");
  });
});
