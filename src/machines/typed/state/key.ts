/**
 * Keys of collections as texts that sort as the keys do. A key is a text, a number, or a list of these.
 *
 * Numbers sort by value and come before texts, texts by their bytes in UTF-8, lists element by element. In the encoding
 * each character is one byte, so that the order by code units is the order by bytes. `s` and a text, `n` and a number
 * in hex, `t` and the elements of a list with a zero byte between them; a zero byte in a text is followed by 0xff.
 * @module
 */
import { fromUtf8, shown, utf8 } from "../../_text.ts";

/** A key. */
export type Key = string | number | readonly (string | number)[];

/** The longest key: characters of its encoding. */
export const MAX_KEY_LENGTH = 1024;

/** Encodes a key. @throws {TypeError} if it is none. */
export function encodeKey(key: unknown): string {
  const text = Array.isArray(key) ? `t${key.map(encodeElement).join(SEPARATOR)}` : encodeElement(key);
  if (text.length > MAX_KEY_LENGTH) {
    throw new TypeError(`key: expected at most ${MAX_KEY_LENGTH} bytes, got ${text.length}`);
  }
  return text;
}

/** The inverse of {@linkcode encodeKey}. */
export function decodeKey(text: string): Key {
  if (text[0] !== "t") return decodeElement(text);
  return text.length === 1 ? [] : text.slice(1).split(/\0(?!\xff)/).map(decodeElement);
}

/** The keys that begin with a prefix: of a text, its first characters; of a list, its first elements. */
export function regionOf(prefix: unknown): { readonly from: string; readonly to: string } {
  const from = encodeKey(prefix);
  if (typeof prefix === "string") return { from, to: after(from) };
  if (!Array.isArray(prefix)) throw new TypeError(`prefix: expected a text or a list, got ${shown(prefix)}`);
  return { from, to: prefix.length === 0 ? "u" : `${from}${SEPARATOR}\xff` };
}

const SEPARATOR = "\0";

/** The lowest text above all that begin with `text`, which has a character below 0xff at its start. */
function after(text: string): string {
  let end = text.length;
  while (text.charCodeAt(end - 1) === 0xff) end--;
  return text.slice(0, end - 1) + String.fromCharCode(text.charCodeAt(end - 1) + 1);
}

function encodeElement(element: unknown): string {
  if (typeof element === "number" && Number.isFinite(element)) return `n${encodeNumber(element)}`;
  if (typeof element !== "string" || !element.isWellFormed()) {
    throw new TypeError(`key: expected a well-formed text, a finite number or a list of these, got ${shown(element)}`);
  }
  // deno-lint-ignore no-control-regex
  if (/^[\x01-\x7f]*$/.test(element)) return `s${element}`;
  if (element.length > MAX_KEY_LENGTH) return "s".padEnd(MAX_KEY_LENGTH + 1);
  return `s${String.fromCharCode(...utf8(element)).replaceAll("\0", "\0\xff")}`;
}

function decodeElement(text: string): string | number {
  if (text[0] === "n") return decodeNumber(text.slice(1));
  const bytes = text.slice(1).replaceAll("\0\xff", "\0");
  return fromUtf8(Uint8Array.from(bytes, (char) => char.charCodeAt(0)));
}

const number = new DataView(new ArrayBuffer(8));
const SIGN = 1n << 63n;
const ALL = (1n << 64n) - 1n;

/** The bits of a double, changed so that they sort by value; in hex, without the zeros at the end. */
export function encodeNumber(value: number): string {
  number.setFloat64(0, value === 0 ? 0 : value);
  const bits = number.getBigUint64(0);
  const sorted = bits & SIGN ? bits ^ ALL : bits | SIGN;
  return sorted.toString(16).padStart(16, "0").replace(/0+$/, "");
}

/** The inverse of {@linkcode encodeNumber}. */
export function decodeNumber(text: string): number {
  const sorted = BigInt(`0x${text.padEnd(16, "0")}`);
  number.setBigUint64(0, sorted & SIGN ? sorted & ~SIGN & ALL : sorted ^ ALL);
  return number.getFloat64(0);
}
