/**
 * `cborg` as the judge of what our bytes mean, with its strictest settings.
 * @module
 */
import { decode, encode, rfc8949EncodeOptions } from "cborg";

/**
 * The value of exactly one CBOR item. Throws if it is not strict CBOR. One thing is not asked of it: it drops a byte
 * order mark at the start of a text.
 */
export function oracleDecode(bytes: Uint8Array): unknown {
  return withoutBuffers(decode(bytes, {
    strict: true,
    allowIndefinite: false,
    allowUndefined: false,
    allowNaN: false,
    allowInfinity: false,
    allowBigInt: false,
    rejectDuplicateMapKeys: true,
    useMaps: true,
  }));
}

/** Under Deno and Node, cborg gives Buffers, which are not equal to what they hold. */
function withoutBuffers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutBuffers);
  return value instanceof Uint8Array ? new Uint8Array(value) : value;
}

/** The canonical bytes of a value (RFC 8949 §4.2.1). */
export function oracleEncode(value: unknown): Uint8Array {
  return new Uint8Array(encode(value, rfc8949EncodeOptions));
}

/** Whether a value is in the subset of CBOR that we speak: of few types, and with at most 32 nested lists. */
export function isPlain(value: unknown, depth = 0): boolean {
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0;
  if (Array.isArray(value)) return depth < 32 && value.every((item) => isPlain(item, depth + 1));
  return typeof value === "string" || value instanceof Uint8Array;
}
