/**
 * Text to UTF-8 bytes and back. Nothing is repaired silently: each text has one sequence of bytes.
 * @module
 */
import { fromUtf8 as decode, utf8 as encode } from "../../core/tree/text.ts";

/**
 * The UTF-8 bytes of a text.
 * @throws {TypeError} if the text has a lone surrogate, which UTF-8 cannot express.
 */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  if (!isWellFormed(text)) throw new TypeError("expected well-formed text, got a lone surrogate");
  return encode(text);
}

/**
 * The text that UTF-8 bytes stand for.
 * @throws {TypeError} if `bytes` are not UTF-8.
 */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decode(bytes);
  } catch {
    throw new TypeError("expected UTF-8, got other bytes");
  }
}

/** Whether every surrogate of a text is half of a pair. */
function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDFFF]/.test(text) || !/\p{Surrogate}/u.test(text);
}
