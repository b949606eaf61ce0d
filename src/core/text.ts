/**
 * Text as UTF-8 bytes.
 * @module
 */
const encoder = new TextEncoder();

/** The UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}
