/**
 * Text from bytes, strictly: what is not UTF-8 is refused with the place of its first bad byte, instead of being
 * filled with replacement characters that a model would then learn.
 */
import { Failure } from "./failure.ts";

export function decodeText(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const offset = badByte(bytes);
    const value = bytes[offset];
    throw new Failure(
      value === undefined
        ? `\`${name}\` ends within a character, at byte ${offset}.`
        : `\`${name}\` is not UTF-8: byte ${offset} is 0x${value.toString(16).padStart(2, "0")}.`,
      value === undefined
        ? "Is the file cut off?"
        : "Convert it, for example with `iconv -f latin1 -t utf-8`, or compress it as `.gz` if it is an archive.",
    );
  }
}

/** The offset of the first byte that begins no valid character; the length if the last one is cut off. */
export function badByte(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at]!;
    const length =
      first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (length === 0) return at;
    for (let k = 1; k < length; k++) {
      const next = bytes[at + k];
      if (next === undefined) return bytes.length;
      const [low, high] = k === 1 ? secondByte(first) : [0x80, 0xbf];
      if (next < low || next > high) return at;
    }
    at += length;
  }
  return at;
}

/** Excludes overlong forms, surrogates, and what lies beyond U+10FFFF. */
function secondByte(first: number): readonly [number, number] {
  if (first === 0xe0) return [0xa0, 0xbf];
  if (first === 0xed) return [0x80, 0x9f];
  if (first === 0xf0) return [0x90, 0xbf];
  if (first === 0xf4) return [0x80, 0x8f];
  return [0x80, 0xbf];
}
