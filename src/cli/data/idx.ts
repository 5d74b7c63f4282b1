/**
 * IDX, the format of MNIST (LeCun et al. 1998): two zero bytes, the type, the number of dims, each dim as four bytes with the
 * highest first, then the elements row by row. Of images the pixels become numbers from 0 to 1. Labels lie in a file of their
 * own, `train-labels-idx1-ubyte` beside `train-images-idx3-ubyte`.
 */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Failure } from "../failure.ts";
import { readBytes } from "../files.ts";
import type { Field } from "./field.ts";
import type { BinaryReader, DataRecord, Value } from "./record.ts";
import { unpack } from "./unpack.ts";

interface Elements {
  readonly dims: readonly number[];
  readonly data: Uint8Array;
}

export const idxReader: BinaryReader = {
  endings: ["idx3-ubyte", "idx2-ubyte", "idx1-ubyte", ".idx"],
  isBeside: (name, others) => others.some((other) => labelsName(other) === name),
  readBytes(bytes, file, { fields }) {
    const images = elementsOf(bytes, file);
    const [image, label] = fieldsOf(fields, images, file);
    const labels = label && labelsBeside(file, label, images.dims[0]!);
    const [count, ...shape] = images.dims as [number, ...number[]];
    const size = shape.reduce((n, dim) => n * dim, 1);
    return Array.from({ length: count }, (_, k): DataRecord => {
      const pixels = Array.from(images.data.subarray(k * size, (k + 1) * size), (byte) => byte / 255);
      return {
        values: {
          [image.name]: arranged(pixels, shape, image),
          ...(label && labels ? { [label.name]: labels[k]! } : {}),
        },
        file,
        line: k + 1,
      };
    });
  },
};

const ubyte = 8;

function elementsOf(bytes: Uint8Array, file: string): Elements {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rank = bytes[3] ?? 0;
  const start = 4 + 4 * rank;
  if (bytes.length < start || bytes[0] !== 0 || bytes[1] !== 0 || rank === 0)
    throw new Failure(`\`${file}\` is no IDX file: it does not begin as one.`);
  if (bytes[2] !== ubyte)
    throw new Failure(`\`${file}\` holds elements of type ${bytes[2]}; only bytes (type ${ubyte}) are read.`);
  const dims = Array.from({ length: rank }, (_, k) => view.getUint32(4 + 4 * k));
  const wanted = dims.reduce((n, dim) => n * dim, 1);
  const data = bytes.subarray(start);
  if (data.length !== wanted)
    throw new Failure(
      `\`${file}\` says that it holds ${dims.join(" × ")} elements, and holds ${data.length}.`,
      data.length < wanted ? "Is the file cut off?" : null,
    );
  return { dims, data };
}

/** The input that the images are, and the target that their labels are. */
function fieldsOf(
  fields: readonly Field[],
  { dims }: Elements,
  file: string,
): readonly [Field, Field | null] {
  const [input, ...inputs] = fields.filter(({ role }) => role === "input");
  const [target = null, ...targets] = fields.filter(({ role }) => role === "target");
  if (!input || inputs.length > 0 || targets.length > 0 || input.base !== "f32")
    throw new Failure(
      `\`${file}\` holds images, and the model wants ${fields.map(({ name }) => `\`${name}\``).join(", ")}.`,
      "IDX files go with one input of numbers and at most one target, the label.",
    );
  if (dims.length === 1)
    throw new Failure(
      `\`${file}\` holds labels alone.`,
      "Give the file of the images: the labels are found beside it.",
    );
  return [input, target];
}

/** `train-labels-idx1-ubyte.gz` of `train-images-idx3-ubyte.gz`; null where the name does not speak of images. */
function labelsName(images: string): string | null {
  const name = images.replace("images", "labels").replace(/idx\d/u, "idx1");
  return name === images ? null : name;
}

function labelsBeside(file: string, { name }: Field, count: number): Uint8Array {
  const own = labelsName(basename(file));
  const path = own && join(dirname(file), own);
  if (!path || !existsSync(path))
    throw new Failure(
      `\`${file}\` holds images, and the labels that \`${name}\` wants are not beside it.`,
      path
        ? `They would be called \`${path}\`.`
        : "Call the two files `NAME-images-idx3-ubyte` and `NAME-labels-idx1-ubyte`.",
    );
  const { dims, data } = elementsOf(unpack(readBytes(path), path), path);
  if (dims.length === 1 && dims[0] === count) return data;
  throw new Failure(`\`${path}\` holds ${dims.join(" × ")} labels for ${count} images.`);
}

/** Nested like the axes of the field: a vector of all pixels, rows, or pixels of one number each. */
function arranged(pixels: readonly number[], shape: readonly number[], { rank, feature }: Field): Value {
  const depth = rank + (feature ? 1 : 0);
  const inner = shape.slice(1).reduce((n, dim) => n * dim, 1);
  if (depth <= 1) return pixels;
  const rows = Array.from({ length: shape[0]! }, (_, k) => pixels.slice(k * inner, (k + 1) * inner));
  return depth === 2 ? rows : rows.map((row) => row.map((pixel) => [pixel]));
}
