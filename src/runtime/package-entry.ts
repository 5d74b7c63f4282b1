/** What a package's module takes from the runtime, and all that is bundled into it, if its model searches for nothing. */
export { RnncError } from "./errors.ts";
export { openPackage } from "./open-package.ts";
