/** The page of examples/web as files by their address; `library` is rnnc. */
export function webFiles(library: object): Promise<Map<string, string | Uint8Array>>;
