/** The options that trade time for memory in training, and what is said about them. */
import { InvalidArgumentError, Option } from "commander";
import type { Recompute, RecomputeChoice } from "../compile/types.ts";
import { Failure } from "./failure.ts";
import { formatBytes } from "./output.ts";

export interface MemoryOptions {
  readonly recompute?: Recompute;
  readonly maxMemory?: number;
}

export const recomputeOption = (): Option =>
  new Option(
    "--recompute <LEVEL>",
    "compute again in training, to save memory: gates, or segments between states that are kept",
  )
    .choices(["none", "gates", "segments"])
    .conflicts("maxMemory");

export const maxMemoryOption = (): Option =>
  new Option(
    "--max-memory <SIZE>",
    "what a step of training may take, such as 64MB: picks what to compute again",
  ).argParser(bytes);

const units = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9 } as const;

function bytes(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(B|KB|MB|GB)$/iu.exec(text) ?? [];
  if (number === undefined || unit === undefined)
    throw new InvalidArgumentError("A size is due, such as 64MB or 1.5GB.");
  return Number(number) * units[unit.toUpperCase() as keyof typeof units];
}

/** What was chosen, and what it saves and costs; null where there was nothing to choose. Fails where nothing fits. */
export function choiceText(
  choice: RecomputeChoice | null,
  { recompute, maxMemory }: MemoryOptions,
  sizes: Readonly<Record<string, number>>,
): string | null {
  if (choice === null || (recompute === undefined && maxMemory === undefined)) return null;
  const at = Object.entries(sizes).map(([name, size]) => `${name} = ${size}`);
  const { level, fits, costs } = choice;
  const [first, last] = [costs[0]!, costs.at(-1)!];
  const least = Math.min(...costs.map((cost) => cost.bytes));
  if (!fits)
    throw new Failure(
      `A step of training at ${at.join(", ")} takes ${formatBytes(least)} at least, which is more than ${formatBytes(maxMemory!)}.`,
      "A smaller `--batch`, or shorter sequences (`tbptt`), take less.",
    );
  const took = `training at ${at.join(", ")} takes ${formatBytes(last.bytes)}`;
  if (costs.length === 1) return `recompute ${level}: ${took}`;
  const more = Math.round(100 * (last.operations / first.operations - 1));
  return `recompute ${level}: ${took} instead of ${formatBytes(first.bytes)}, for ${more} % more operations`;
}
