/**
 * A model as files for an app that uses tfjs: `NAME.js` (a module with the runtime in it; the app gives it its own tfjs),
 * `NAME.json` (metadata and shaders), `NAME.d.ts`, `NAME.safetensors` if there are weights. As `package-files.ts` does for
 * WASM, and a function of its arguments too.
 */
import { base64 } from "../../runtime/base64.ts";
import type { Metadata } from "../../runtime/metadata.ts";
import type { TfjsProgram } from "../../runtime/tfjs/program.ts";
import { declaration } from "./declaration.ts";
import { printable } from "./declaration-texts.ts";
import type { PackageInput } from "./package-files.ts";

export interface TfjsPackageInput extends Omit<PackageInput, "wasm"> {
  readonly program: TfjsProgram;
}

/** Texts and bytes by file name, in the order of their names. */
export function tfjsFiles(input: TfjsPackageInput): ReadonlyMap<string, string | Uint8Array> {
  const { metadata, program, weights, options } = input;
  const { name } = metadata;
  const files: [string, string | Uint8Array][] = [
    [`${name}.d.ts`, declaration(metadata, { hasWeights: weights != null, onDevice: true })],
    [`${name}.js`, moduleText(input)],
  ];
  if (!options?.singleFile) {
    files.push([`${name}.json`, `${jsonText(metadata, program)}\n`]);
    if (weights) files.push([`${name}.safetensors`, weights]);
  }
  return new Map(files);
}

const jsonText = (metadata: Metadata, tfjs: TfjsProgram): string => JSON.stringify({ ...metadata, tfjs });

function moduleText({ metadata, program, runtime, weights, options }: TfjsPackageInput): string {
  const { name, version } = metadata;
  const beside = (extension: string): string =>
    `new URL(${JSON.stringify(`./${encodeURIComponent(name)}.${extension}`)}, import.meta.url)`;
  const inline = options?.singleFile ?? false;
  const parts = {
    metadata: inline ? `(${jsonText(metadata, program)})` : beside("json"),
    weights: !weights ? "null" : inline ? JSON.stringify(base64(weights)) : beside("safetensors"),
  };
  return `// ${printable(name)}: a model compiled by rnnc ${version} for tfjs. Its types and their documentation are in the .d.ts beside it.
${runtime.trimEnd()}
const parts = {
  metadata: () => ${parts.metadata},
  weights: () => ${parts.weights},
};
export const load = (tf, options) => rnnc.openTfjsPackage(parts, import.meta.url, tf, options);
export const RnncError = rnnc.RnncError;
`;
}
