/**
 * What stands in `train { … }` and `decode { … }`: the keys, and what follows each.
 *
 * The grammar needs the table too: `clip norm 5  batch 16` has no punctuation, so a setting ends where its key
 * has all its values or another key begins.
 */

export type ValueShape =
  | { readonly kind: "number" }
  /** One of some words. */
  | { readonly kind: "word"; readonly words: readonly string[] }
  /** One of some names, alone or called: `cosine`, `adam(1e-3)`. */
  | { readonly kind: "stage"; readonly words: readonly string[] };

const number: ValueShape = { kind: "number" };
const word = (...words: readonly string[]): ValueShape => ({ kind: "word", words });
const stage = (...words: readonly string[]): ValueShape => ({ kind: "stage", words });

export const trainSettings: ReadonlyMap<string, readonly ValueShape[]> = new Map([
  ["optimizer", [stage("sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw")]],
  ["clip", [word("norm", "value"), number]],
  ["batch", [number]],
  ["epochs", [number]],
  ["steps", [number]],
  ["seed", [number]],
  ["tbptt", [number]],
  ["schedule", [stage("constant", "step", "decay", "cosine", "warmup", "plateau")]],
  ["regularize", [word("l2"), number]],
  ["validate", [number]],
  ["stop", [word("patience"), number]],
  ["average", []],
]);

/** A decoder takes its arguments in parentheses, `beam(8)`, and no values. */
export const decoders: readonly string[] = ["greedy", "sample", "beam", "exhaustive", "viterbi"];

export const isSettingKey = (name: string): boolean => trainSettings.has(name) || decoders.includes(name);

/** What may follow a key; after an unknown one a word and a number, so that only the key is complained of. */
export const shapeOf = (key: string): readonly ValueShape[] =>
  decoders.includes(key) ? [] : (trainSettings.get(key) ?? [stage(), number]);

/** How a setting is written, for a hint: `clip norm 5` or `clip value 5`. */
export function exampleOf(key: string): string {
  const shape = shapeOf(key);
  const first = shape[0];
  const one = (text: string) => [key, text, ...(shape.length > 1 ? ["5"] : [])].join(" ").trim();
  if (first === undefined) return `\`${key}\``;
  if (first.kind === "number") return `\`${one(key === "validate" ? "0.1" : "16")}\``;
  return first.words
    .slice(0, 2)
    .map((text) => `\`${one(text)}\``)
    .join(" or ");
}
