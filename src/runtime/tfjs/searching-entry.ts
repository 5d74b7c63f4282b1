/** What a package's module for tfjs takes from the runtime whose model makes choices, or whose labels are spelled by paths. */
import { choices } from "./choices.ts";
import * as core from "./open-package.ts";

export { RnncError } from "../errors.ts";

type Open = typeof core.openTfjsPackage;

export const openTfjsPackage = (
  parts: Parameters<Open>[0],
  base: string,
  tf: Parameters<Open>[2],
  options?: Parameters<Open>[3],
): ReturnType<Open> => core.openTfjsPackage(parts, base, tf, options, choices);
