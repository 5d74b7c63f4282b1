/** Safetensors: what is written is read back, and damaged files are refused with a reason. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readSafetensors, type Tensor, writeSafetensors } from "../../src/runtime/safetensors.ts";

const float = (shape: number[], values: number[]): Tensor => ({ data: Float32Array.from(values), shape });

const file = (): Uint8Array =>
  writeSafetensors({
    tensors: new Map([
      ["b", float([2, 3], [1, 2, 3, 4, 5, 6])],
      ["a.α", float([], [-0.5])],
      ["ids", { data: Int32Array.of(7, -1), shape: [2] }],
      ["none", float([0, 4], [])],
    ]),
    metadata: { made: "by a test", again: "é" },
  });

/** A file with any header, written by hand. */
function withHeader(header: unknown, data: Uint8Array = new Uint8Array(8)): Uint8Array {
  const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

describe("safetensors", () => {
  test("what is written is read back", () => {
    const { tensors, metadata } = readSafetensors(file());
    expect(Object.fromEntries(tensors)).toEqual({
      "a.α": float([], [-0.5]),
      b: float([2, 3], [1, 2, 3, 4, 5, 6]),
      ids: { data: Int32Array.of(7, -1), shape: [2] },
      none: float([0, 4], []),
    });
    expect(metadata).toEqual({ again: "é", made: "by a test" });
  });

  test("names are sorted and data is aligned to 8 bytes", () => {
    const bytes = file();
    const length = new DataView(bytes.buffer).getUint32(0, true);
    expect(length % 8).toBe(0);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as object;
    expect(Object.keys(header)).toEqual(["__metadata__", "a.α", "b", "ids", "none"]);
  });

  test("any tensors come back bit by bit, wherever the file lies in memory", () => {
    const tensor = fc.float32Array({ maxLength: 20 }).map((data): Tensor => ({ data, shape: [data.length] }));
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string().filter((n) => !n.startsWith("__")),
          tensor,
        ),
        fc.nat(7),
        (named, shift) => {
          const bytes = writeSafetensors({ tensors: new Map(Object.entries(named)), metadata: {} });
          const moved = new Uint8Array(bytes.length + shift);
          moved.set(bytes, shift);
          expect(readSafetensors(moved.subarray(shift)).tensors).toEqual(new Map(Object.entries(named)));
        },
      ),
    );
  });

  test("half precision is read", () => {
    const halves = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00, 0x3555, 0x8000);
    const header = { x: { dtype: "F16", shape: [6], data_offsets: [0, 12] } };
    const { data } = readSafetensors(withHeader(header, new Uint8Array(halves.buffer))).tensors.get("x")!;
    expect(Array.from(data)).toEqual([1, -2, 2 ** -24, Infinity, 0.333251953125, -0]);
    const brain = { x: { dtype: "BF16", shape: [1], data_offsets: [0, 2] } };
    expect(readSafetensors(withHeader(brain, Uint8Array.of(0x80, 0xbf))).tensors.get("x")!.data[0]).toBe(-1);
  });

  test("a file cut short anywhere is refused", () => {
    const bytes = file();
    for (let n = 0; n < bytes.length; n++)
      expect(() => readSafetensors(bytes.slice(0, n)), `${n} bytes`).toThrow(/damaged one/u);
  });

  test("random bytes never give anything but an RnncError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.json(), (bytes, header) => {
        for (const damaged of [bytes, withHeader(header, bytes)])
          try {
            readSafetensors(damaged);
          } catch (error) {
            expect((error as Error).name).toBe("RnncError");
          }
      }),
    );
  });

  test("says what is wrong", () => {
    const entry = (dtype: string, shape: unknown, offsets: unknown) => ({
      x: { dtype, shape, data_offsets: offsets },
    });
    const message = (header: unknown): string => {
      try {
        readSafetensors(withHeader(header));
        return "";
      } catch (error) {
        return (error as Error).message.replace("no safetensors file, or a damaged one: ", "… ");
      }
    };
    expect({
      text: message("<html>"),
      list: message([1]),
      entry: message({ x: 3 }),
      dtype: message(entry("Q4", [1], [0, 1])),
      size: message(entry("F32", [3], [0, 8])),
      beyond: message(entry("F32", [4], [0, 16])),
      negative: message(entry("F32", [-1], [0, 4])),
    }).toMatchInlineSnapshot(`
      {
        "beyond": "… \`x\` ends at byte 16 of its data, which has 8: it was cut short",
        "dtype": "tensor \`x\` is Q4; F32, F64, F16, BF16 and I32 can be read",
        "entry": "… \`x\` has no dtype, shape and offsets",
        "list": "… its header is no JSON object",
        "negative": "… \`x\` has no dtype, shape and offsets",
        "size": "… \`x\` has 8 bytes, its shape [3] of F32 says 12",
        "text": "… its header is no JSON",
      }
    `);
  });

  test("a shape that does not fit is not written", () => {
    expect(() => writeSafetensors({ tensors: new Map([["x", float([2], [1])]]), metadata: {} })).toThrow(
      "tensor `x` has 1 elements, its shape [2] says 2",
    );
  });
});

test("reads what lies in the middle of a larger buffer, as a file in Node does", () => {
  const file = writeSafetensors({
    tensors: new Map([["a", { shape: [2], data: Float32Array.of(1.5, -2) }]]),
    metadata: {},
  });
  const pool = Buffer.alloc(file.length + 13);
  pool.set(file, 13);
  const read = readSafetensors(pool.subarray(13));
  expect([...read.tensors.get("a")!.data]).toEqual([1.5, -2]);
});
