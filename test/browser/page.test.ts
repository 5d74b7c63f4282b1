/**
 * A package in a page of a real browser, without a bundler: it predicts, trains and generates to the bits of Node.
 * Skipped, visibly, where Debian's Chromium is not installed.
 */
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { chromium, type Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageFiles } from "../../src/backends/package/package-files.ts";
import { load } from "../../src/runtime/index.ts";
import { buildRuntime } from "../../scripts/runtime-text.mjs";
import { compile } from "../../src/compile/compile.ts";
import { characterModel, frames, tags, taggingModel, taggingSource } from "../runtime/models.ts";

const executablePath = "/usr/bin/chromium";
const flags = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const types: Readonly<Record<string, string>> = {
  html: "text/html",
  js: "text/javascript",
  json: "application/json",
  wasm: "application/wasm",
};

/** What page and Node both do: train, predict, keep the bits. */
const program = `
  const bits = (values) => Array.from(new Uint32Array(Float32Array.from(values).buffer));
  const trainer = tagger.trainer({ seed: 3 });
  const losses = [];
  for (let step = 0; step < 5; step++) losses.push(trainer.step(batch).loss);
  const { tags } = tagger.predict({ audio: batch.audio[0] });
  const writer = characters.trainer({ seed: 5 });
  for (const chunk of writer.chunks({ text }, { batch: 3 })) losses.push(writer.step(chunk).loss);
  const sample = [...characters.generate({ length: 20, seed: 1 })].join("");
  return { losses: bits(losses), tags: bits(tags.data), sample };
`;

const page = `<!doctype html><title>rnnc</title><script type="module">
  import { load as loadTagger } from "./tagger.js";
  import { load as loadCharacters } from "./characters.js";
  window.run = async ({ batch, text }) => {
    const [tagger, characters] = [await loadTagger(), await loadCharacters()];
    ${program}
  };
</script>`;

/** Several threads, where the page may share memory. */
const threadedPage = `<!doctype html><title>threads</title><script type="module">
  import { load } from "./threaded.js";
  window.run = async ({ batch }) => {
    const model = await load({ threads: 2 });
    const trainer = model.trainer({ seed: 3 });
    const losses = [0, 1, 2].map(() => trainer.step(batch).loss);
    const { threads } = model;
    model.dispose();
    return { threads, losses };
  };
</script>`;

const text = "abc acb bca cab ".repeat(20);
const batch = { audio: [frames(5), frames(3, 1)], tags: [tags(5), tags(3)] };

describe.skipIf(!existsSync(executablePath))("a page in Chromium", () => {
  const files = new Map<string, string | Uint8Array>();
  let server: Server;
  let browser: Browser;
  let address = "";

  beforeAll(async () => {
    const runtime = await buildRuntime(undefined, "searching-entry.ts");
    for (const [name, made] of [
      ["tagger", await taggingModel()],
      ["characters", await characterModel()],
    ] as const) {
      const metadata = { ...made.metadata, name };
      for (const [file, content] of packageFiles({ metadata, wasm: made.wasm as Uint8Array, runtime }))
        files.set(`/${file}`, content);
    }
    const threaded = await compile(taggingSource, "threaded.rnn", { threads: true });
    const content = packageFiles({
      metadata: threaded.metadata!,
      wasm: threaded.wasm!,
      runtime: await buildRuntime(undefined, "threaded-entry.ts"),
    });
    for (const [file, text] of content) files.set(`/${file}`, text);
    files.set("/", page);
    files.set("/alone", threadedPage);
    files.set("/isolated", threadedPage);
    server = createServer((request, response) => {
      const path = new URL(request.url ?? "/", "http://localhost").pathname;
      const content = files.get(path);
      response.setHeader("content-type", types[path.split(".").pop() ?? ""] ?? "text/html");
      if (path === "/isolated") {
        response.setHeader("cross-origin-opener-policy", "same-origin");
        response.setHeader("cross-origin-embedder-policy", "require-corp");
      }
      response.statusCode = content === undefined ? 404 : 200;
      response.end(content ?? "");
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await chromium.launch({ executablePath, args: flags });
  });

  afterAll(async () => {
    await browser.close();
    server.close();
  });

  test("trains, predicts and generates to the bits of Node", async () => {
    const tab = await browser.newPage();
    await tab.goto(address);
    await tab.waitForFunction("window.run !== undefined");
    const inPage = await tab.evaluate<unknown>(`window.run(${JSON.stringify({ batch, text })})`);
    const run = new Function("tagger", "characters", "batch", "text", program);
    const inNode: unknown = run(
      await load(await taggingModel()),
      await load(await characterModel()),
      batch,
      text,
    );
    expect(inPage).toEqual(inNode);
  });

  test("runs on several threads where it may share memory, and else on one, to the same bits", async () => {
    const alone = (await load(await taggingModel())).trainer({ seed: 3 });
    const losses = [0, 1, 2].map(() => alone.step(batch).loss);
    for (const [path, threads] of [
      ["isolated", 2],
      ["alone", 1],
    ] as const) {
      const tab = await browser.newPage();
      await tab.goto(`${address}/${path}`);
      await tab.waitForFunction("window.run !== undefined");
      const inPage = await tab.evaluate<unknown>(`window.run(${JSON.stringify({ batch })})`);
      expect(inPage).toEqual({ threads, losses });
    }
  });
});
