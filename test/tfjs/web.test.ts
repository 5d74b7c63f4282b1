/**
 * The page of examples/web trains on each of its targets, with a falling curve and a sample. `SCREENSHOT=docs/web.png` keeps
 * a picture of it, which the README shows.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { webFiles } from "../../scripts/web-files.mjs";
import * as library from "../../src/index.ts";
import { hasBrowser, openTab, type Tab } from "./browser.ts";

const picture = process.env["SCREENSHOT"];

describe.skipIf(!hasBrowser)("the page of examples/web", () => {
  let tab: Tab;
  beforeAll(async () => {
    tab = await openTab(await webFiles(library));
  }, 120_000);
  afterAll(() => tab?.close());

  /** What the page says of its training; step 0 before it says anything. */
  const status = async (): Promise<{
    readonly target: string;
    readonly step: number;
    readonly loss: number;
  }> => {
    const text = await tab.page.textContent("#status");
    const [, target = "", step = "0", loss = "0"] =
      /^(\w+): step (\d+), loss ([\d.]+)/u.exec(text ?? "") ?? [];
    return { target, step: Number(step), loss: Number(loss) };
  };

  async function trainedTo(target: string, step: number): Promise<number> {
    for (;;) {
      const now = await status();
      if (now.target === target && now.step >= step) return now.loss;
      await tab.page.waitForTimeout(100);
    }
  }

  test("trains on WASM, WebGL and WebGPU in turn", { timeout: 280_000 }, async () => {
    const { page } = tab;
    await page.setViewportSize({ width: 720, height: 1000 });
    await page.click("#run");
    const first = await trainedTo("wasm", 1);
    // The first loss that is seen may be that of a later step; for a picture it learns a little longer.
    expect(await trainedTo("wasm", picture ? 1500 : 400)).toBeLessThan(0.85 * first);
    for (const target of ["webgl", "webgpu"]) {
      const { step } = await status();
      await page.click(`input[value=${target}]`);
      // The weights come along.
      expect(await trainedTo(target, step + 10)).toBeLessThan(0.85 * first);
    }
    expect(await page.locator("#samples li").count()).toBeGreaterThan(0);
    if (picture) await page.screenshot({ path: picture });
    await page.click("#run");
  });
});
