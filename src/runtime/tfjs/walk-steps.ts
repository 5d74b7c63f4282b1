/** The runs of an entry one after another, with the variables of the loops around each. */
import { extent, type Sizes } from "../layout.ts";
import type { Step } from "./program.ts";

export function eachRun<Run>(
  steps: readonly Step<Run>[],
  sizes: Sizes,
  visit: (run: Run, time: readonly number[]) => void,
  time: readonly number[] = [],
): void {
  for (const step of steps) {
    if (step.kind === "run") {
      visit(step.run, time);
      continue;
    }
    const count = extent(step.extent, sizes);
    for (let k = 0; k < count; k++)
      eachRun(step.body, sizes, visit, [...time, step.reverse ? count - 1 - k : k]);
  }
}
