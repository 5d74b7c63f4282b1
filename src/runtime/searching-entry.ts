/** What the module of a package takes from the runtime whose model makes choices, or whose labels are spelled by paths. */
import * as core from "./open-package.ts";
import { searches } from "./searches.ts";

export { RnncError } from "./errors.ts";

export const openPackage = (
  parts: core.PackageParts,
  base: string,
  options?: core.PackageOptions,
): ReturnType<typeof core.openPackage> => core.openPackage(parts, base, options, { searches });
