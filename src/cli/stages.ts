/** The names of the compiler's stages and passes, as `--emit` and `--without` take them. */
import { nearest } from "../diagnostics/nearest.ts";
import { graphPasses } from "../passes/pipeline.ts";
import { misuse } from "./failure.ts";

const passNames = (): readonly string[] => [...new Set(graphPasses("training").map(({ name }) => name))];

export const stageNames = (): readonly string[] => [
  "ast",
  "graph",
  ...passNames(),
  "lower",
  "fuse",
  "kernels",
  "memory",
  "wat",
];

export const checkStage = (name: string): void => checkKnown(name, stageNames(), "stage");

/** Training is not training without `differentiate`. */
export const checkPass = (name: string): void =>
  checkKnown(
    name,
    [...passNames().filter((pass) => pass !== "differentiate"), "fuse", "plan-memory"],
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
