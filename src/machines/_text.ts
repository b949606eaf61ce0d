/**
 * Texts and bytes.
 * @module
 */
const encoder = new TextEncoder();
// A byte order mark is a character like any other: to drop it would make two texts one.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Up to here, ASCII texts are cheaper without a call into the runtime. */
const SHORT = 48;

/** The UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  if (text.length > SHORT) return encoder.encode(text);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return encoder.encode(text);
    bytes[i] = unit;
  }
  return bytes;
}

/** The inverse. @throws {TypeError} if `bytes` are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  if (bytes.length > SHORT) return decoder.decode(bytes);
  let all = 0;
  for (let i = 0; i < bytes.length; i++) all |= bytes[i]!;
  return all > 0x7f ? decoder.decode(bytes) : String.fromCharCode.apply(null, bytes as unknown as number[]);
}

/** How many bytes the JSON text of a well-formed text has in UTF-8, quotes included. */
export function jsonBytes(text: string): number {
  let bytes = 2;
  for (let index = 0; index < text.length; index++) bytes += jsonBytesOf(text.charCodeAt(index));
  return bytes;
}

function jsonBytesOf(unit: number): number {
  if (unit < 0x20) return unit === 8 || unit === 9 || unit === 10 || unit === 12 || unit === 13 ? 2 : 6;
  if (unit < 0x80) return unit === 0x22 || unit === 0x5c ? 2 : 1;
  // A surrogate is half of a character of four bytes.
  if (unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff)) return 2;
  return 3;
}

/** What came, for an error: short, and the same on every runtime. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
