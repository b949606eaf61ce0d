/**
 * Conversion of texts to UTF-8 bytes and back.
 * @module
 */
const encoder = new TextEncoder();
// ignoreBOM: without it the decoder would drop a leading byte order mark, and two byte strings would give the same
// text.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Up to this length, ASCII texts are converted faster without a call into the runtime. */
const SHORT = 48;

/** The UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  if (text.length > SHORT) return encoder.encode(text);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return encoder.encode(text);
    bytes[i] = unit;
  }
  return bytes;
}

/** The text of UTF-8 bytes. @throws {TypeError} if `bytes` are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  if (bytes.length > SHORT) return decoder.decode(bytes);
  let all = 0;
  for (let i = 0; i < bytes.length; i++) all |= bytes[i]!;
  return all > 0x7f ? decoder.decode(bytes) : String.fromCharCode.apply(null, bytes as unknown as number[]);
}
