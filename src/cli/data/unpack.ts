/** Files may be compressed: `.gz`, told by their first bytes. */
import { gunzipSync } from "node:zlib";
import { Failure } from "../failure.ts";

export function unpack(bytes: Uint8Array, name: string): Uint8Array {
  if (bytes.length === 0) throw new Failure(`\`${name}\` is empty.`);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes);
  } catch {
    throw new Failure(`\`${name}\` is compressed, but not complete or not intact.`, "Is the file cut off?");
  }
}
