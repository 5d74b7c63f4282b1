/**
 * `log.jsonl`: a line for each step and each validation. It is the memory of the loss curve, and of a resumed training,
 * which drops what was logged after its checkpoint and goes on from there.
 */
import { appendFileSync } from "node:fs";
import type { Losses } from "../../runtime/trainer.ts";
import { Failure, fileFailure } from "../failure.ts";
import { kindOf, readText, writeWhole } from "../files.ts";

export interface StepEntry {
  readonly step: number;
  readonly epoch: number;
  readonly loss: number;
  /** By net, of objectives that alternate. */
  readonly losses?: Losses;
  /** How many examples of the batch were left out of the loss. */
  readonly impossible?: number;
  readonly norm: number;
  readonly rate: number;
  /** Since the start, pauses left out. */
  readonly seconds: number;
  readonly skipped?: true;
}

export interface ValidationEntry {
  readonly step: number;
  readonly epoch: number;
  /** The loss. */
  readonly validation: number;
  /** The task's own measure, and which it is. */
  readonly score?: number;
  readonly measure?: string;
  readonly seconds: number;
}

export type Entry = StepEntry | ValidationEntry;

export interface Log {
  readonly entries: Entry[];
  readonly add: (entry: Entry) => void;
  /** Writes what has been added since. */
  readonly flush: () => void;
}

/** `place` may change; `lastStep`: of the checkpoint that the training goes on from; null starts a new log. */
export function openLog(place: () => string, lastStep: number | null): Log {
  const entries = lastStep === null ? [] : readLog(place()).filter(({ step }) => step <= lastStep);
  writeWhole(place(), entries.map(line).join(""));
  let waiting: Entry[] = [];
  return {
    entries,
    add: (entry) => {
      entries.push(entry);
      waiting.push(entry);
    },
    flush: () => {
      const path = place();
      try {
        appendFileSync(path, waiting.map(line).join(""));
      } catch (error) {
        throw fileFailure(error, path, "write");
      }
      waiting = [];
    },
  };
}

/** JSON has no NaN. */
const line = (entry: Entry): string =>
  `${JSON.stringify(entry, (_, value: unknown) => (typeof value === "number" && !Number.isFinite(value) ? String(value) : value))}\n`;

function readLog(path: string): Entry[] {
  if (kindOf(path) !== "file") throw new Failure(`The log \`${path}\` of the training is missing.`);
  return readText(path)
    .split("\n")
    .flatMap((text) => {
      try {
        return text === "" ? [] : [revive(JSON.parse(text) as Entry)];
      } catch {
        // The last line may have been cut off when the machine went down.
        return [];
      }
    });
}

const revive = (entry: Entry): Entry =>
  "loss" in entry
    ? { ...entry, loss: Number(entry.loss), norm: Number(entry.norm) }
    : { ...entry, validation: Number(entry.validation) };
