/**
 * Operations and results of the `KeyValue` machine, and their encoding.
 *
 * An operation is UTF-8 text: JSON if it begins with `{`, otherwise a text command.
 *
 * | command | JSON | result |
 * | --- | --- | --- |
 * | `SET key value` | `{"op":"set","key":"k","value":"v"}` | `"OK"` |
 * | `GET key` | `{"op":"get","key":"k"}` | the value, or `null` |
 * | `DEL key` | `{"op":"del","key":"k"}` | `true` if it was there, else `false` |
 * | `CAS key expected new` | `{"op":"cas","key":"k","expected":"v","value":"w"}` | `{"swapped":true}`, or `{"swapped":false,"value":"the present value"}` |
 * | `INCR key [by]` | `{"op":"incr","key":"k","by":1}` | the new value, a number; a missing key counts as 0 |
 * | `KEYS [prefix [after]]` | `{"op":"keys","prefix":"p","after":"k"}` | `{"keys":["p1","p2"],"truncated":false}`, by ascending code units |
 *
 * In CAS, `expected: null` means that the key must be missing, and `value: null` removes the key. KEYS returns at most
 * {@linkcode MAX_KEYS} keys and at most {@linkcode MAX_KEYS_BYTES} bytes of them. If there are more, `truncated` is
 * true; the next call continues with `after` set to the last key.
 *
 * **Commands.** White space (space, tab, CR, LF) around a command is dropped, and separates words. The verb may be in
 * upper or lower case. A word that begins with `"` is a JSON string; any other word ends at the next white space. The
 * last argument of SET and CAS may contain white space: unless it begins with `"`, it is the whole rest of the command.
 * In CAS a bare `null` is the JSON `null`; `"null"` in quotes is the text.
 *
 * ```text
 * SET name Ada Lovelace
 * SET "a key with spaces" "two\nlines"
 * CAS lock null ada
 * ```
 *
 * @module
 */
import { OperationError } from "../core/state_machine.ts";
import {
  checkOperation,
  type KeyValueOperation,
  MAX_KEY_BYTES,
  MAX_KEYS,
  MAX_KEYS_BYTES,
  MAX_VALUE_BYTES,
} from "./_operation.ts";
import { fromUtf8, shown, utf8 } from "./_text.ts";
import { parseCommand } from "./key_value_command.ts";

export {
  checkOperation,
  type KeyValueOperation,
  MAX_KEY_BYTES,
  MAX_KEYS,
  MAX_KEYS_BYTES,
  MAX_VALUE_BYTES,
  parseCommand,
};

/** The type of the result of each operation. */
export interface KeyValueResults {
  /** Always `"OK"`. */
  readonly set: "OK";
  /** The value, or `null` if the key is missing. */
  readonly get: string | null;
  /** Whether the key existed. */
  readonly del: boolean;
  /** Whether the value was the expected one and was replaced. If not, `value` is the present value. */
  readonly cas: { readonly swapped: true } | { readonly swapped: false; readonly value: string | null };
  /** The new value. */
  readonly incr: number;
  /** The keys by ascending code units. `truncated`: there are more. */
  readonly keys: { readonly keys: readonly string[]; readonly truncated: boolean };
}

/** The result of any operation. */
export type KeyValueResult = KeyValueResults[keyof KeyValueResults];

/** The JSON of an operation as bytes. It is not checked here: the machine does that. */
export function encodeOperation(operation: KeyValueOperation): Uint8Array {
  return utf8(JSON.stringify(operation));
}

/** Parses JSON or a text command. @throws {OperationError} with the expected text and the text that came. */
export function decodeOperation(bytes: Uint8Array): KeyValueOperation {
  const text = decodeText(bytes);
  return text.charCodeAt(0) === 0x7b ? checkOperation(parseJson(text)) : parseCommand(text);
}

/** The JSON of a result as bytes. */
export function encodeResult(result: KeyValueResult): Uint8Array {
  return utf8(JSON.stringify(result));
}

/** The inverse of {@linkcode encodeResult}. @throws {SyntaxError} if `bytes` are not JSON. */
export function decodeResult(bytes: Uint8Array): KeyValueResult {
  return JSON.parse(fromUtf8(bytes));
}

function decodeText(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch {
    throw new OperationError("operation: expected UTF-8 text");
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Runtimes word this error differently, and all replicas must give the same result.
    throw new OperationError(`operation: expected JSON or a command, got ${shown(text)}`);
  }
}
