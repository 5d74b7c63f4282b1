/** The sizes that a program leaves to its data, which `--dim` and `--vocab` may give; any other name there is a slip. */
import { nearest } from "../diagnostics/nearest.ts";
import type { Model } from "../elaborate/program.ts";
import type { Program } from "../parser/ast.ts";
import { fieldsOf } from "./data/field.ts";
import { misuse } from "./failure.ts";

/** Names of sizes and of data with a vocabulary. */
export const openSizes = ({ data }: Pick<Model, "data">, program: Program): readonly string[] =>
  [...new Set(fieldsOf(data, program).flatMap(({ freeSize, vocabulary }) => [freeSize, vocabulary]))].filter(
    (name) => name !== null,
  );

export function refuseUnusedSizes(
  flag: "--dim" | "--vocab",
  given: Readonly<Record<string, unknown>>,
  open: readonly string[],
): void {
  const unused = Object.keys(given).find((name) => !open.includes(name));
  if (unused === undefined) return;
  const near = nearest(unused, open);
  throw misuse(
    `\`${flag} ${unused}=…\` gives a size that nothing leaves open.`,
    near !== null
      ? `Is \`${near}\` meant?`
      : open.length === 0
        ? "Every size is written in the program."
        : `What only the data can tell is ${open.map((name) => `\`${name}\``).join(", ")}.`,
  );
}
