/**
 * How a package opens itself: its files are fetched beside the module, read from disk in Node, or lie in the module
 * as base64. No import of Node stands at the top level, so bundlers and browsers never see one.
 */
import { fail } from "./errors.ts";
import { load, type Model } from "./load.ts";
import type { Metadata } from "./metadata.ts";

/** Where the parts of a package are; in text: base64 of what is inline. */
export interface PackageParts {
  readonly wasm: URL | string;
  readonly metadata: URL | Metadata;
  /** The weights that it was built with. */
  readonly weights: URL | string | null;
}

export interface PackageOptions {
  /**
   * A safetensors file, or its address (relative to the package's module). Default: the weights that the package was
   * built with. Null: none, to train from the start.
   */
  readonly weights?: ArrayBuffer | Uint8Array | URL | string | null;
  /** The module where it may not be compiled at run time (edge functions), or its bytes. */
  readonly wasm?: BufferSource | WebAssembly.Module;
  readonly metadata?: Metadata;
}

export async function openPackage(
  parts: PackageParts,
  base: string,
  options: PackageOptions = {},
): Promise<Model> {
  const { weights } = options;
  const own = weights === undefined ? parts.weights : null;
  const [wasm, metadata, file] = await Promise.all([
    options.wasm ?? bytesOf(parts.wasm),
    options.metadata ??
      (parts.metadata instanceof URL ? parseMetadata(await readUrl(parts.metadata)) : parts.metadata),
    own !== null
      ? bytesOf(own)
      : typeof weights === "string"
        ? readUrl(new URL(weights, base))
        : weights instanceof URL
          ? readUrl(weights)
          : weights,
  ]);
  return load({ metadata, wasm, weights: file });
}

const parseMetadata = (bytes: Uint8Array<ArrayBuffer>): Metadata =>
  JSON.parse(new TextDecoder().decode(bytes)) as Metadata;

function bytesOf(part: URL | string): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>> {
  return part instanceof URL ? readUrl(part) : Uint8Array.from(atob(part), (c) => c.charCodeAt(0));
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
