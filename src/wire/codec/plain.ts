/**
 * Encodes nested lists of numbers, texts and byte strings. Used for state pages, store records and digests.
 * @module
 */
import type { Plain } from "../../core/io.ts";
import { DecodeError, inside } from "./decode_error.ts";
import { MAX_BODY_BYTES } from "../messages/limits.ts";
import { Reader } from "./reader.ts";
import { Major, startWriting, type Writer } from "./writer.ts";

/** The maximum depth of nested lists. */
const MAX_DEPTH = 32;
/** The maximum number of values in all. An empty list takes one byte to send and many bytes in memory. */
const MAX_VALUES = 1024 * 1024;

/**
 * The canonical bytes of a plain value. Equal values give equal bytes.
 * @throws {TypeError} if the value is not plain; {@linkcode RangeError} if a number is not natural, or if the value is too
 * large or too deep for {@linkcode unpack}.
 */
export function pack(value: Plain): Uint8Array<ArrayBuffer> {
  const writer = startWriting();
  let left;
  try {
    left = writePlain(writer, value, 0, MAX_VALUES);
  } catch (error) {
    throw inside("value", error);
  }
  if (left < 0 || writer.length > MAX_BODY_BYTES) {
    throw new RangeError(
      `value: expected at most ${MAX_VALUES} values in ${MAX_BODY_BYTES} bytes, got ${
        MAX_VALUES - left
      } in ${writer.length}`,
    );
  }
  return writer.take();
}

/**
 * The inverse of {@linkcode pack}. Byte strings in the result are views of `bytes`.
 * @throws {DecodeError} if `bytes` are not the canonical bytes of a plain value.
 */
export function unpack(bytes: Uint8Array): Plain {
  if (bytes.length > MAX_BODY_BYTES) {
    throw new DecodeError("value", `at most ${MAX_BODY_BYTES} bytes`, `${bytes.length} bytes`, { tooLarge: true });
  }
  const reader = new Reader(bytes);
  try {
    const value = readPlain(reader, { depth: 0, left: MAX_VALUES });
    reader.end();
    return value;
  } catch (error) {
    throw inside("value", error);
  }
}

/** Writes a value and returns how many more values may follow. */
function writePlain(writer: Writer, value: Plain, depth: number, left: number): number {
  if (typeof value === "number") writer.uint(value);
  else if (typeof value === "string") writer.text(value);
  else if (value instanceof Uint8Array) writer.bytes(value);
  else if (Array.isArray(value)) {
    if (depth === MAX_DEPTH) throw new RangeError(`: expected at most ${MAX_DEPTH} nested lists, got more`);
    writer.array(value.length);
    for (let i = 0; i < value.length; i++) left = writePlain(writer, value[i]!, depth + 1, left);
  } else {
    const got = value === null ? "null" : typeof value;
    throw new TypeError(`: expected a number, text, byte string or list, got ${got}`);
  }
  return left - 1;
}

function readPlain(reader: Reader, bounds: { depth: number; left: number }): Plain {
  if (--bounds.left < 0) {
    throw new DecodeError("", `at most ${MAX_VALUES} values`, "more", { tooLarge: true });
  }
  switch (reader.peekMajor()) {
    case Major.uint:
      return reader.uint();
    case Major.bytes:
      return reader.bytes(MAX_BODY_BYTES);
    case Major.text:
      return reader.text(MAX_BODY_BYTES);
    case Major.array: {
      const count = reader.array(MAX_VALUES);
      if (bounds.depth === MAX_DEPTH) throw new DecodeError("", `at most ${MAX_DEPTH} nested lists`, "more");
      bounds.depth++;
      const list: Plain[] = [];
      for (let i = 0; i < count; i++) list.push(readPlain(reader, bounds));
      bounds.depth--;
      return list;
    }
    default:
      return reader.refuse("a number, text, byte string or list");
  }
}
