/**
 * Bytes to lower-case hexadecimal digits and back.
 *
 * The built-in `Uint8Array` methods are used where the runtime has them (Deno 2.5+, current browsers). Node 20 does not.
 * @module
 */

interface HexMethods {
  toHex?(): string;
}

const PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The value of a lower-case hex digit, by its character code. 16 or more means that the character is not a hex digit. */
const DIGITS = new Uint8Array(128).fill(255);
for (let digit = 0; digit < 16; digit++) DIGITS[digit.toString(16).charCodeAt(0)] = digit;

const hasNative = typeof (Uint8Array.prototype as HexMethods).toHex === "function";

/** The lower-case hex digits of `bytes`, two per byte. */
export function toHex(bytes: Uint8Array): string {
  return hasNative ? (bytes as Required<HexMethods>).toHex() : toHexByTable(bytes);
}

/** The same as {@linkcode toHex}, for runtimes without the built-in method. */
export function toHexByTable(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += PAIRS[bytes[i]!];
  return text;
}

/**
 * The bytes that lower-case hex digits stand for.
 * @throws {TypeError} if the number of digits is odd, or a character is not one of 0-9 and a-f.
 */
export function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(hex.length >>> 1);
  if (hex.length % 2 !== 0 || !writeHex(hex, bytes, 0)) {
    throw new TypeError(`expected an even number of lower-case hex digits, got ${JSON.stringify(hex.slice(0, 80))}`);
  }
  return bytes;
}

/** Writes the bytes that `hex` stands for into `target`, from index `at` on. Returns `false` if `hex` has other characters than 0-9 and a-f. */
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
