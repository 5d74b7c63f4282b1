/**
 * How a package opens itself: its files are fetched beside the module, read from disk in Node, or lie in the module
 * as base64. No import of Node stands at the top level, so bundlers and browsers never see one.
 */
import { fromBase64 } from "./base64.ts";
import { fail } from "./errors.ts";
import { type Extras, type Model, openModel } from "./model.ts";
import type { Metadata } from "./metadata.ts";

/** Where the parts of a package are; in text: base64 of what is inline. Asked only for what the caller did not give. */
export interface PackageParts {
  readonly wasm: () => URL | string;
  readonly metadata: () => URL | Metadata;
  /** The weights that it was built with. */
  readonly weights: () => URL | string | null;
}

export interface PackageOptions {
  /**
   * A safetensors file, or its address (relative to the package's module). Default: the weights that the package was
   * built with. Null: none, to train from the start.
   */
  readonly weights?: ArrayBuffer | Uint8Array | URL | string | null;
  /** The module compiled already, where it may not be compiled at run time (edge functions), or its bytes. */
  readonly wasm?: BufferSource | WebAssembly.Module;
  /** What the package's `.json` holds. */
  readonly metadata?: Metadata;
  /** Of a package built with `--threads`: how many, this one among them. Default: the machine's cores, at most 4. */
  readonly threads?: number;
}

/** `base` is the address of the package's module. */
export async function openPackage(
  parts: PackageParts,
  base: string,
  options: PackageOptions = {},
  extras: Extras = {},
): Promise<Model> {
  const [wasm, metadata, weights] = await Promise.all([
    options.wasm ?? bytesOf(parts.wasm()),
    options.metadata ?? metadataOf(parts.metadata()),
    weightsOf(parts, base, options),
  ]);
  const { threads } = options;
  return openModel({ metadata, wasm, weights, ...(threads === undefined ? {} : { threads }) }, extras);
}

export async function metadataOf(part: URL | Metadata): Promise<Metadata> {
  if (!(part instanceof URL)) return part;
  return JSON.parse(new TextDecoder().decode(await readUrl(part))) as Metadata;
}

export async function weightsOf(
  parts: Pick<PackageParts, "weights">,
  base: string,
  { weights }: Pick<PackageOptions, "weights">,
): Promise<ArrayBuffer | Uint8Array | null> {
  if (weights === undefined) {
    const own = parts.weights();
    return own === null ? null : bytesOf(own);
  }
  if (typeof weights === "string") return readUrl(new URL(weights, base));
  return weights instanceof URL ? readUrl(weights) : weights;
}

function bytesOf(part: URL | string): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>> {
  return part instanceof URL ? readUrl(part) : fromBase64(part);
}

async function readUrl(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  if (url.protocol === "file:") {
    // Not a literal, so that bundlers for browsers leave it alone.
    const name = "node:fs/promises";
    const { readFile } = (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as {
      readFile: (url: URL) => Promise<Uint8Array>;
    };
    return new Uint8Array(await readFile(url));
  }
  const response = await fetch(url);
  if (!response.ok) fail(`${url.href} cannot be fetched: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}
