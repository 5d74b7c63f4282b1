/**
 * How many kernels a training step of W4 is (a character model: embed 65, LSTM 128, softmax 65, T = 64, batch 32, Adam), and
 * how long they take to enqueue, beside tfjs-layers on the same backend. Where tfjs has no GPU, what a step takes there as a whole:
 * as WebAssembly, and as tfjs's own ops. Counts depend on T alone, so the test is small and holds them alone;
 * `TABLE=docs/tfjs.md` measures times too, at full size, and writes the tables.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "../../src/compile/compile.ts";
import { dataSpecs, makeBatch } from "../../src/runtime/batch.ts";
import { feed } from "../../src/runtime/feed.ts";
import { newTenant } from "../../src/runtime/machine.ts";
import { hasBrowser, openTab, type Tab } from "./browser.ts";
import { onDevice, persistent } from "./device-machine.ts";
import type { StepCost } from "./page.ts";
import type { Backend } from "./remote-device.ts";

const table = process.env["TABLE"];
const sizes = table ? { B: 32, T: 64, V: 65, H: 128 } : { B: 2, T: 16, V: 9, H: 8 };

const source = `
  input text : token[T]   target later : token(text)[T]
  text >> embed(${sizes.V}) >> lstm(${sizes.H}) >> softmax(later)
  train { optimizer adam(2e-3)  clip norm 5  batch ${sizes.B} }`;

describe.skipIf(!hasBrowser)("kernels of a training step", () => {
  let tab: Tab;
  const rows: string[] = [];
  const elsewhere: string[] = [];
  beforeAll(async () => void (tab = await openTab()), 60_000);
  afterAll(async () => {
    await tab?.close();
    if (table) writeTables(table, rows, elsewhere);
  });

  const milliseconds = (x: number): string => `${x.toFixed(x < 10 ? 1 : 0)} ms`;

  test.each<[Backend, string]>([
    ["webgpu", "WebGPU"],
    ["webgl", "WebGL 2"],
  ])("on %s: at most a tenth of those of tfjs-layers", { timeout: 600_000 }, async (backend, name) => {
    const ours = await ourCost(backend);
    const theirs = await theirCost(backend);
    expect(ours.kernels).toBeLessThanOrEqual(theirs.kernels / 10);
    rows.push(
      `| ${name} | rnnc | ${ours.kernels} | ${ours.copies} | ${milliseconds(ours.enqueue)} |`,
      `| ${name} | tfjs-layers | ${theirs.kernels} | – | ${milliseconds(theirs.enqueue)} |`,
    );
  });

  test.runIf(table)("without a GPU: the time as WebAssembly", { timeout: 600_000 }, async () => {
    const ours = await ourCost("cpu");
    const theirs = await theirCost("cpu");
    elsewhere.push(`| ${milliseconds(ours.enqueue)} | ${milliseconds(theirs.enqueue)} |`);
  });

  const theirCost = (backend: Backend): Promise<StepCost> =>
    tab.page.evaluate((args) => globalThis.rnncTest.layersCost(args.backend, args.sizes), { backend, sizes });

  async function ourCost(backend: Backend): Promise<StepCost> {
    const compiled = await compile(source, "w4.rnn", { target: "tfjs", dims: { text: sizes.V } });
    if (!compiled.tfjs) throw new Error(compiled.diagnostics.map((d) => d.message).join("\n"));
    const { machine, mirror, device } = await onDevice(tab, backend, compiled);
    const of = dataSpecs(compiled.metadata!);
    const ids = (shift: number): number[][] =>
      Array.from({ length: sizes.B }, (_, b) =>
        Array.from({ length: sizes.T }, (_, t) => (b + t + shift) % sizes.V),
      );
    feed(machine, of, makeBatch(of, { text: ids(0), later: ids(1) }, { targets: true }), newTenant());
    mirror.changed([...persistent(machine), "settings"]);
    machine.run("gradients");
    machine.run("update");
    await mirror.download(["train:loss"]);
    return tab.page.evaluate((id) => globalThis.rnncTest.cost(id), device.id);
  }
});

/** Each after its marker. */
function writeTables(file: string, counts: readonly string[], elsewhere: readonly string[]): void {
  const tables = {
    counts: [
      "| backend | | kernels a step | copies | until all are enqueued |",
      "| --- | --- | --- | --- | --- |",
      ...counts,
    ],
    elsewhere: ["| rnnc, as WebAssembly | tfjs-layers on tfjs-cpu |", "| --- | --- |", ...elsewhere],
    machine: [`Measured in Chromium on ${cpus()[0]!.model.trim()}.`],
  };
  let text = readFileSync(file, "utf8");
  for (const [name, lines] of Object.entries(tables))
    text = text.replace(
      new RegExp(`(<!-- ${name} -->\\n)[^]*?(<!-- end -->)`, "u"),
      (_, start: string, end: string) => `${start}\n${lines.join("\n")}\n\n${end}`,
    );
  writeFileSync(file, text);
}
