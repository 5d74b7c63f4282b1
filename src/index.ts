/** The library: `compile` is pure, and runs wherever JavaScript does. */
export { check } from "./compile/check.ts";
export { compile } from "./compile/compile.ts";
export type { Compilation, CompileOptions } from "./compile/types.ts";
export type { Diagnostic } from "./diagnostics/diagnostic.ts";
export { render } from "./diagnostics/render.ts";
export type { Metadata } from "./runtime/metadata.ts";
export { version } from "./version.ts";
