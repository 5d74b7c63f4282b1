/**
 * FNV-1a over the UTF-8 bytes of a text: a stable 32-bit number, as a signed i32, for a name. It keys the random
 * numbers that a parameter starts from, so another parameter added to a program leaves this one as it was.
 */
export function stableHash(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash | 0;
}
