/** How many threads to run on: a slip such as 1000 would start as many workers, and bring the machine to a stand. */
import { availableParallelism } from "node:os";
import { InvalidArgumentError } from "commander";
import { wholeNumber } from "./options.ts";
import { plural } from "./output.ts";

export function threadCount(text: string): number {
  const processors = availableParallelism();
  const most = Math.max(64, 4 * processors);
  const count = wholeNumber(1)(text);
  if (count > most)
    throw new InvalidArgumentError(
      `At most ${most} threads are started; this machine has ${plural(processors, "processor")}.`,
    );
  return count;
}
