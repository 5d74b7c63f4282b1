/** What parameters start from: statistics, orthogonality, and that nothing but seed, name and position counts. */
import { describe, expect, test } from "vitest";
import { fixedAxis } from "../../src/ir/graph/build.ts";
import type { Initialiser, Parameter } from "../../src/ir/graph/types.ts";
import { access, fixed, i32, panelsBuffer, rowsBuffer } from "../../src/ir/kernel/build.ts";
import { makeMachine, type Draw } from "../../src/ir/kernel/eval.ts";
import type { Buffer } from "../../src/ir/kernel/types.ts";
import { kernelFaults } from "../../src/ir/kernel/verify.ts";
import { normal, threefry, uniform } from "../../src/ir/random.ts";
import { stableHash } from "../../src/passes/hash.ts";
import { initialiserStatements, type InitialiserTarget } from "../../src/passes/initialise.ts";
import { trainDefaults } from "../../src/passes/train-settings.ts";
import { trainingBuffers } from "../../src/passes/training-buffers.ts";

const random: Draw = (distribution, seed, place, example, coordinate) => {
  const [x0, x1] = threefry(seed, place, example, coordinate);
  return distribution === "uniform" ? uniform(x0) : normal(x0, x1);
};

function parameter(name: string, sizes: readonly number[], initialiser: Initialiser): Parameter {
  return { name, axes: sizes.map((size, k) => fixedAxis(`a${k}`, size, k)), initialiser };
}

/** A buffer of its own for each parameter. */
function alone(member: Parameter, sizes: readonly number[]): InitialiserTarget & { readonly buffer: Buffer } {
  const buffer = rowsBuffer(`value.${member.name}`, "f32", sizes.map(fixed), "parameter");
  return { member, buffer, place: stableHash(member.name), target: (index) => access(buffer, index) };
}

function initialised(
  targets: readonly InitialiserTarget[],
  buffers: readonly Buffer[],
  seed = 1,
): number[][] {
  const flat = trainingBuffers(8, trainDefaults);
  const { body, temporaries } = initialiserStatements(targets, flat);
  const program = {
    name: "test",
    symbols: [],
    buffers: [...buffers, ...flat.moments, flat.counters, ...temporaries],
    entries: [{ name: "initialise", body }],
    plan: null,
  };
  expect(kernelFaults(program)).toEqual([]);
  const machine = makeMachine(program, {}, { single: true, random });
  machine.write(flat.counters, [seed, 7, 6, 1]);
  flat.moments.forEach((moment) => machine.write(moment, Array<number>(8).fill(3)));
  machine.run("initialise");
  expect([...machine.read(flat.counters)]).toEqual([seed, 0, 0, 0]);
  flat.moments.forEach((moment) => expect([...machine.read(moment)]).toEqual(Array<number>(8).fill(0)));
  return buffers.map((buffer) => [...machine.read(buffer)]);
}

function start(sizes: readonly number[], initialiser: Initialiser, name = "w", seed = 1): number[] {
  const target = alone(parameter(name, sizes, initialiser), sizes);
  return initialised([target], [target.buffer], seed)[0]!;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const deviation = (values: readonly number[]): number => Math.sqrt(mean(values.map((x) => x * x)));

describe("constants", () => {
  test("zeros, ones, constant", () => {
    expect(start([3], { kind: "zeros" })).toEqual([0, 0, 0]);
    expect(start([2, 2], { kind: "ones" })).toEqual([1, 1, 1, 1]);
    expect(start([], { kind: "constant", value: 2.5 })).toEqual([2.5]);
  });

  test("identity, of each block, rectangular, and of a vector", () => {
    const identity: Initialiser = { kind: "identity", scale: 2 };
    expect(start([2, 3], identity)).toEqual([2, 0, 0, 0, 2, 0]);
    expect(start([2, 2, 2], identity)).toEqual([2, 0, 0, 2, 2, 0, 0, 2]);
    expect(start([3], identity)).toEqual([2, 2, 2]);
  });
});

describe("draws", () => {
  const bounded = (values: readonly number[], bound: number): void => {
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(Math.fround(bound));
    expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0.98 * bound);
    expect(deviation(values) / (bound / Math.sqrt(3))).toBeCloseTo(1, 1);
    expect(Math.abs(mean(values))).toBeLessThan(0.05 * bound);
  };

  test("normal", () => {
    const values = start([64, 64], { kind: "normal", deviation: 0.1 });
    expect(deviation(values) / 0.1).toBeCloseTo(1, 1);
    expect(Math.abs(mean(values))).toBeLessThan(0.005);
    expect(values.filter((x) => Math.abs(x) < 0.1).length / values.length).toBeCloseTo(0.683, 1);
    expect(values.filter((x) => Math.abs(x) > 0.2).length / values.length).toBeCloseTo(0.0455, 1);
  });

  test("uniform", () => bounded(start([64, 64], { kind: "uniform", bound: 0.2 }), 0.2));
  test("glorot of a matrix", () => bounded(start([100, 20], { kind: "glorot" }), Math.sqrt(6 / 120)));
  test("glorot of a tensor", () => bounded(start([4, 25, 20], { kind: "glorot" }), Math.sqrt(6 / 120)));
  test("glorot of a vector", () => bounded(start([1000], { kind: "glorot" }), Math.sqrt(3 / 1000)));

  test("he", () => {
    expect(deviation(start([32, 128], { kind: "he" })) / Math.sqrt(2 / 128)).toBeCloseTo(1, 1);
  });

  test("neighbours do not correlate", () => {
    const values = start([64, 64], { kind: "normal", deviation: 1 });
    for (const lag of [1, 2, 64])
      expect(Math.abs(mean(values.slice(lag).map((x, k) => x * values[k]!)))).toBeLessThan(0.06);
  });
});

describe("orthogonal", () => {
  /** The largest deviation of the Gram matrix of the fewer vectors from the identity. */
  function faults(matrix: readonly number[], rows: number, columns: number): number {
    const element = (vector: number, k: number): number =>
      rows <= columns ? matrix[vector * columns + k]! : matrix[k * columns + vector]!;
    const [count, length] = [Math.min(rows, columns), Math.max(rows, columns)];
    let worst = 0;
    for (let a = 0; a < count; a++)
      for (let b = 0; b <= a; b++) {
        let dot = 0;
        for (let k = 0; k < length; k++) dot += element(a, k) * element(b, k);
        worst = Math.max(worst, Math.abs(dot - (a === b ? 1 : 0)));
      }
    return worst;
  }

  test.each([
    [24, 24],
    [5, 17],
    [17, 5],
    [1, 6],
    [1, 1],
  ])("%d×%d", (rows, columns) => {
    for (const seed of [1, 2, 3]) {
      const matrix = start([rows, columns], { kind: "orthogonal" }, "w", seed);
      expect(faults(matrix, rows, columns)).toBeLessThan(1e-6);
    }
  });

  test("each block of a tensor, and a vector", () => {
    const blocks = start([2, 2, 6, 4], { kind: "orthogonal" });
    for (let k = 0; k < 4; k++) expect(faults(blocks.slice(k * 24, k * 24 + 24), 6, 4)).toBeLessThan(1e-6);
    expect(blocks.slice(0, 24)).not.toEqual(blocks.slice(24, 48));
    expect(Math.hypot(...start([5], { kind: "orthogonal" }))).toBeCloseTo(1, 6);
  });

  test("matrices of one shape share the scratch buffer and differ", () => {
    const targets = ["u", "v"].map((name) => alone(parameter(name, [6, 6], { kind: "orthogonal" }), [6, 6]));
    const values = initialised(
      targets,
      targets.map(({ buffer }) => buffer),
    );
    expect(values[0]).toEqual(start([6, 6], { kind: "orthogonal" }, "u"));
    expect(values[1]).toEqual(start([6, 6], { kind: "orthogonal" }, "v"));
    expect(values[0]).not.toEqual(values[1]);
  });
});

describe("determinism", () => {
  const glorot: Initialiser = { kind: "glorot" };

  test("the seed and the name change every draw, and nothing else does", () => {
    const first = start([4, 4], glorot, "w", 1);
    expect(start([4, 4], glorot, "w", 1)).toEqual(first);
    expect(start([4, 4], glorot, "w", 2)).not.toEqual(first);
    expect(start([4, 4], glorot, "v", 1)).not.toEqual(first);
    const [other, same] = ["other", "w"].map((name) => alone(parameter(name, [4, 4], glorot), [4, 4]));
    expect(initialised([other!, same!], [other!.buffer, same!.buffer])[1]).toEqual(first);
  });

  test.each(["glorot", "orthogonal"] as const)("%s within merged panels is what it is alone", (kind) => {
    const sizes = [5, 3];
    const members = ["i", "f"].map((name) => parameter(name, sizes, { kind }));
    // Transposed: k is the row of the panels, the gate and n its columns.
    const merged = panelsBuffer("merged", [fixed(3), fixed(2), fixed(5)], 2, "parameter");
    const targets = members.map((member, gate) => ({
      member,
      place: stableHash(member.name),
      target: ([n, k]: Parameters<InitialiserTarget["target"]>[0]) => access(merged, [k!, i32(gate), n!]),
    }));
    const [values] = initialised(targets, [merged]);
    members.forEach(({ name }, gate) => {
      const expected = start(sizes, { kind }, name);
      for (let n = 0; n < 5; n++)
        for (let k = 0; k < 3; k++) expect(values![k * 10 + gate * 5 + n]).toBe(expected[n * 3 + k]);
    });
  });

  test("names hash as FNV-1a does", () => {
    expect(stableHash("")).toBe(0x811c9dc5 | 0);
    expect(stableHash("a")).toBe(0xe40c292c | 0);
    expect(stableHash("foobar")).toBe(0xbf9cf968 | 0);
  });
});
