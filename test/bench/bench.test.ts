/** The benchmark runs, without its peers, and what it left in docs/ is of contestants that agreed. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderWith, rnnc } from "../cli/cli.ts";

const root = join(import.meta.dirname, "../..");
const bench = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, "bench/run.mjs"), ...args], { encoding: "utf8" });

interface Row {
  readonly name: string;
  readonly median: number;
  readonly gflops: number;
  readonly atLimit: number;
  readonly ofLimit: number;
  readonly peers: readonly { readonly name: string; readonly agrees?: boolean | null }[];
}

describe("npm run bench", () => {
  test("times a row against the limit measured beside it", async () => {
    // Builds what is to be measured if nobody has yet.
    expect((await rnnc(["--version"])).code).toBe(0);
    const file = join(folderWith(), "rows.json");
    const { status, stdout, stderr } = bench(
      "rows",
      "--rows",
      "W1",
      "--peers",
      "none",
      "--rounds",
      "1",
      "--json",
      file,
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^\| W1 \| [\d.]+ µs \([\d.]+–[\d.]+\) \| [\d.]+ \|$/mu);
    const { rows } = JSON.parse(readFileSync(file, "utf8")) as { rows: readonly Row[] };
    expect(rows.map(({ name }) => name)).toEqual(["W1"]);
    const [row] = rows as [Row];
    // Four gates of 128 from 39 features and 128 states, a multiplication and an addition each, in µs.
    expect(row.atLimit).toBeCloseTo((2 * 4 * 128 * (39 + 128)) / row.gflops / 1000, 9);
    expect(row.ofLimit).toBeCloseTo(row.median / row.atLimit, 9);
    // A module that did nothing would be far below; a busy machine may blur the limit.
    expect(row.ofLimit).toBeGreaterThan(0.5);
  });

  test("refuses what it does not know", () => {
    for (const args of [["row"], ["--round", "3"], ["--rounds", "many"]]) {
      const { status, stdout, stderr } = bench(...args);
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(stderr).toContain("npm run bench -- [rows|ablation|cells|products|startup|threads]");
    }
  });

  const stored = readdirSync(join(root, "docs")).filter((name) => /^bench-rows-.*\.json$/u.test(name));
  test.each(stored)("%s: no peer computed anything else", (name) => {
    const { rows } = JSON.parse(readFileSync(join(root, "docs", name), "utf8")) as { rows: readonly Row[] };
    expect(rows.map((row) => row.name)).toEqual(["W1", "W2", "W3", "W4", "W5", "W6", "W7"]);
    const wrong = rows.flatMap((row) =>
      row.peers.filter(({ agrees }) => agrees === false).map((peer) => `${row.name} ${peer.name}`),
    );
    expect(wrong).toEqual([]);
  });
});
