/**
 * Bytes as lower-case hexadecimal digits and back.
 *
 * The built-in `Uint8Array` methods are used where there are any (Deno 2.5+, current browsers); Node 20 has none.
 * @module
 */

interface HexMethods {
  toHex?(): string;
}

const PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The value of a character code as a lower-case hex digit; 16 or more: it is none. */
const DIGITS = new Uint8Array(128).fill(255);
for (let digit = 0; digit < 16; digit++) DIGITS[digit.toString(16).charCodeAt(0)] = digit;

const hasNative = typeof (Uint8Array.prototype as HexMethods).toHex === "function";

/** Two lower-case hex digits per byte. */
export function toHex(bytes: Uint8Array): string {
  return hasNative ? (bytes as Required<HexMethods>).toHex() : toHexByTable(bytes);
}

/** {@linkcode toHex} for runtimes without the built-in method. */
export function toHexByTable(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += PAIRS[bytes[i]!];
  return text;
}

/**
 * The bytes of lower-case hex digits.
 * @throws {TypeError} if there is an odd number of digits or anything else than 0-9 and a-f.
 */
export function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(hex.length >>> 1);
  if (hex.length % 2 !== 0 || !writeHex(hex, bytes, 0)) {
    throw new TypeError(`expected an even number of lower-case hex digits, got ${JSON.stringify(hex.slice(0, 80))}`);
  }
  return bytes;
}

/** Writes the bytes of lower-case hex digits into `target` from `at` on; `false` if they are not such digits. */
export function writeHex(hex: string, target: Uint8Array, at: number): boolean {
  let bad = 0;
  for (let i = 0; i < hex.length; i += 2) {
    const high = DIGITS[hex.charCodeAt(i)] ?? 255;
    const low = DIGITS[hex.charCodeAt(i + 1)] ?? 255;
    bad |= high | low;
    target[at++] = (high << 4) | low;
  }
  return bad < 16;
}
