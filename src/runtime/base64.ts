/** Bytes as base64 and back, where files lie within a module. */
export function base64(bytes: Uint8Array): string {
  // A multiple of 3, so that the parts join; few enough arguments for a call.
  const size = 3 << 12;
  let text = "";
  for (let k = 0; k < bytes.length; k += size)
    text += btoa(String.fromCharCode(...bytes.subarray(k, k + size)));
  return text;
}

export const fromBase64 = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
