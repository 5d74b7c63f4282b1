/** The names of the compiler's stages and passes, as `--emit` and `--without` take them. */
import { nearest } from "../diagnostics/nearest.ts";
import { canBeLeftOut, graphPassNames } from "../passes/pipeline.ts";
import { misuse } from "./failure.ts";

export const stageNames = (): readonly string[] => [
  "ast",
  "graph",
  ...graphPassNames(),
  "lower",
  "fuse",
  "plan-memory",
  "kernels",
  "memory",
  "wat",
];

export const checkStage = (name: string): void => checkKnown(name, stageNames(), "stage");

export const checkPass = (name: string): void =>
  checkKnown(
    name,
    [...graphPassNames().filter(canBeLeftOut), "fuse", "plan-memory"],
    "pass that can be left out",
  );

function checkKnown(name: string, known: readonly string[], what: string): void {
  if (known.includes(name)) return;
  const near = nearest(name, known);
  throw misuse(
    `There is no ${what} \`${name}\`.`,
    near === null ? `There are ${known.join(", ")}.` : `Did you mean \`${near}\`?`,
  );
}
