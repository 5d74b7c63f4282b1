/** What a package's module for tfjs takes from the runtime, and all that is bundled into it. */
export { RnncError } from "../errors.ts";
export { openTfjsPackage } from "./open-package.ts";
