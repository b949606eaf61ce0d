/**
 * Texts as strings of bits. Each code unit becomes 17 bits: a one, which says that a unit follows, and the unit's 16
 * bits. A zero ends the text. Bit strings sort as their texts do by code units. A *region* is the set of all texts that
 * begin with certain bits.
 * @module
 */

const BITS_PER_UNIT = 17;

/** The number of leading bits that two well-formed texts share; `Infinity` if they are equal. */
export function commonBits(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  if (at < length) return BITS_PER_UNIT * at + Math.clz32(a.charCodeAt(at) ^ b.charCodeAt(at)) - 15;
  return a.length === b.length ? Infinity : BITS_PER_UNIT * at;
}

/** The lowest well-formed text of a region: of all texts that share their first `depth` bits with `text`. */
export function lowestInRegion(text: string, depth: number): string {
  const units = Math.floor(depth / BITS_PER_UNIT);
  const bits = depth % BITS_PER_UNIT - 1;
  const prefix = text.slice(0, units);
  const isOpen = isHighSurrogate(prefix.charCodeAt(units - 1));
  if (bits < 0) return isOpen ? prefix + LOWEST_LOW_SURROGATE : prefix;
  if (text.length <= units) return text;
  const unit = text.charCodeAt(units) & (0xffff << (16 - bits));
  if (isOpen) return prefix + String.fromCharCode(Math.max(unit, 0xdc00));
  return prefix + String.fromCharCode(unit) + (isHighSurrogate(unit) ? LOWEST_LOW_SURROGATE : "");
}

const LOWEST_LOW_SURROGATE = "\udc00";

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
