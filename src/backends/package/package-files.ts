/**
 * A model as files to ship: `NAME.wasm`, `NAME.json` (metadata), `NAME.js` (a module with the runtime in it, without
 * imports), `NAME.d.ts` (the model's own inputs and outputs as types), `NAME.safetensors` if there are weights. With
 * `singleFile` the module holds all but the types. A function of its arguments: same source and version, same bytes.
 */
import { base64 } from "../../runtime/base64.ts";
import type { Metadata } from "../../runtime/metadata.ts";
import { declaration } from "./declaration.ts";
import { printable } from "./declaration-texts.ts";

export interface PackageInput {
  readonly metadata: Metadata;
  readonly wasm: Uint8Array;
  /** The built runtime, `dist/runtime.js`, or that with searches or threads where they are needed: one statement, `var rnnc = …;`. */
  readonly runtime: string;
  /** A safetensors file. */
  readonly weights?: Uint8Array | null;
  readonly options?: {
    /** Everything in `NAME.js`, as base64: a third larger, and nothing to fetch. */
    readonly singleFile?: boolean;
  };
}

/** Whether a model makes choices, goes on until it is told, or has labels that paths spell: its runtime is then the one with searches. */
export const needsSearches = ({ generation, cannotGenerate, unbounded, outputs }: Metadata): boolean =>
  generation !== null ||
  cannotGenerate !== null ||
  unbounded.length > 0 ||
  outputs.some(({ spelling }) => spelling !== null);

/** Texts and bytes by file name, in the order of their names. */
export function packageFiles(input: PackageInput): ReadonlyMap<string, string | Uint8Array> {
  const { metadata, wasm, weights, options } = input;
  const { name } = metadata;
  const files: [string, string | Uint8Array][] = [
    [`${name}.d.ts`, declaration(metadata, { hasWeights: weights != null, onDevice: false })],
    [`${name}.js`, moduleText(input)],
  ];
  if (!options?.singleFile) {
    files.push([`${name}.json`, `${JSON.stringify(metadata)}\n`]);
    if (weights) files.push([`${name}.safetensors`, weights]);
    files.push([`${name}.wasm`, wasm]);
  }
  return new Map(files);
}

function moduleText({ metadata, wasm, runtime, weights, options }: PackageInput): string {
  const { name, version } = metadata;
  const beside = (extension: string): string =>
    `new URL(${JSON.stringify(`./${encodeURIComponent(name)}.${extension}`)}, import.meta.url)`;
  const inline = options?.singleFile ?? false;
  const parts = {
    wasm: inline ? JSON.stringify(base64(wasm)) : beside("wasm"),
    metadata: inline ? `(${JSON.stringify(metadata)})` : beside("json"),
    weights: !weights ? "null" : inline ? JSON.stringify(base64(weights)) : beside("safetensors"),
  };
  return `// ${printable(name)}: a model compiled by rnnc ${version}. Its types and their documentation are in the .d.ts beside it.
${runtime.trimEnd()}
const parts = {
  wasm: () => ${parts.wasm},
  metadata: () => ${parts.metadata},
  weights: () => ${parts.weights},
};
export const load = (options) => rnnc.openPackage(parts, import.meta.url, options);
export const RnncError = rnnc.RnncError;
`;
}
