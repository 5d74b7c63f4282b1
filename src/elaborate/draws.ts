/** Where a random draw stands: the same place draws the same in every mode, and another place something else. */
import type { Span } from "../parser/ast.ts";

/** FNV-1a of the file, the path of the parameter scope and the offset in the text: 32 bits, stable between runs. */
export function placeOf(file: string, path: string, span: Span): number {
  let hash = 0x811c9dc5;
  for (const char of `${file}|${path}|${span.start}`)
    hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193);
  return hash | 0;
}
