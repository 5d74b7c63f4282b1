/** Packages on the disk: written file by file, each whole, and opened again for `eval`, `run` and `sample`. */
import { rmSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { RnncError } from "../runtime/errors.ts";
import { load, type Model } from "../runtime/load.ts";
import type { Metadata } from "../runtime/metadata.ts";
import type { TfjsProgram } from "../runtime/tfjs/program.ts";
import { Failure, fileFailure } from "./failure.ts";
import { findPackage, packageIn } from "./find-package.ts";
import { kindOf, makeFolder, readBytes, writeWhole } from "./files.ts";

export interface PackageContent {
  readonly metadata: Metadata;
  /** What of the two there is: the package is of that target. */
  readonly wasm: Uint8Array | null;
  readonly tfjs?: TfjsProgram | null;
  readonly weights: Uint8Array | null;
  readonly singleFile?: boolean;
}

export interface WrittenFile {
  readonly name: string;
  readonly bytes: number;
  readonly gzipped: number;
}

export async function writePackage(folder: string, content: PackageContent): Promise<readonly WrittenFile[]> {
  const files = await filesOf(content);
  makeFolder(folder);
  return [...files].map(([name, content]) => {
    writeWhole(join(folder, name), content);
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    return { name, bytes: bytes.length, gzipped: gzipSync(bytes).length };
  });
}

async function filesOf({ metadata, wasm, tfjs, weights, singleFile = false }: PackageContent) {
  const options = { singleFile };
  const { packageFiles, needsSearches } = await import("../backends/package/package-files.ts");
  if (tfjs) {
    const [{ tfjsFiles }, { default: runtime }] = await Promise.all([
      import("../backends/package/tfjs-files.ts"),
      needsSearches(metadata) ? import("rnnc:runtime-tfjs-searching") : import("rnnc:runtime-tfjs"),
    ]);
    return tfjsFiles({ metadata, program: tfjs, runtime, weights, options });
  }
  const { default: runtime } = await (metadata.threads
    ? import("rnnc:runtime-threaded")
    : needsSearches(metadata)
      ? import("rnnc:runtime-searching")
      : import("rnnc:runtime"));
  return packageFiles({ metadata, wasm: wasm!, runtime, weights, options });
}

/** Takes a package out of a folder: the files that it was written as, the one that makes it a package first. */
export function removePackage(folder: string, name: string): void {
  if (basename(name) !== name || packageIn(folder, name) === null) return;
  for (const ending of ["json", "js", "d.ts", "wasm", "safetensors"]) {
    const path = join(folder, `${name}.${ending}`);
    try {
      rmSync(path, { force: true });
    } catch (error) {
      throw fileFailure(error, path, "write");
    }
  }
}

/** `weights`: others than the package's own. */
export async function openFolder(path: string, weights: string | null): Promise<Model> {
  const { folder, metadata } = findPackage(path);
  const file = (ending: string): string => join(folder, `${metadata.name}.${ending}`);
  const own = file("safetensors");
  if ("tfjs" in metadata)
    throw new Failure(
      `The package \`${path}\` is for tfjs, and runs in an app that uses it.`,
      "Build the program without `--target tfjs` to run it here: the weights fit both.",
    );
  if (weights === null && kindOf(own) === null)
    throw new Failure(
      `The package \`${path}\` has no weights.`,
      "Give them with `--weights`, or train it with `rnnc train`.",
    );
  try {
    return await load({
      metadata,
      wasm: new Uint8Array(readBytes(file("wasm"))),
      weights: readBytes(weights ?? own),
    });
  } catch (error) {
    if (error instanceof RnncError) throw new Failure(`\`${weights ?? path}\`: ${error.message}.`);
    if (error instanceof WebAssembly.CompileError)
      throw new Failure(`\`${file("wasm")}\` is no WebAssembly module, or a damaged one.`);
    throw error;
  }
}
