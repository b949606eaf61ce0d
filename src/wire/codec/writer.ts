/**
 * Writes the project's canonical CBOR: natural numbers, byte strings, texts and arrays, each in its shortest
 * form (RFC 8949 §4.2.1). It has no maps, hence no order of keys and no unknown fields, and no floats, tags, null or undefined.
 *
 * Why this writer and its reader, about 150 lines each, instead of a library: a library that checks as strictly takes a large
 * part of an operation's CPU time, which is about 28 us in all four processes together. Any CBOR tool can read these bytes, and the tests
 * compare with `cborg` in both directions. Measured by `tests/bench/codec_bench.ts` (Deno 2.9.6, 2-core x86-64 VM, means, us; with
 * other load on both cores all figures were two to three times as large):
 *
 * | | vote: encode | decode | 1,000-operation request: encode | decode |
 * | --- | --- | --- | --- | --- |
 * | ours | 2.0 | 0.2 | 48 | 53 |
 * | cborg 6.1.5, generic | 3.3 | 1.4 | 290 | 1,000 |
 * | cborg, its Tokenizer by schema | 2.9 | 1.3 | 270 | 1,200 |
 * | \@msgpack/msgpack 3.1.3, lax | 5.4 | 0.4 | 93 | 69 |
 * | the same, made strict by encoding again | 5.4 | 6.2 | 93 | 370 |
 * | JSON + base64, lax | 4.3 | 2.0 | 550 | 930 |
 * | the same, made strict by encoding again | 4.3 | 6.7 | 550 | 2,000 |
 *
 * Each of the four replicas decodes each operation at least once. With cborg that alone would take 4 of the 28 us; with
 * this reader it takes 0.2. Nor is a library canonical by itself: with all its strict options, cborg still reads two sequences of bytes as
 * the same text if the first starts with a byte order mark.
 * @module
 */
import { writeHex } from "./hex.ts";
import { utf8 } from "./utf8.ts";

/** CBOR's major types: the upper three bits of an item's first byte. */
export const Major = { uint: 0, bytes: 2, text: 3, array: 4 } as const;

/** Size of the scratch buffer, in which output that is too long for a slab is built. */
const SCRATCH_BYTES = 64 * 1024;
/** A scratch buffer that grew beyond this size is released after use. */
const KEPT_BYTES = 1024 * 1024;
/** Texts of at most this length are tried as ASCII first. */
const SHORT_TEXT = 64;
/** Outputs of at most this size share a slab. A separate buffer costs ten times as much as the bytes of a short output. */
const SHARED_BYTES = 2 * 1024;
/** Size of a slab. */
export const SLAB_BYTES = 16 * 1024;

/** Collects canonical CBOR items. Get one from {@linkcode startWriting}; `take` ends it and gives the bytes. */
export class Writer {
  #slab = new Uint8Array(SLAB_BYTES);
  /** The part of the slab before this index belongs to earlier outputs. */
  #slabAt = 0;
  #scratch = new Uint8Array(SCRATCH_BYTES);
  /** The buffer in use: the slab or the scratch buffer. */
  #buffer: Uint8Array<ArrayBuffer> = this.#slab;
  #start = 0;
  #at = 0;

  /** Drops everything that was written. */
  reset(): void {
    this.#buffer = this.#slab;
    this.#start = this.#at = this.#slabAt;
  }

  /** The bytes that were written. They may be a view of a larger buffer; nothing else is ever written to that part. */
  take(): Uint8Array<ArrayBuffer> {
    const isShared = this.#buffer === this.#slab;
    const taken = isShared ? this.#slab.subarray(this.#start, this.#at) : this.#scratch.slice(0, this.#at);
    if (isShared) this.#slabAt = this.#at;
    else if (this.#scratch.length > KEPT_BYTES) this.#scratch = new Uint8Array(SCRATCH_BYTES);
    this.reset();
    return taken;
  }

  /** How many bytes were written. */
  get length(): number {
    return this.#at - this.#start;
  }

  /** Writes a number from 0 to 2^53 - 1. @throws {RangeError} if `value` is not such a number. */
  uint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`: expected an integer from 0 to 2^53 - 1, got ${value}`);
    }
    this.#head(Major.uint, value);
  }

  /** Writes the head of an array. The caller then writes its `count` items. */
  array(count: number): void {
    this.#head(Major.array, count);
  }

  /** Writes a byte string. @throws {TypeError} if `value` is not a `Uint8Array`. */
  bytes(value: Uint8Array): void {
    if (!(value instanceof Uint8Array)) throw new TypeError(`: expected a Uint8Array, got ${typeof value}`);
    this.#head(Major.bytes, value.length);
    this.#room(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  /** Writes 32 bytes, given as 64 lower-case hex digits. @throws {TypeError} if `value` has another form. */
  hex32(value: string): void {
    this.#head(Major.bytes, 32);
    this.#room(32);
    if (value.length !== 64 || !writeHex(value, this.#buffer, this.#at)) {
      throw new TypeError(`: expected 64 lower-case hex digits, got ${JSON.stringify(value.slice(0, 80))}`);
    }
    this.#at += 32;
  }

  /** Writes a text. @throws {TypeError} if `value` is not a string, or has a lone surrogate. */
  text(value: string): void {
    if (typeof value !== "string") throw new TypeError(`: expected a text, got ${typeof value}`);
    if (value.length <= SHORT_TEXT && this.#ascii(value)) return;
    let bytes;
    try {
      bytes = utf8(value);
    } catch (error) {
      throw new TypeError(`: ${(error as Error).message}`);
    }
    this.#head(Major.text, bytes.length);
    this.#room(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #ascii(value: string): boolean {
    const { length } = this;
    this.#head(Major.text, value.length);
    this.#room(value.length);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) {
        this.#at = this.#start + length;
        return false;
      }
      this.#buffer[this.#at++] = code;
    }
    return true;
  }

  #head(major: number, value: number): void {
    this.#room(9);
    const buffer = this.#buffer;
    const type = major << 5;
    if (value < 24) {
      buffer[this.#at++] = type | value;
    } else if (value < 0x100) {
      buffer[this.#at++] = type | 24;
      buffer[this.#at++] = value;
    } else if (value < 0x10000) {
      buffer[this.#at++] = type | 25;
      buffer[this.#at++] = value >>> 8;
      buffer[this.#at++] = value;
    } else if (value < 0x100000000) {
      buffer[this.#at++] = type | 26;
      this.#uint32(value);
    } else {
      buffer[this.#at++] = type | 27;
      this.#uint32(Math.floor(value / 0x100000000));
      this.#uint32(value >>> 0);
    }
  }

  #uint32(value: number): void {
    const buffer = this.#buffer;
    buffer[this.#at++] = value >>> 24;
    buffer[this.#at++] = value >>> 16;
    buffer[this.#at++] = value >>> 8;
    buffer[this.#at++] = value;
  }

  #room(bytes: number): void {
    if (this.#at + bytes > this.#buffer.length) this.#move(this.length + bytes);
  }

  /** Moves the output to a buffer that has room for `needed` bytes in all. */
  #move(needed: number): void {
    const written = this.#buffer.subarray(this.#start, this.#at);
    if (needed <= SHARED_BYTES) {
      this.#buffer = this.#slab = new Uint8Array(SLAB_BYTES);
      this.#slabAt = 0;
    } else {
      if (needed > this.#scratch.length) this.#scratch = new Uint8Array(Math.max(needed, 2 * this.#scratch.length));
      this.#buffer = this.#scratch;
    }
    this.#buffer.set(written);
    this.#start = 0;
    this.#at = written.length;
  }
}

/** One writer for all. Encoding is synchronous and never nested, so no call needs a writer of its own. */
const shared = new Writer();

/** The shared writer, empty. It is valid until the next call of this function. */
export function startWriting(): Writer {
  shared.reset();
  return shared;
}
