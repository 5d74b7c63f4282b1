/**
 * The folder of a training: the package, `checkpoints/` (the last state, the best weights, `run.json`), `log.jsonl` and
 * `loss.svg`. Whether it may be written is checked before any work.
 */
import { accessSync, constants, readdirSync } from "node:fs";
import { join } from "node:path";
import { Failure, fileFailure } from "../failure.ts";
import { isTemporary, kindOf, makeFolder, readBytes, readText } from "../files.ts";
import { checkpointFile, isIncomplete, openCheckpoints, type Checkpoints } from "./checkpoints.ts";
import { lockFolder, lockName, needUnlocked } from "./lock.ts";

export interface Best {
  readonly step: number;
  readonly loss: number;
  /** The measure that decided, where it was not the loss alone; `shown` for people. */
  readonly score: { readonly name: string; readonly loss: number; readonly shown: string } | null;
}

/** What a resumed training must have in common with the one before, and where the best weights are from. */
export interface RunState {
  readonly format: 1;
  readonly model: string;
  readonly data: string;
  readonly batch: number;
  readonly seed: number;
  readonly tbptt: number | null;
  readonly validate: number;
  readonly best: Best | null;
  /** Packages that earlier trainings wrote here, which this one takes the place of. */
  readonly replaces?: readonly string[];
}

export interface RunFolder extends Checkpoints {
  readonly path: string;
  readonly curve: string;
  /** Of the training that is resumed; null in a new one. */
  readonly before: { readonly state: RunState; readonly checkpoint: Uint8Array } | null;
  readonly replaces: readonly string[];
}

export interface ClaimOptions {
  readonly resume: boolean;
  readonly force: boolean;
}

export const holdsTraining = (path: string): boolean =>
  kindOf(stateFile(path)) === "file" && kindOf(lastFile(path)) === "file";

const stateFile = (path: string): string => checkpointFile(path, "run.json");
const lastFile = (path: string): string => checkpointFile(path, "last.safetensors");

/** `model`: the package that the training will write may be there already, if it has no weights to lose. */
export function checkRunFolder(path: string, model: string, { resume, force }: ClaimOptions): void {
  needUnlocked(path);
  if (resume && !holdsTraining(path))
    throw new Failure(`\`${path}\` holds no training to go on with.`, "Leave `--resume` out to start one.");
  if (!resume && !force) refuseToOverwrite(path, model);
}

export function claimRunFolder(path: string, model: string, claim: ClaimOptions): RunFolder {
  const { resume } = claim;
  makeFolder(join(path, "checkpoints"));
  for (const folder of [path, join(path, "checkpoints")]) needWritable(folder);
  lockFolder(path);
  // Another training may have come and gone while the data were read.
  checkRunFolder(path, model, claim);
  const replaces = packagesReplaced(path, resume);
  return {
    path,
    curve: join(path, "loss.svg"),
    replaces,
    before: resume ? { state: readState(stateFile(path)), checkpoint: readBytes(lastFile(path)) } : null,
    ...openCheckpoints(path, resume),
  };
}

/** A new training takes the place of the one before it; a resumed one of what it set out to. */
function packagesReplaced(path: string, resume: boolean): readonly string[] {
  if (!holdsTraining(path)) return [];
  try {
    const { model, replaces = [] } = readState(stateFile(path));
    return resume ? replaces : [...replaces, model];
  } catch (error) {
    // Nobody goes on with it, so it may be damaged.
    if (error instanceof Failure && !resume) return [];
    throw error;
  }
}

function refuseToOverwrite(path: string, model: string): void {
  if (holdsTraining(path)) {
    const ended = list(path).some((name) => name.endsWith(".safetensors"));
    throw new Failure(
      ended ? `\`${path}\` holds a training already.` : `\`${path}\` holds an unfinished training.`,
      "`--resume` goes on with it, `--force` starts over, `-o` names another folder.",
    );
  }
  if (kindOf(path) === "file")
    throw new Failure(`\`${path}\` is a file, not a folder.`, "`-o` names another folder.");
  const replaceable = new Set([`${model}.wasm`, `${model}.js`, `${model}.d.ts`, `${model}.json`]);
  const others = (name: string): boolean => !replaceable.has(name) && !isLeftover(path, name);
  if (kindOf(path) === "folder" && list(path).some(others))
    throw new Failure(
      `\`${path}\` holds something else already.`,
      "`-o` names another folder; `--force` writes into this one.",
    );
}

/** Whether a training leaves it that ends before its first state is whole. */
function isLeftover(path: string, name: string): boolean {
  const checkpoints = join(path, "checkpoints");
  if (kindOf(checkpoints) !== "folder") return false;
  if (name === "checkpoints") return list(checkpoints).every((inner) => isIncomplete(path, inner));
  return name === "log.jsonl" || name === lockName || isTemporary(name);
}

function list(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    throw fileFailure(error, path, "read");
  }
}

function needWritable(path: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw fileFailure(error, path, "write");
  }
}

function readState(path: string): RunState {
  try {
    const state = JSON.parse(readText(path)) as Partial<RunState>;
    if (state.format === 1) return state as RunState;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new Failure(`\`${path}\` is damaged, or of another version of rnnc.`);
}

const reasons: readonly { readonly key: keyof RunState; readonly what: string }[] = [
  { key: "data", what: "the data" },
  { key: "batch", what: "`batch`" },
  { key: "seed", what: "`seed`" },
  { key: "tbptt", what: "`tbptt`" },
  { key: "validate", what: "`validate`" },
];

/** Another order of batches would not go on with the training but be another one. */
export function checkSame(before: RunState, now: Omit<RunState, "best">): void {
  for (const { key, what } of reasons) {
    const [was, is] = [before[key], now[key as keyof typeof now]];
    if (was === is) continue;
    const detail =
      key === "data" ? "are not those" : `is ${String(is)}, and was ${String(was)} in the training`;
    throw new Failure(
      key === "data"
        ? `The data ${detail} that the training began with.`
        : `${what} ${detail} that is resumed.`,
      "Resume with the same data and settings, or start a new training with `-o`.",
    );
  }
}
