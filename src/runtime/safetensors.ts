/**
 * Reads and writes safetensors, the format of weights and checkpoints: 8 bytes with the length of a JSON header, the
 * header (`name: { dtype, shape, data_offsets }` and `__metadata__`, a map of strings), then all data, little
 * endian without gaps. Written with sorted names and aligned to 8 bytes, so equal tensors give equal bytes.
 * Reads F32, F64, F16, BF16 (as float32) and I32; a damaged file gives an error that says what is wrong with it.
 */
import { count, fail } from "./errors.ts";

export interface Tensor {
  /** Row-major, without padding. */
  readonly data: Float32Array | Int32Array;
  readonly shape: readonly number[];
}

export interface Safetensors {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

export const elements = (shape: readonly number[]): number => shape.reduce((n, size) => n * size, 1);

export function writeSafetensors({ tensors, metadata }: Safetensors): Uint8Array {
  const sorted = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
  const header: Record<string, unknown> = {};
  const keys = Object.keys(metadata).sort();
  if (keys.length > 0) header["__metadata__"] = Object.fromEntries(keys.map((key) => [key, metadata[key]]));
  let end = 0;
  for (const [name, { data, shape }] of sorted) {
    if (elements(shape) !== data.length)
      fail(
        `tensor \`${name}\` has ${data.length} elements, its shape [${shape.join(", ")}] says ${elements(shape)}`,
      );
    const dtype = data instanceof Int32Array ? "I32" : "F32";
    header[name] = { dtype, shape, data_offsets: [end, (end += data.byteLength)] };
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const start = 8 + Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(start + end);
  new DataView(bytes.buffer).setUint32(0, start - 8, true);
  bytes.fill(32, 8, start);
  bytes.set(json, 8);
  let at = start;
  for (const [, { data }] of sorted) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

const widths: Readonly<Record<string, number>> = { F32: 4, I32: 4, F64: 8, F16: 2, BF16: 2 };

export function readSafetensors(file: ArrayBuffer | Uint8Array): Safetensors {
  const bytes = file instanceof Uint8Array ? file : new Uint8Array(file);
  if (bytes.length < 8) damaged(`it has ${count(bytes.length, "byte")}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // A length beyond 4 GB is no length of a header.
  const length = view.getUint32(4, true) === 0 ? view.getUint32(0, true) : Infinity;
  const start = 8 + length;
  if (start > bytes.length) damaged("its header is longer than the file");
  const header = parseHeader(bytes.subarray(8, start));
  const tensors = new Map<string, Tensor>();
  const metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") {
      if (isRecord(entry))
        for (const [key, value] of Object.entries(entry))
          if (typeof value === "string") metadata[key] = value;
    } else if (isEntry(entry)) tensors.set(name, readTensor(name, entry, bytes.subarray(start)));
    else damaged(`\`${name}\` has no dtype, shape and offsets`);
  }
  return { tensors, metadata };
}

function readTensor(
  name: string,
  { dtype, shape, data_offsets: [from, to] }: Entry,
  data: Uint8Array,
): Tensor {
  const width = widths[dtype];
  if (width === undefined) fail(`tensor \`${name}\` is ${dtype}; F32, F64, F16, BF16 and I32 can be read`);
  if (to > data.length)
    damaged(`\`${name}\` ends at byte ${to} of its data, which has ${data.length}: it was cut short`);
  if (to - from !== elements(shape) * width)
    damaged(
      `\`${name}\` has ${to - from} bytes, its shape [${shape.join(", ")}] of ${dtype} says ${elements(shape) * width}`,
    );
  // A copy: what lies in a file need not be aligned. `slice` of a Node Buffer would be a view of a pool.
  const { buffer } = new Uint8Array(data.subarray(from, to));
  return { data: widened(dtype, buffer), shape };
}

function widened(dtype: string, buffer: ArrayBuffer): Float32Array | Int32Array {
  switch (dtype) {
    case "I32":
      return new Int32Array(buffer);
    case "F64":
      return Float32Array.from(new Float64Array(buffer));
    case "BF16":
      return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (x) => x << 16).buffer);
    case "F16":
      return Float32Array.from(new Uint16Array(buffer), half);
    default:
      return new Float32Array(buffer);
  }
}

function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits >> 15 ? -1 : 1;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return damaged("its header is no JSON");
  }
  return isRecord(header) ? header : damaged("its header is no JSON object");
}

const damaged = (why: string): never => fail(`no safetensors file, or a damaged one: ${why}`);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);

const isEntry = (value: unknown): value is Entry =>
  isRecord(value) &&
  typeof value["dtype"] === "string" &&
  isSizes(value["shape"]) &&
  isSizes(value["data_offsets"]) &&
  value["data_offsets"].length === 2;
