/** The runtime's text; written to `outfile` too, if one is named. `entry` is a file of `src/runtime`. */
export function buildRuntime(outfile?: string, entry?: string): Promise<string>;
