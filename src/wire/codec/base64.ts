/**
 * Bytes to base64 (RFC 4648 §4) and back, for byte strings in JSON.
 * @module
 */
const BYTES_AT_ONCE = 8192;

/** The padded base64 of `bytes`. */
export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += BYTES_AT_ONCE) {
    binary += String.fromCharCode(...bytes.subarray(at, at + BYTES_AT_ONCE));
  }
  return btoa(binary);
}

/** The inverse of {@linkcode toBase64}. @throws {TypeError} if `text` is not base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw new TypeError("expected base64");
  }
}
