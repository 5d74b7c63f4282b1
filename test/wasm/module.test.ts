import { describe, expect, it } from "vitest";
import { access, at, fixed, loop, panelsBuffer, rowsBuffer, symbolic } from "../../src/ir/kernel/build.ts";
import { storage } from "../../src/ir/kernel/layout.ts";
import type { Buffer, Kernel } from "../../src/ir/kernel/types.ts";
import { emit, emitText } from "../../src/backends/wasm/emit.ts";
import { place, strides } from "../../src/ir/kernel/addresses.ts";
import { elementOffset, slotBases } from "../../src/backends/wasm/layout.ts";
import { planOf, programOf } from "./run.ts";

const B = symbolic("B");
const T = symbolic("T");
const [t, b, j] = [loop("t", T), loop("b", B), loop("j", fixed(6))];
const flat = rowsBuffer("flat", "f32", [fixed(100)], "parameter");
const part: Buffer = {
  ...rowsBuffer("part", "f32", [fixed(6)], "parameter"),
  within: { buffer: flat, offset: 40 },
};
const x = rowsBuffer("x", "f32", [symbolic("T", 1, 1), B, fixed(6)], "input");
const kernel: Kernel = {
  kind: "kernel",
  name: "k",
  loops: [t, b, j],
  stages: [
    {
      kind: "store",
      loops: [],
      to: access(x, [at(t.variable), at(b.variable), at(j.variable)]),
      value: { kind: "load", dtype: "f32", from: access(part, [at(j.variable)]) },
      accumulate: false,
    },
  ],
};
const program = programOf([kernel], ["B", "T"]);

function load(bytes: Uint8Array, memory = new WebAssembly.Memory({ initial: 1 })) {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes as BufferSource), {
    env: { memory },
  });
  return { memory, exports: exports as Record<string, (...x: number[]) => number> };
}

describe("the module", () => {
  it("imports its memory and exports its entries", () => {
    const module = new WebAssembly.Module(emit(program) as BufferSource);
    expect(WebAssembly.Module.imports(module)).toEqual([{ module: "env", name: "memory", kind: "memory" }]);
    expect(WebAssembly.Module.exports(module).map((e) => e.name)).toEqual(["reserve", "base", "run"]);
  });

  it("is the same for the same program", () => {
    expect(emit(program)).toEqual(emit(program));
    expect(emitText(program)).toContain('(export "run"');
  });

  it("grows the memory for the sizes asked for, and not for fewer", () => {
    const { memory, exports } = load(emit(program));
    for (const [B, T] of [
      [1, 1],
      [64, 500],
      [2, 2],
      [128, 500],
    ] as const) {
      const before = memory.buffer.byteLength;
      const { bases, end } = slotBases(program.plan!, { B, T });
      expect(exports["reserve"]!(B, T)).toBe(end);
      expect(memory.buffer.byteLength).toBe(Math.max(before, Math.ceil(end / 65536) * 65536));
      bases.forEach((base, slot) => {
        expect(exports["base"]!(slot)).toBe(base);
        expect(base % 64).toBe(0);
      });
    }
  });

  it("says -1 where there is no room", () => {
    const { exports } = load(emit(program));
    expect(exports["reserve"]!(100_000, 100_000)).toBe(-1);
    expect(exports["reserve"]!(0x7fffffff, 0x7fffffff)).toBe(-1);
    const small = load(emit(program), new WebAssembly.Memory({ initial: 1, maximum: 2 }));
    expect(small.exports["reserve"]!(100, 100)).toBe(-1);
    expect(small.exports["reserve"]!(2, 3)).toBeGreaterThan(0);
  });

  it("finds parts of a buffer by their offset", () => {
    const { memory, exports } = load(emit(program));
    exports["reserve"]!(2, 3);
    const { slot, offset } = place(program.plan!, part);
    new Float32Array(memory.buffer, exports["base"]!(slot) + 4 * offset, 6).fill(5);
    exports["run"]!();
    const { slot: to } = place(program.plan!, x);
    const row = new Float32Array(memory.buffer, exports["base"]!(to), 8);
    expect([...row]).toEqual([5, 5, 5, 5, 5, 5, 0, 0]);
  });

  it("refuses a program without a plan", () => {
    expect(() => emit({ ...program, plan: null })).toThrow(/no memory plan/);
  });
});

describe("layout", () => {
  it("gives strides with the padding and the odd row", () => {
    expect(strides(x)).toEqual([
      { factor: 8, extents: [B] },
      { factor: 8, extents: [] },
      { factor: 1, extents: [] },
    ]);
    expect(strides(rowsBuffer("y", "f32", [B, fixed(4), fixed(128)], "temporary"))[0]!.factor).toBe(528);
  });

  it("places elements in panels as the interpreter does", () => {
    const w = panelsBuffer("w", [fixed(3), fixed(2), fixed(5)], 2, "parameter");
    const s = storage(w, {});
    expect(elementOffset(w, [2, 1, 4], {})).toBe(s.offset([2, 1, 4]));
    expect(elementOffset(w, [2, 1, 4], {})).toBe(((12 >> 3) * 3 + 2) * 8 + (12 & 7));
  });

  it("puts slots of constant size first", () => {
    const { slots } = planOf([x, flat]);
    expect(slots[0]!.size).toEqual([{ factor: 100, symbols: [] }]);
    expect(slots[1]!.size).toEqual([
      { factor: 8, symbols: ["T", "B"] },
      { factor: 8, symbols: ["B"] },
    ]);
  });
});
