/** What the module of a package takes from the runtime that was built for threads, whatever the model does. */
import * as core from "./open-package.ts";
import { searches } from "./searches.ts";
import { startThreads } from "./threads.ts";

export { RnncError } from "./errors.ts";

export const openPackage = (
  parts: core.PackageParts,
  base: string,
  options?: core.PackageOptions,
): ReturnType<typeof core.openPackage> => core.openPackage(parts, base, options, { searches, startThreads });
