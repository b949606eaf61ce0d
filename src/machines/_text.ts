/**
 * UTF-8, the size of JSON texts, and values in error messages.
 * @module
 */
export { fromUtf8, utf8 } from "../core/tree/text.ts";

/** The size in UTF-8 of the JSON text of a well-formed string, quotes included, bytes. */
export function jsonBytes(text: string): number {
  let bytes = 2;
  for (let index = 0; index < text.length; index++) bytes += jsonBytesOf(text.charCodeAt(index));
  return bytes;
}

function jsonBytesOf(unit: number): number {
  if (unit < 0x20) return unit === 8 || unit === 9 || unit === 10 || unit === 12 || unit === 13 ? 2 : 6;
  if (unit < 0x80) return unit === 0x22 || unit === 0x5c ? 2 : 1;
  // A surrogate is half of a character that takes four bytes.
  if (unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff)) return 2;
  return 3;
}

/** A value as errors show it: short, and the same on every runtime. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
