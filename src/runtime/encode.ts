/**
 * One example of some data, from what a user writes (arrays, typed arrays, strings) to dense numbers with a shape.
 * Checks everything on the way: how deep arrays are nested, fixed sizes, ids, words; an error names the place.
 */
import { count, fail, shown } from "./errors.ts";
import type { DataInfo } from "./metadata.ts";
import { elements } from "./safetensors.ts";
import { splitCharacters, splitTrigrams, splitWords, type Vocabulary } from "./vocabulary.ts";

/** Row-major numbers with their shape: also what `predict` gives. */
export interface Dense {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}

/** Anything an input may be given as: numbers, words and texts, arrays of them, typed arrays. */
export type Value = number | string | Dense | ArrayLike<number> | readonly Value[];

export interface Example {
  readonly data: Float32Array | Int32Array;
  /** Longest lengths where rows differ. */
  readonly shape: readonly number[];
  /** The words as given, where a model may copy them. */
  readonly words?: readonly string[];
  /** For each axis but the first: the lengths at each place of the axes before it, if some differ. */
  readonly inner: ReadonlyMap<number, Int32Array>;
}

/** The data, what its sizes are, and its vocabulary if it has words. */
export interface Spec {
  readonly info: DataInfo;
  /** Axis by axis, the feature last; null where each example has its own length. */
  readonly sizes: readonly (number | null)[];
  readonly vocabulary: Vocabulary | null;
  /** Whether examples keep their words beside the ids. */
  readonly keepsWords: boolean;
}

export function specOf(info: DataInfo, vocabulary: Vocabulary | null, keepsWords = false): Spec {
  const feature = info.feature === null ? [] : [info.feature];
  return { info, sizes: [...info.axes.map((axis) => axis.size), ...feature], vocabulary, keepsWords };
}

const isDense = (value: unknown): value is Dense =>
  typeof value === "object" && value !== null && "shape" in value && "data" in value;

const isList = (value: unknown): value is ArrayLike<unknown> =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));

/** As in the source: `f32[T, 39]`. */
export function typeName({ base, axes, feature, vocabulary }: DataInfo): string {
  const written = base === "trigrams" ? axes.slice(0, -1) : axes;
  const list = written.map(({ name, size }) =>
    size === null ? name : name ? `${name}: ${size}` : String(size),
  );
  if (feature !== null) list.push(String(feature));
  const of = vocabulary?.fixed ? `(${vocabulary.size})` : "";
  return base + of + (list.length > 0 ? `[${list.join(", ")}]` : "");
}

/** Whether a value is a batch of examples (one level deeper than an example) or one example. */
export function isBatch({ info, sizes }: Spec, value: unknown): boolean {
  const rank = sizes.length;
  const depth = depthOf(value, info, true);
  if (depth === rank + 1) return true;
  // An empty sequence has no rows that would tell how deep it is.
  if (depth === rank || (depth > 0 && depth < rank && isEmpty(value))) return false;
  return fail(
    `\`${info.name}\` is ${typeName(info)}: wanted one example (${count(rank, "level")} of arrays) or a batch of them ` +
      `(${rank + 1}), found ${isList(value) ? count(depth, "level") : shown(value)}`,
  );
}

function isEmpty(value: unknown): boolean {
  return isList(value) && Array.from(value).every((inner) => isList(inner) && isEmpty(inner));
}

/** Levels of arrays; a string is a sequence of characters, and by itself, outside of arrays, one of words. */
function depthOf(value: unknown, info: DataInfo, outermost: boolean): number {
  if (typeof value === "string") {
    const rank = info.axes.length;
    if (info.base === "trigrams") return outermost && rank > 1 ? 2 : 1;
    return rank > 0 && (info.base === "char" || (outermost && info.base === "token")) ? 1 : 0;
  }
  if (isDense(value)) return value.shape.length;
  if (!isList(value)) return 0;
  if (ArrayBuffer.isView(value)) return 1;
  for (let k = 0; k < value.length; k++) {
    const inner = value[k];
    if (!isList(inner) || inner.length > 0) return 1 + depthOf(inner, info, false);
  }
  return value.length > 0 ? 2 : 1;
}

/** Examples of a batch; `{ data, shape }` with one level more is cut along its first. */
export function examplesOf(value: unknown): readonly unknown[] {
  if (!isDense(value)) return Array.from(value as ArrayLike<unknown>);
  const shape = value.shape.slice(1);
  const size = elements(shape);
  const data = Array.from(value.data);
  return Array.from({ length: value.shape[0]! }, (_, k) => ({
    data: data.slice(k * size, (k + 1) * size),
    shape,
  }));
}

/** `place` names the value in errors: `audio`, or `audio[3]` within a batch. */
export function encodeExample(spec: Spec, value: unknown, place: string): Example {
  const { info, sizes } = spec;
  if (isDense(value)) return encodeDense(spec, value, place);
  const rank = sizes.length;
  const shape = sizes.map((size) => size ?? 0);
  const lengths = sizes.map((): number[] => []);
  const measured = measure(value, 0, place);
  const data = info.base === "f32" ? new Float32Array(elements(shape)) : new Int32Array(elements(shape));
  write(measured, 0, 0, place);
  const words = spec.keepsWords && rank === 1 ? Array.from(measured as ArrayLike<unknown>, String) : null;
  return { data, shape, inner: innerLengths(lengths, shape), ...(words ? { words } : {}) };

  /** Finds the lengths; gives the value with its texts split. */
  function measure(value: unknown, level: number, at: string): unknown {
    if (level === rank) return value;
    const list = rows(spec, value, level, at);
    const size = sizes[level] ?? null;
    if (size !== null && list.length !== size)
      fail(
        `\`${at}\` has ${count(list.length, "element")}, wanted ${size}: \`${info.name}\` is ${typeName(info)}`,
      );
    shape[level] = Math.max(shape[level]!, list.length);
    lengths[level]!.push(list.length);
    return level === rank - 1
      ? list
      : Array.from(list, (inner, k) => measure(inner, level + 1, `${at}[${k}]`));
  }

  function write(value: unknown, level: number, to: number, at: string): void {
    if (level === rank) {
      data[to] = element(spec, value, at, null);
      return;
    }
    const list = value as ArrayLike<unknown>;
    if (level === rank - 1) {
      if (list instanceof Float32Array && info.base === "f32") data.set(list, to);
      else for (let k = 0; k < list.length; k++) data[to + k] = element(spec, list[k], at, k);
      return;
    }
    const step = elements(shape.slice(level + 1));
    for (let k = 0; k < list.length; k++) write(list[k], level + 1, to + k * step, `${at}[${k}]`);
  }
}

/** The elements of one level: of an array, or the words or characters of a text. */
function rows(spec: Spec, value: unknown, level: number, at: string): ArrayLike<unknown> {
  const { info, sizes, vocabulary } = spec;
  if (isList(value)) return value;
  if (typeof value === "string" && info.base === "trigrams") {
    const isWord = level === info.axes.length - 1;
    if (isWord && vocabulary) return splitTrigrams(value).filter(vocabulary.has);
    if (!isWord && level === info.axes.length - 2) return splitWords(value);
  }
  if (typeof value === "string" && level === info.axes.length - 1) {
    if (info.base === "char") return splitCharacters(value);
    if (info.base === "token" && level === 0) return splitWords(value);
  }
  const wanted =
    level === sizes.length - 1 ? "an array" : `${count(sizes.length - level, "level")} of arrays`;
  return fail(`\`${at}\` is ${shown(value)}, wanted ${wanted}: \`${info.name}\` is ${typeName(info)}`);
}

function element({ info, vocabulary }: Spec, value: unknown, list: string, index: number | null): number {
  if (typeof value === "number") {
    if (info.base === "f32") return value;
    const size = info.vocabulary?.size ?? Infinity;
    if (Number.isInteger(value) && value >= 0 && value < size) return value;
    return fail(`\`${place()}\` is ${value}, wanted ${words("a whole number from 0 to " + (size - 1))}`);
  }
  if (typeof value !== "string" || info.base === "f32")
    return fail(
      `\`${place()}\` is ${shown(value)}, wanted ${info.base === "f32" ? "a number" : words("an id")}`,
    );
  if (!vocabulary)
    return fail(`\`${place()}\` is ${shown(value)}, and \`${info.name}\` has no vocabulary: wanted an id`);
  const known = vocabulary.has(value);
  if (!known && info.base === "token" && /\s/u.test(value))
    fail(
      `\`${place()}\` is ${shown(value)}: in an array each string is one word, and no word has a space; ` +
        `split texts into words for a batch of them`,
    );
  const id = vocabulary.id(value);
  if (id >= 0) return id;
  return fail(`\`${place()}\` is ${shown(value)}, which is not in the vocabulary, and that has no \`<unk>\``);

  function words(ids: string): string {
    return vocabulary ? `${ids} or a ${info.base === "char" ? "character" : "word"}` : ids;
  }
  function place(): string {
    return index === null ? list : `${list}[${index}]`;
  }
}

function encodeDense(spec: Spec, { data, shape }: Dense, place: string): Example {
  const { info, sizes } = spec;
  const fits = shape.length === sizes.length && sizes.every((size, k) => size === null || size === shape[k]);
  if (!fits) fail(`\`${place}\` has shape [${shape.join(", ")}], but \`${info.name}\` is ${typeName(info)}`);
  if (data.length !== elements(shape))
    fail(
      `\`${place}\` has ${count(data.length, "element")}, its shape [${shape.join(", ")}] says ${elements(shape)}`,
    );
  const inner = new Map<number, Int32Array>();
  if (data instanceof Float32Array && info.base === "f32") return { data, shape, inner };
  const values = Array.from(data, (value, k) => element(spec, value, place, k));
  return { data: info.base === "f32" ? Float32Array.from(values) : Int32Array.from(values), shape, inner };
}

function innerLengths(lengths: readonly number[][], shape: readonly number[]): Map<number, Int32Array> {
  const inner = new Map<number, Int32Array>();
  lengths.forEach((list, level) => {
    if (level > 0 && list.some((n) => n !== shape[level])) inner.set(level, Int32Array.from(list));
  });
  return inner;
}
