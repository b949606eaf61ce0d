/**
 * Reads the canonical CBOR that {@linkcode Writer} writes, and nothing else. Each value has one valid form; every
 * other form is refused, with the expected form and the received one. Lengths are checked before memory is allocated.
 * @module
 */
import { DecodeError } from "./decode_error.ts";
import { toHex } from "./hex.ts";
import { fromUtf8 } from "./utf8.ts";
import { Major } from "./writer.ts";

const NAMES = [
  "an unsigned integer",
  "a negative integer",
  "a byte string",
  "a text",
  "an array",
  "a map",
  "a tag",
  "a simple value or float",
];
const INDEFINITE = 31;

/** Reads items one after the other. Byte strings are views of the input, not copies. */
export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  /** Makes a reader of `bytes`, from the first byte on. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** A number from 0 to 2^53 - 1. */
  uint(): number {
    return this.#head(Major.uint);
  }

  /** Reads the head of an array of at most `max` items, and returns the number of items that follow. */
  array(max: number): number {
    const count = this.#head(Major.array);
    if (count > max) this.#tooLarge(`at most ${max} items`, `${count} items`);
    // Each item takes at least one byte, so a false count is found before its items are read.
    if (count > this.#bytes.length - this.#at) this.#cutShort(`${count} items`);
    return count;
  }

  /** Reads the head of an array of exactly `count` items. */
  tuple(count: number): void {
    const found = this.#head(Major.array);
    if (found !== count) throw new DecodeError("", `an array of ${count} items`, `one of ${found}`);
  }

  /** A byte string of at most `max` bytes, as a view. */
  bytes(max: number): Uint8Array {
    const length = this.#length(Major.bytes, max);
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  /** A byte string of exactly `length` bytes, as a view. */
  exactBytes(length: number): Uint8Array {
    const found = this.#head(Major.bytes);
    if (found !== length) throw new DecodeError("", `${length} bytes`, `${found} bytes`);
    if (length > this.#bytes.length - this.#at) this.#cutShort(`${length} bytes`);
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  /** A byte string of 32 bytes, returned as 64 lower-case hex digits. */
  hex32(): string {
    return toHex(this.exactBytes(32));
  }

  /** A text of at most `max` bytes. */
  text(max: number): string {
    const length = this.#length(Major.text, max);
    const start = this.#at;
    this.#at += length;
    try {
      return fromUtf8(this.#bytes.subarray(start, this.#at));
    } catch {
      throw new DecodeError("", "UTF-8", "other bytes");
    }
  }

  /** The major type of the next item, or 8 at the end of the input. */
  peekMajor(): number {
    return this.#at < this.#bytes.length ? this.#bytes[this.#at]! >>> 5 : 8;
  }

  /** The number of items of the next array, if it has fewer than 24; otherwise, or if the next item is no array, -1. */
  peekCount(): number {
    const first = this.#bytes[this.#at] ?? 0;
    return first >>> 5 === Major.array && (first & 31) < 24 ? first & 31 : -1;
  }

  /** The major type of the first item inside the next array; 8 if the next item is no array, or an empty one. */
  peekInnerMajor(): number {
    const first = this.#bytes[this.#at] ?? 0xff;
    const info = first & 31;
    if (first >>> 5 !== Major.array || first === Major.array << 5 || info > 27) return 8;
    const at = this.#at + (info < 24 ? 1 : 1 + (1 << (info - 24)));
    return at < this.#bytes.length ? this.#bytes[at]! >>> 5 : 8;
  }

  /** Throws a {@linkcode DecodeError} that describes the next item. */
  refuse(expected: string): never {
    throw new DecodeError("", expected, this.#describe());
  }

  /** Checks that the input ends here. */
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left !== 0) throw new DecodeError("", "nothing more", `${left} trailing bytes`);
  }

  #length(major: number, max: number): number {
    const length = this.#head(major);
    if (length > max) this.#tooLarge(`at most ${max} bytes`, `${length} bytes`);
    if (length > this.#bytes.length - this.#at) this.#cutShort(`${length} bytes`);
    return length;
  }

  #head(major: number): number {
    const bytes = this.#bytes;
    const first = this.#at < bytes.length ? bytes[this.#at]! : 0xff;
    if (first >>> 5 !== major) this.refuse(NAMES[major]!);
    const info = first & 31;
    if (info < 24) {
      this.#at++;
      return info;
    }
    return this.#longHead(info, major);
  }

  #longHead(info: number, major: number): number {
    if (info > 27) this.refuse(NAMES[major]!);
    const bytes = this.#bytes;
    const size = 1 << (info - 24);
    let at = this.#at + 1;
    const end = at + size;
    if (end > bytes.length) this.#cutShort(`a length or value of ${size} bytes`);
    let value = 0;
    while (at < end) value = value * 256 + bytes[at++]!;
    if (value > Number.MAX_SAFE_INTEGER) throw new DecodeError("", "a number up to 2^53 - 1", "a larger one");
    const least = size === 1 ? 24 : size === 2 ? 0x100 : size === 4 ? 0x10000 : 0x100000000;
    if (value < least) throw new DecodeError("", "the shortest form of a number", `${value} in ${size} bytes`);
    this.#at = at;
    return value;
  }

  #describe(): string {
    const first = this.#bytes[this.#at];
    if (first === undefined) return "the end of the input";
    const info = first & 31;
    const major = first >>> 5;
    if (info === INDEFINITE && major >= 2 && major <= 5) return `${NAMES[major]} of indefinite length`;
    if (major < 7) return info > 27 ? `${NAMES[major]} with a reserved head` : NAMES[major]!;
    if (info === 20 || info === 21) return "a boolean";
    if (info === 22) return "null";
    if (info === 23) return "undefined";
    if (info >= 25 && info <= 27) return "a float";
    return info === INDEFINITE ? "a break" : "a simple value";
  }

  #tooLarge(expected: string, got: string): never {
    throw new DecodeError("", expected, got, { tooLarge: true });
  }

  #cutShort(expected: string): never {
    throw new DecodeError("", expected, `the end of the input after ${this.#bytes.length - this.#at} bytes`);
  }
}
