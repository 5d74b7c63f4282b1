/**
 * Files in and out. A file is written whole or not at all: into a temporary one in the same folder, forced to the
 * disk, then renamed over the old one, so that neither a full disk nor a pulled plug leaves half a file behind.
 * `-` is standard input or output.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { closeSync, fsyncSync, openSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileFailure, systemCode } from "./failure.ts";
import { decodeText } from "./text.ts";

export const standardName = "<stdin>";

/** A plain array: of a Node `Buffer`, `slice` is no copy, which code written for browsers relies on. */
export function readBytes(path: string): Uint8Array<ArrayBuffer> {
  try {
    const { buffer, byteOffset, length } = readFileSync(path === "-" ? 0 : path);
    return new Uint8Array(buffer as ArrayBuffer, byteOffset, length);
  } catch (error) {
    throw fileFailure(error, path === "-" ? standardName : path, "read");
  }
}

/** Strict UTF-8; a byte order mark is left out. */
export const readText = (path: string): string =>
  decodeText(readBytes(path), path === "-" ? standardName : path);

/** Null where nothing is there. */
export function kindOf(path: string): "file" | "folder" | null {
  try {
    return statSync(path).isDirectory() ? "folder" : "file";
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return null;
    throw fileFailure(error, path, "read");
  }
}

/** Level by level: Node's own `recursive` never returns where the system denies a folder within one that is there. */
export function makeFolder(path: string): void {
  if (kindOf(path) === "folder") return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have been faster.
    if (systemCode(error) === "EEXIST" && kindOf(path) === "folder") return;
    throw fileFailure(error, path, "write");
  }
}

export function writeWhole(path: string, content: string | Uint8Array): void {
  if (path === "-") {
    process.stdout.write(content);
    return;
  }
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomBytes(4).toString("hex")}.tmp`);
  try {
    const handle = openSync(temporary, "wx", modeOf(path));
    try {
      writeFileSync(handle, content);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(temporary, path);
    syncFolder(folder);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw fileFailure(error, path, "write");
  }
}

/** Of names: that of a file which `writeWhole` was killed over. */
export const isTemporary = (name: string): boolean => /^\..+\.[0-9a-f]{8}\.tmp$/u.test(name);

/** A file that is replaced keeps its permissions. */
const modeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mode ?? 0o666;

/** The renaming itself is on the disk only when the folder is; some systems cannot say so of a folder. */
function syncFolder(folder: string): void {
  try {
    const handle = openSync(folder, "r");
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  } catch {
    return;
  }
}
