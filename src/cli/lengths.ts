/** How long sequences are taken to be, where there are no data to tell: `--length`. */
import { InvalidArgumentError, Option } from "commander";
import type { Metadata } from "../runtime/metadata.ts";
import { misuse } from "./failure.ts";
import { assignment, wholeNumber, type Sizes } from "./options.ts";

const defaultLength = 50;

export const lengthOption = (): Option =>
  new Option(
    "--length <N|AXIS=N>",
    `how long sequences are, all or along one axis (default: \`tbptt\`, or ${defaultLength})`,
  ).argParser<Sizes>(parse);

/** Under the name of the axis; of all axes, under none. */
function parse(text: string, previous: Sizes = {}): Sizes {
  const [axis, length] = text.includes("=") ? Object.entries(assignment(text))[0]! : ["", text];
  if (axis === "B") throw new InvalidArgumentError("B is the batch: give `--batch`.");
  return { ...previous, [axis]: wholeNumber(1)(length) };
}

/** The length along each axis. Fails on one that the program does not have. */
export function lengthsOf(
  file: string,
  { symbols, train, segmented = [] }: Pick<Metadata, "symbols" | "train" | "segmented">,
  given: Sizes = {},
): Sizes {
  const parts = new Set(segmented.flatMap(({ steps, segments }) => [steps, segments]));
  const axes = symbols.filter((symbol) => symbol !== "B" && !parts.has(symbol));
  const unknown = Object.keys(given).find((axis) => axis !== "" && !axes.includes(axis));
  if (unknown !== undefined)
    throw misuse(
      `\`${file}\` has no sequences along \`${unknown}\`.`,
      axes.length === 0 ? null : `It has ${axes.map((axis) => `\`${axis}\``).join(", ")}.`,
    );
  const all = given[""] ?? train.tbptt ?? defaultLength;
  return Object.fromEntries(axes.map((axis) => [axis, given[axis] ?? all]));
}
