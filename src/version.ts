/** The compiler's version: written into every package, so that a package tells what made it. */
import manifest from "../package.json" with { type: "json" };

export const version: string = manifest.version;
