/**
 * The files of a training's state: `run.json`, the last state and the best weights in `checkpoints/`, and the log beside
 * it. A training that starts over writes all of them into `checkpoints/starting-over` until its first state is whole, and only
 * then puts them in the place of the earlier one's: should it fail before, the earlier one can still be gone on with.
 */
import { readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileFailure } from "../failure.ts";
import { isTemporary, kindOf, makeFolder, readBytes, writeWhole } from "../files.ts";

export interface Checkpoints {
  /** Where the log lies by now. */
  readonly log: () => string;
  readonly saveLast: (checkpoint: Uint8Array, state: object) => void;
  readonly saveBest: (weights: Uint8Array) => void;
  readonly best: () => Uint8Array;
}

const [log, best, last, run] = ["log.jsonl", "best.safetensors", "last.safetensors", "run.json"] as const;

export const checkpointFile = (path: string, name: typeof last | typeof run): string =>
  join(path, "checkpoints", name);

const startingOver = "starting-over";

/** Of a name in `checkpoints/`: whether it may lie there before the first `run.json` says what it is of. */
export const isIncomplete = (path: string, name: string): boolean =>
  name === best ||
  name === last ||
  isTemporary(name) ||
  (name === startingOver && kindOf(join(path, "checkpoints", startingOver, run)) === null);

export function openCheckpoints(path: string, resume: boolean): Checkpoints {
  const folder = join(path, "checkpoints");
  const fresh = join(folder, startingOver);
  const file = (name: string): string => join(waits ? fresh : folder, name);
  for (const name of readdirSync(folder))
    if (isTemporary(name) || name === startingOver) discard(join(folder, name));
  let waits = false;
  if (!resume && [best, last, run].some((name) => kindOf(file(name)) !== null)) {
    waits = true;
    makeFolder(fresh);
  }
  const takePlace = (): void => {
    waits = false;
    // What lies between here and the new `run.json` belongs to neither training, so nothing can be resumed.
    for (const name of [run, best]) discard(join(folder, name));
    for (const name of [best, last]) move(join(fresh, name), join(folder, name));
    move(join(fresh, log), join(path, log));
    move(join(fresh, run), join(folder, run));
    discard(fresh);
  };
  return {
    log: () => join(waits ? fresh : path, log),
    saveBest: (weights) => writeWhole(file(best), weights),
    saveLast: (checkpoint, state) => {
      writeWhole(file(last), checkpoint);
      writeWhole(file(run), `${JSON.stringify(state, null, 2)}\n`);
      if (waits) takePlace();
    },
    best: () => readBytes(file(best)),
  };
}

function move(from: string, to: string): void {
  if (kindOf(from) === null) return;
  try {
    renameSync(from, to);
  } catch (error) {
    throw fileFailure(error, to, "write");
  }
}

function discard(path: string): void {
  try {
    rmSync(path, { force: true, recursive: true });
  } catch (error) {
    throw fileFailure(error, path, "write");
  }
}
