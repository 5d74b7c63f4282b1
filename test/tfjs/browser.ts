/**
 * Debian's Chromium with WebGL2 and WebGPU in software, and a page of it with tfjs and the runtime. Tests that need it say
 * so where it is not installed: `describe.skipIf(!hasBrowser)`.
 */
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { build } from "esbuild";
import { chromium, type Page } from "playwright-core";

const executablePath = "/usr/bin/chromium";

export const hasBrowser = existsSync(executablePath);

export const flags = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--enable-unsafe-webgpu",
];

export interface Tab {
  readonly page: Page;
  readonly close: () => Promise<void>;
}

/** What tfjs-wasm fetches where there are no threads. */
const wasmFile = "tfjs-backend-wasm-simd.wasm";

const types: Readonly<Record<string, string>> = {
  html: "text/html",
  css: "text/css",
  js: "text/javascript",
  json: "application/json",
  wasm: "application/wasm",
};

/** A page that has run the script of `page.ts`, served from localhost with other files: WebGPU wants a secure context. */
export async function openTab(files: ReadonlyMap<string, string | Uint8Array> = new Map()): Promise<Tab> {
  const { outputFiles } = await build({
    entryPoints: [`${import.meta.dirname}/page.ts`],
    bundle: true,
    format: "esm",
    platform: "browser",
    write: false,
    logLevel: "error",
  });
  const script = outputFiles[0]!.text;
  const all = new Map<string, string | Uint8Array>([
    ["", `<!doctype html><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>`],
    ["page.js", script],
    [
      wasmFile,
      readFileSync(
        `${import.meta.dirname}/../../node_modules/@tensorflow/tfjs-backend-wasm/dist/${wasmFile}`,
      ),
    ],
    ...files,
  ]);
  const server = createServer((request, response) => {
    const name = decodeURIComponent((request.url ?? "/").slice(1));
    const content = all.get(name);
    response.setHeader("content-type", types[name.split(".").pop() ?? ""] ?? "text/html");
    response.statusCode = content === undefined ? 404 : 200;
    response.end(content ?? "");
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const browser = await chromium.launch({ executablePath, args: flags });
  const page = await browser.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" || process.env["SHOW_PAGE"]) console.error(message.text());
  });
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  // Files may have a page of their own.
  if (!files.has("")) await page.waitForFunction("globalThis.rnncTest !== undefined");
  return {
    page,
    close: async () => {
      await browser.close();
      server.close();
    },
  };
}
