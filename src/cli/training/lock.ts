/**
 * One training at a time in a folder: `training.lock` holds the id of the process that trains into it, and goes with it. A
 * process that is killed leaves the file behind, which counts for nothing.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, fileFailure, systemCode } from "../failure.ts";
import { kindOf, readText } from "../files.ts";

export const lockName = "training.lock";

export function needUnlocked(folder: string): void {
  const path = join(folder, lockName);
  if (kindOf(path) === null) return;
  const holder = Number.parseInt(readText(path));
  if (Number.isNaN(holder) || (holder !== process.pid && isRunning(holder))) throw locked(folder, holder);
}

/** Until the process ends. */
export function lockFolder(folder: string): void {
  needUnlocked(folder);
  const path = join(folder, lockName);
  try {
    rmSync(path, { force: true });
    writeFileSync(path, `${process.pid}\n`, { flag: "wx" });
  } catch (error) {
    // Another process was faster.
    if (systemCode(error) === "EEXIST") throw locked(folder, NaN);
    rmSync(path, { force: true });
    throw fileFailure(error, path, "write");
  }
  process.once("exit", () => rmSync(path, { force: true }));
}

/** `holder`: NaN while it has not written its id yet. */
const locked = (folder: string, holder: number): Failure =>
  new Failure(
    `Another training writes into \`${folder}\`${Number.isNaN(holder) ? "" : `: process ${holder}`}.`,
    `\`-o\` names another folder; if no training runs there, delete \`${join(folder, lockName)}\`.`,
  );

function isRunning(id: number): boolean {
  try {
    return process.kill(id, 0);
  } catch (error) {
    // It is there, and another user's.
    return systemCode(error) === "EPERM";
  }
}
