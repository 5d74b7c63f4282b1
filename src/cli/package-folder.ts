/** Packages on the disk: written file by file, each whole, and opened again for `eval`, `run` and `sample`. */
import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { RnncError } from "../runtime/errors.ts";
import { load, type Model } from "../runtime/load.ts";
import type { Metadata } from "../runtime/metadata.ts";
import type { TfjsProgram } from "../runtime/tfjs/program.ts";
import { Failure, fileFailure } from "./failure.ts";
import { holdsTraining } from "./training/run-folder.ts";
import { kindOf, makeFolder, readBytes, readText, writeWhole } from "./files.ts";

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

/** The package of that name in a folder, or null; other files of it are no business of ours. */
export function packageIn(folder: string, name: string): Metadata | null {
  const path = join(folder, `${name}.json`);
  return kindOf(path) === "file" ? parseMetadata(readText(path)) : null;
}

function parseMetadata(text: string): Metadata | null {
  try {
    const value = JSON.parse(text) as Partial<Metadata> | null;
    return typeof value === "object" && value?.format === 1 && typeof value.fingerprint === "string"
      ? (value as Metadata)
      : null;
  } catch {
    return null;
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

/** A folder with one package, or a package's `.json` itself. */
function findPackage(path: string): { readonly folder: string; readonly metadata: Metadata } {
  if (kindOf(path) === null) throw new Failure(`\`${path}\` does not exist.`);
  if (kindOf(path) === "file") {
    const metadata = parseMetadata(readText(path));
    if (metadata === null) throw new Failure(`\`${path}\` describes no package of this version of rnnc.`);
    return { folder: dirname(path), metadata };
  }
  const found = names(path).flatMap((name) => packageIn(path, name) ?? []);
  const [metadata] = found;
  if (metadata === undefined && holdsTraining(path))
    throw new Failure(
      `\`${path}\` holds a training that has not ended, and no package yet.`,
      `\`rnnc train FILE --data PATH -o ${path} --resume\` goes on with it, and writes the package at its end.`,
    );
  if (metadata === undefined)
    throw new Failure(`\`${path}\` holds no package.`, "`rnnc train` and `rnnc build` write one.");
  if (found.length > 1)
    throw new Failure(
      `\`${path}\` holds ${found.length} packages.`,
      `Name one, such as \`${join(path, `${metadata.name}.json`)}\`.`,
    );
  return { folder: path, metadata };
}

function names(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".json"))
      .map((name) => basename(name, ".json"))
      .sort();
  } catch (error) {
    throw fileFailure(error, folder, "read");
  }
}
