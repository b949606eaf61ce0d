/**
 * Text as UTF-8 bytes and back, without silent repairs: one text, one sequence of bytes.
 * @module
 */
import { fromUtf8 as decode, utf8 as encode } from "../../core/tree/text.ts";

/**
 * The UTF-8 bytes of a text.
 * @throws {TypeError} if the text has a lone surrogate, which UTF-8 can't express.
 */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  if (!isWellFormed(text)) throw new TypeError("expected well-formed text, got a lone surrogate");
  return encode(text);
}

/**
 * The text of UTF-8 bytes.
 * @throws {TypeError} if they are not UTF-8.
 */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decode(bytes);
  } catch {
    throw new TypeError("expected UTF-8, got other bytes");
  }
}

/** Whether each surrogate of a text has its partner. */
function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDFFF]/.test(text) || !/\p{Surrogate}/u.test(text);
}
