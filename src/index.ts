/** The library: `compile` is pure, and runs wherever JavaScript does; `load` runs what it made. */
export { check } from "./compile/check.ts";
export { compile } from "./compile/compile.ts";
export { optionalPasses } from "./compile/optional-passes.ts";
export { packageFiles } from "./backends/package/package-files.ts";
export { tfjsFiles } from "./backends/package/tfjs-files.ts";
export type { Compilation, CompileOptions } from "./compile/types.ts";
export type { Diagnostic } from "./diagnostics/diagnostic.ts";
export { render } from "./diagnostics/render.ts";
export { version } from "./version.ts";
export * from "./runtime/index.ts";
