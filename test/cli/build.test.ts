import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { folderWith, isFault, language, rnnc } from "./cli.ts";

const tagger =
  "input words : token(20)[T]\ntarget tags : token(4)[T]\nwords >> embed(4) >> lstm(5) >> bidir >> softmax(tags)\n";

test("writes a package, the same bytes each time", async () => {
  const cwd = folderWith({ "tagger.rnn": tagger });
  const ran = await rnnc(["build", "tagger.rnn", "-o", "one"], { cwd });
  expect(ran).toMatchObject({ code: 0, err: "" });
  expect(readdirSync(join(cwd, "one")).sort()).toEqual([
    "tagger.d.ts",
    "tagger.js",
    "tagger.json",
    "tagger.wasm",
  ]);
  expect(ran.out).toMatch(/one\/tagger\.wasm .* KB .* gzipped/u);
  expect(ran.out).toContain("memory: ");
  expect(ran.out).toContain("reads the whole sequence");
  await rnnc(["build", "tagger.rnn", "-o", "two"], { cwd });
  for (const name of readdirSync(join(cwd, "one")))
    expect(readFileSync(join(cwd, "two", name)).equals(readFileSync(join(cwd, "one", name)))).toBe(true);
});

test("--json lists files and parameters", async () => {
  const cwd = folderWith({ "tagger.rnn": tagger });
  const { out } = await rnnc(["build", "tagger.rnn", "--json"], { cwd });
  const result = JSON.parse(out) as {
    folder: string;
    files: { name: string }[];
    parameters: { name: string }[];
  };
  expect(result.folder).toBe("tagger");
  expect(result.files.map(({ name }) => name)).toContain("tagger.wasm");
  expect(result.parameters.map(({ name }) => name)).toContain("embed.E");
});

test("--single-file holds everything", async () => {
  const cwd = folderWith({ "tagger.rnn": tagger });
  await rnnc(["build", "tagger.rnn", "-o", "out", "--single-file"], { cwd });
  expect(readdirSync(join(cwd, "out")).sort()).toEqual(["tagger.d.ts", "tagger.js"]);
  const module = (await import(pathToFileURL(join(cwd, "out", "tagger.js")).href)) as {
    load: () => Promise<{ trainer: () => { step: (batch: object) => { loss: number } } }>;
  };
  const { loss } = (await module.load()).trainer().step({ words: [[1, 2, 3]], tags: [[0, 1, 2]] });
  expect(loss).toBeGreaterThan(0);
});

test("--target tfjs writes shaders; the package runs where tfjs does, not here", async () => {
  const cwd = folderWith({ "tagger.rnn": tagger });
  const ran = await rnnc(["build", "tagger.rnn", "-o", "out", "--target", "tfjs"], { cwd });
  expect(ran).toMatchObject({ code: 0, err: "" });
  expect(readdirSync(join(cwd, "out")).sort()).toEqual(["tagger.d.ts", "tagger.js", "tagger.json"]);
  expect(readFileSync(join(cwd, "out", "tagger.js"), "utf8")).not.toMatch(/^import /mu);
  const refused = await rnnc(["run", "out"], { cwd, input: "" });
  expect(refused.code).toBe(1);
  expect(refused.err).toContain("is for tfjs");
  const shaders = await rnnc(["build", "tagger.rnn", "--emit", "wgsl"], { cwd });
  expect(shaders.out).toContain("@compute @workgroup_size");
  expect(isFault(await rnnc(["build", "tagger.rnn", "--target", "wgpu"], { cwd }))).toBe(false);
});

test("vocabularies as lines or JSON", async () => {
  const cwd = folderWith({
    "lm.rnn": language,
    "lines.txt": "<unk>\n<eos>\na\nb\n",
    "list.json": '["<unk>", "<eos>", "a", "b"]',
    "twice.txt": "a\na\n",
    "other.json": '{ "vocabularies": { "words": ["a"] } }',
  });
  for (const [out, file] of [
    ["lines", "lines.txt"],
    ["list", "list.json"],
    ["package", "list/lm.json"],
  ] as const) {
    expect((await rnnc(["build", "lm.rnn", "-o", out, "--vocab", `text=${file}`], { cwd })).code).toBe(0);
    const metadata = JSON.parse(readFileSync(join(cwd, out, "lm.json"), "utf8")) as { vocabularies: object };
    expect(metadata.vocabularies).toEqual({ text: ["<unk>", "<eos>", "a", "b"] });
  }
  const twice = await rnnc(["build", "lm.rnn", "--vocab", "text=twice.txt"], { cwd });
  expect(twice).toMatchObject({ code: 1 });
  expect(twice.err).toContain("has `a` twice");
  const other = await rnnc(["build", "lm.rnn", "--vocab", "text=other.json"], { cwd });
  expect(other.err).toContain("has no vocabulary of `text`; it has those of `words`");
});

test("a size that only the data know is asked for", async () => {
  const cwd = folderWith({ "lm.rnn": language });
  const ran = await rnnc(["build", "lm.rnn"], { cwd });
  expect(ran).toMatchObject({ code: 1, out: "" });
  expect(ran.err).toContain("--dim text=N");
  expect(existsSync(join(cwd, "lm"))).toBe(false);
});

test.each(["ast", "graph", "hoist", "differentiate", "kernels", "memory", "wat"])(
  "--emit %s",
  async (stage) => {
    const cwd = folderWith({ "lm.rnn": language });
    const ran = await rnnc(["build", "lm.rnn", "--emit", stage], { cwd });
    expect(ran).toMatchObject({ code: 0, err: "" });
    expect(ran.out.length).toBeGreaterThan(10);
    expect(readdirSync(cwd)).toEqual(["lm.rnn"]);
  },
);

test("an unknown stage or pass is wrong usage", async () => {
  const cwd = folderWith({ "lm.rnn": language });
  const stage = await rnnc(["build", "lm.rnn", "--emit", "hoits"], { cwd });
  expect(stage).toMatchObject({ code: 2 });
  expect(stage.err).toContain("Did you mean `hoist`?");
  const pass = await rnnc(["build", "lm.rnn", "--without", "fuze"], { cwd });
  expect(pass).toMatchObject({ code: 2 });
  expect(pass.err).toContain("Did you mean `fuse`?");
});

test("--without leaves a pass out", async () => {
  const cwd = folderWith({ "t.rnn": tagger });
  expect((await rnnc(["build", "t.rnn", "-o", "a"], { cwd })).code).toBe(0);
  expect((await rnnc(["build", "t.rnn", "-o", "b", "--without", "fuse"], { cwd })).code).toBe(0);
  const wasm = (name: string) => readFileSync(join(cwd, name, "t.wasm"));
  expect(wasm("a").equals(wasm("b"))).toBe(false);
});

test("what is no package of the program is not overwritten", async () => {
  const cwd = folderWith({ "t.rnn": tagger, "out/t.js": "mine" });
  const ran = await rnnc(["build", "t.rnn", "-o", "out"], { cwd });
  expect(ran.code).toBe(1);
  expect(readFileSync(join(cwd, "out", "t.js"), "utf8")).toBe("mine");
  expect((await rnnc(["build", "t.rnn", "-o", "out", "--force"], { cwd })).code).toBe(0);
  expect((await rnnc(["build", "t.rnn", "-o", "out"], { cwd })).code).toBe(0);
});

test("weights of another model are refused, and damaged ones", async () => {
  const cwd = folderWith({ "t.rnn": tagger, "bad.safetensors": "nothing" });
  const ran = await rnnc(["build", "t.rnn", "--weights", "bad.safetensors"], { cwd });
  expect(ran.code).toBe(1);
  expect(ran.err).toContain("bad.safetensors");
  expect(isFault(ran)).toBe(false);
  expect(existsSync(join(cwd, "t"))).toBe(false);
  writeFileSync(join(cwd, "gone.txt"), "");
  expect((await rnnc(["build", "t.rnn", "--weights", "gone.safetensors"], { cwd })).err).toContain(
    "does not exist",
  );
});

test("`--max-memory` picks what training computes again, and says what it costs", async () => {
  const cwd = folderWith({ "tagger.rnn": tagger });
  const args = ["build", "tagger.rnn", "--length", "T=5000", "--max-memory"];
  const ran = await rnnc([...args, "30MB", "-o", "small"], { cwd });
  expect(ran.out).toMatch(
    /recompute segments: training at .*T = 5000 takes .*B instead of .*B, for \d+ % more/u,
  );
  const not = await rnnc([...args, "10KB", "-o", "tiny"], { cwd });
  expect(not.code).toBe(1);
  expect(not.err).toMatch(/takes .* at least, which is more than 10 KB[^]*--batch/u);
  expect((await rnnc([...args, "much"], { cwd })).code).toBe(2);
});
