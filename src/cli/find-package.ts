/** Which package a path names: a folder with one, or a package's `.json`; and what to say of a path that names none. */
import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Metadata } from "../runtime/metadata.ts";
import { Failure, fileFailure } from "./failure.ts";
import { kindOf, readText } from "./files.ts";
import { holdsTraining } from "./training/run-folder.ts";

export interface FoundPackage {
  readonly folder: string;
  readonly metadata: Metadata;
}

export function findPackage(path: string): FoundPackage {
  const kind = kindOf(path);
  if (kind === null) throw new Failure(`\`${path}\` does not exist.`, wayFrom(path));
  if (kind === "file") return ofFile(path);
  const found = packagesIn(path);
  const [metadata] = found;
  if (metadata === undefined && holdsTraining(path))
    throw new Failure(
      `\`${path}\` holds a training that has not ended, and no package yet.`,
      `\`rnnc train FILE --data PATH -o ${path} --resume\` goes on with it, and writes the package at its end.`,
    );
  if (metadata === undefined)
    throw new Failure(
      `\`${path}\` holds no package.`,
      packagesBeside(path) ?? "`rnnc train` and `rnnc build` write one.",
    );
  if (found.length > 1)
    throw new Failure(
      `\`${path}\` holds ${found.length} packages.`,
      `Name one, such as \`${join(path, `${metadata.name}.json`)}\`.`,
    );
  return { folder: path, metadata };
}

/** The package of that name in a folder, or null; other files of it are no business of ours. */
export function packageIn(folder: string, name: string): Metadata | null {
  const path = join(folder, `${name}.json`);
  return kindOf(path) === "file" ? parseMetadata(readText(path)) : null;
}

const packagesIn = (folder: string): readonly Metadata[] =>
  entriesOf(folder, "file")
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => packageIn(folder, basename(name, ".json")) ?? []);

function ofFile(path: string): FoundPackage {
  if (path.endsWith(".rnn")) throw new Failure(`\`${path}\` is a program, and no package.`, wayFrom(path));
  const metadata = path.endsWith(".json") ? parseMetadata(readText(path)) : null;
  if (metadata !== null) return { folder: dirname(path), metadata };
  throw new Failure(
    `\`${path}\` describes no package of this version of rnnc.`,
    packagesIn(dirname(path)).length > 0
      ? `Name its folder, \`${dirname(path)}\`.`
      : "A package is the folder that `rnnc train` or `rnnc build` wrote, or the `.json` in it.",
  );
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

/** From a program, or from the name that its package would have: to its package, or else to any. */
function wayFrom(path: string): string {
  const folder = path.replace(/\.rnn$/u, "");
  const program = `${folder}.rnn`;
  // `models/speech.rnn` is trained into `speech`.
  const own = [folder, basename(folder)].find(isPackage);
  if (own !== undefined) return `Its package is \`${own}\`.`;
  if (kindOf(program) === "file")
    return `Train it first: \`rnnc train ${program} --data PATH\` writes the package \`${basename(folder)}\`.`;
  return packagesBeside(path) ?? "`rnnc train FILE --data PATH` trains a program, and writes its package.";
}

/** Whether a folder holds a package that runs here; one that may not be read is none to name. */
function isPackage(folder: string): boolean {
  try {
    return (
      kindOf(folder) === "folder" &&
      packagesIn(folder).some(({ name }) => kindOf(join(folder, `${name}.wasm`)) === "file")
    );
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

const mostNamed = 5;

/** The packages in the folder that a path lies in, if there are any. */
function packagesBeside(path: string): string | null {
  const parent = dirname(path);
  if (kindOf(parent) !== "folder") return null;
  const found = entriesOf(parent, "folder")
    .map((name) => join(parent, name))
    .filter(isPackage);
  const shown = found.slice(0, mostNamed).map((at) => `\`${at}\``);
  return found.length === 0
    ? null
    : `There ${found.length === 1 ? "is the package" : "are the packages"} ${shown.join(", ")}${found.length > mostNamed ? " …" : ""}.`;
}

function entriesOf(folder: string, kind: "file" | "folder"): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith(".") && kindOf(join(folder, name)) === kind)
      .sort();
  } catch (error) {
    throw fileFailure(error, folder, "read");
  }
}
