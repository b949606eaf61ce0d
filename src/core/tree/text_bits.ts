/**
 * Texts as strings of bits, in whose order texts come as they do by code units: of each code unit a one, which says that there is one,
 * and its sixteen bits; at the end a zero. A *region* is the texts that begin with certain bits.
 * @module
 */

const BITS_PER_UNIT = 17;

/** How many bits two well-formed texts have in common at their beginning; infinitely many if they are equal. */
export function commonBits(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  let at = 0;
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  if (at < length) return BITS_PER_UNIT * at + Math.clz32(a.charCodeAt(at) ^ b.charCodeAt(at)) - 15;
  return a.length === b.length ? Infinity : BITS_PER_UNIT * at;
}

/** The lowest well-formed text of a region: that of the texts that have the first `depth` bits in common with `text`. */
export function lowestLike(text: string, depth: number): string {
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
