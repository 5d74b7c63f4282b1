import { describe, expect, it } from "vitest";
import { normal, random, threefry, uniform } from "../../src/ir/random.ts";

const hex = (words: readonly number[]): string => words.map((x) => x.toString(16).padStart(8, "0")).join(" ");

describe("Threefry-2x32-20", () => {
  // the known answers that come with Random123
  it.each([
    [[0, 0, 0, 0], "6b200159 99ba4efe"],
    [[-1, -1, -1, -1], "1cb996fc bb002be7"],
    [[0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3], "c4923a9c 483df7a0"],
  ])("gives the known answer for %j", ([k0, k1, c0, c1], expected) => {
    expect(hex(threefry(k0!, k1!, c0!, c1!))).toBe(expected);
  });

  it("gives uniform numbers in [0, 1)", () => {
    expect(uniform(0)).toBe(0);
    expect(uniform(0xffffffff)).toBeLessThan(1);
  });

  it("gives normal numbers with mean 0 and variance 1", () => {
    const n = 20000;
    const draws = Array.from({ length: n }, (_, i) => random("normal", 7, 1, 3, i));
    const mean = draws.reduce((a, x) => a + x, 0) / n;
    const variance = draws.reduce((a, x) => a + (x - mean) ** 2, 0) / n;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
    expect(Math.abs(normal(0, 0))).toBe(0);
  });
});
