/**
 * Writes the canonical CBOR that we speak: natural numbers, byte strings, texts and arrays, each in its shortest
 * form (RFC 8949 §4.2.1). No maps, so no order of keys and no unknown fields; no floats, tags, null or undefined.
 *
 * Why a writer and reader of our own, of about 150 lines each, and not a library: any CBOR tool can read what we
 * write, and the tests hold us to what `cborg` writes and reads; but a library that checks as strictly costs a sizeable
 * part of an operation's CPU, which is about 28 us in all four processes together. Measured by `tests/bench/codec_bench.ts`
 * (Deno 2.9.6, 2-core x86-64 VM, means, us; with other work on both cores all were two to three times as much):
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
 * Each of the four replicas decodes each operation at least once: with cborg that alone would be 4 of the 28 us, with
 * ours 0.2. Nor is a library canonical by itself: with all strict options, cborg still reads two sequences of bytes as
 * one text if the first starts with a byte order mark.
 * @module
 */
import { writeHex } from "./hex.ts";
import { utf8 } from "./utf8.ts";

/** CBOR's major types, in the upper three bits of an item's first byte. */
export const Major = { uint: 0, bytes: 2, text: 3, array: 4 } as const;

/** Where what is too long for a slab is put together. */
const SCRATCH_BYTES = 64 * 1024;
/** A scratch buffer that grew beyond this is given back after use. */
const KEPT_BYTES = 1024 * 1024;
/** Texts up to here are tried as ASCII first. */
const SHORT_TEXT = 64;
/** A buffer of its own costs a short byte string ten times what its bytes do, so those up to here are made in shared slabs. */
const SHARED_BYTES = 2 * 1024;
/** The size of a slab. */
export const SLAB_BYTES = 16 * 1024;

/** Gathers canonical CBOR items. Get it from {@linkcode startWriting}, end with `take`. */
export class Writer {
  #slab = new Uint8Array(SLAB_BYTES);
  /** What is before was taken. */
  #slabAt = 0;
  #scratch = new Uint8Array(SCRATCH_BYTES);
  /** The slab, or the scratch buffer. */
  #buffer: Uint8Array<ArrayBuffer> = this.#slab;
  #start = 0;
  #at = 0;

  /** Forgets what was written. */
  reset(): void {
    this.#buffer = this.#slab;
    this.#start = this.#at = this.#slabAt;
  }

  /** What was written. It may be a view of a larger buffer; nothing else is ever written there. */
  take(): Uint8Array<ArrayBuffer> {
    const isShared = this.#buffer === this.#slab;
    const taken = isShared ? this.#slab.subarray(this.#start, this.#at) : this.#scratch.slice(0, this.#at);
    if (isShared) this.#slabAt = this.#at;
    else if (this.#scratch.length > KEPT_BYTES) this.#scratch = new Uint8Array(SCRATCH_BYTES);
    this.reset();
    return taken;
  }

  /** How many bytes are written. */
  get length(): number {
    return this.#at - this.#start;
  }

  /** A number from 0 to 2^53 - 1. @throws {RangeError} if it is none. */
  uint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`: expected an integer from 0 to 2^53 - 1, got ${value}`);
    }
    this.#head(Major.uint, value);
  }

  /** The head of an array; its items follow. */
  array(count: number): void {
    this.#head(Major.array, count);
  }

  /** A byte string. @throws {TypeError} if it is none. */
  bytes(value: Uint8Array): void {
    if (!(value instanceof Uint8Array)) throw new TypeError(`: expected a Uint8Array, got ${typeof value}`);
    this.#head(Major.bytes, value.length);
    this.#room(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  /** A byte string of 32 bytes, given as 64 lower-case hex digits. @throws {TypeError} if it is something else. */
  hex32(value: string): void {
    this.#head(Major.bytes, 32);
    this.#room(32);
    if (value.length !== 64 || !writeHex(value, this.#buffer, this.#at)) {
      throw new TypeError(`: expected 64 lower-case hex digits, got ${JSON.stringify(value.slice(0, 80))}`);
    }
    this.#at += 32;
  }

  /** A text. @throws {TypeError} if it is none, or not well-formed. */
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

  /** Goes on elsewhere, with room for so many bytes in all. */
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

/** One for all: encoding is synchronous and never nested, so that nothing needs a buffer of its own. */
const shared = new Writer();

/** The shared writer, empty. Valid until the next call. */
export function startWriting(): Writer {
  shared.reset();
  return shared;
}
