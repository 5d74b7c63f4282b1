/** The runtime's text; written to `outfile` too, if one is named. */
export function buildRuntime(outfile?: string): Promise<string>;
