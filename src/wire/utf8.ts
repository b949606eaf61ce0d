/**
 * Text as UTF-8 bytes and back, without silent repairs: one text, one sequence of bytes.
 * @module
 */

const encoder = new TextEncoder();
// ignoreBOM: otherwise a leading byte order mark would vanish, and two sequences of bytes would be one text.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Up to here, ASCII texts are cheaper without a call into the runtime. */
const SHORT = 48;

/**
 * The UTF-8 bytes of a text.
 * @throws {TypeError} if the text has a lone surrogate, which UTF-8 can't express.
 */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  if (!isWellFormed(text)) throw new TypeError("expected well-formed text, got a lone surrogate");
  return encoder.encode(text);
}

/**
 * The text of UTF-8 bytes.
 * @throws {TypeError} if they are not UTF-8.
 */
export function fromUtf8(bytes: Uint8Array): string {
  if (bytes.length > SHORT) return decode(bytes);
  let all = 0;
  for (let i = 0; i < bytes.length; i++) all |= bytes[i]!;
  return all > 0x7f ? decode(bytes) : String.fromCharCode.apply(null, bytes as unknown as number[]);
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new TypeError("expected UTF-8, got other bytes");
  }
}

/** Whether each surrogate of a text has its partner. */
function isWellFormed(text: string): boolean {
  return !/[\uD800-\uDFFF]/.test(text) || !/\p{Surrogate}/u.test(text);
}
