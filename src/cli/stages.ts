/** The names of the compiler's stages and passes, as `--emit` and `--without` take them. */
import { optionalPasses } from "../compile/optional-passes.ts";
import { nearest } from "../diagnostics/nearest.ts";
import { graphPassNames } from "../passes/pipeline.ts";
import { misuse } from "./failure.ts";

export const stageNames = (): readonly string[] => [
  "ast",
  "graph",
  ...graphPassNames(),
  "lower",
  "segment",
  "fuse",
  "plan-memory",
  "kernels",
  "memory",
  "wat",
  "wgsl",
  "glsl",
];

export const checkStage = (name: string): void => checkKnown(name, stageNames(), "stage");

export const checkPass = (name: string): void =>
  checkKnown(name, optionalPasses(), "pass that can be left out");

function checkKnown(name: string, known: readonly string[], what: string): void {
  if (known.includes(name)) return;
  const near = nearest(name, known);
  throw misuse(
    `There is no ${what} \`${name}\`.`,
    near === null ? `There are ${known.join(", ")}.` : `Did you mean \`${near}\`?`,
  );
}
