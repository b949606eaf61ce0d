/**
 * What can be asked of a `KeyValue` machine, what it answers, and both as bytes.
 *
 * An operation is the UTF-8 of JSON or of a text command; JSON begins with `{`.
 *
 * | command | JSON | result |
 * | --- | --- | --- |
 * | `SET key value` | `{"op":"set","key":"k","value":"v"}` | `"OK"` |
 * | `GET key` | `{"op":"get","key":"k"}` | the value, or `null` |
 * | `DEL key` | `{"op":"del","key":"k"}` | `true` if it was there, else `false` |
 * | `CAS key expected new` | `{"op":"cas","key":"k","expected":"v","value":"w"}` | `{"swapped":true}`, or `{"swapped":false,"value":"what is there"}` |
 * | `INCR key [by]` | `{"op":"incr","key":"k","by":1}` | the new value, a number; a key that is not there counts as 0 |
 * | `KEYS [prefix [after]]` | `{"op":"keys","prefix":"p","after":"k"}` | `{"keys":["p1","p2"],"truncated":false}`, by ascending code units |
 *
 * `expected: null` means that the key is not there, `value: null` removes it. Of the keys at most {@linkcode MAX_KEYS} come,
 * and at most {@linkcode MAX_KEYS_BYTES} of them; where there are more, `truncated` is true, and `after` the last one goes on.
 *
 * **Commands.** White space (space, tab, CR, LF) around a command is dropped, and separates words; the verb may be in either case.
 * A word is a JSON string, where it begins with `"`, or else all up to the next white space. The last argument of
 * SET and CAS may hold white space: if it doesn't begin with `"`, it is all the rest. For CAS a bare `null` is the JSON `null`;
 * `"null"` in quotes is the text.
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

/** The results, by operation. */
export interface KeyValueResults {
  /** Always. */
  readonly set: "OK";
  /** The value, or `null` if the key is not there. */
  readonly get: string | null;
  /** Whether the key was there. */
  readonly del: boolean;
  /** Whether the value was the expected one, or else what it is. */
  readonly cas: { readonly swapped: true } | { readonly swapped: false; readonly value: string | null };
  /** The new value. */
  readonly incr: number;
  /** By ascending code units; `truncated`: there are more. */
  readonly keys: { readonly keys: readonly string[]; readonly truncated: boolean };
}

/** Any result. */
export type KeyValueResult = KeyValueResults[keyof KeyValueResults];

/** The operation's JSON as bytes. Whether it is a good one, the machine says. */
export function encodeOperation(operation: KeyValueOperation): Uint8Array {
  return utf8(JSON.stringify(operation));
}

/** Reads JSON or a text command. @throws {OperationError} that says what was expected and what came. */
export function decodeOperation(bytes: Uint8Array): KeyValueOperation {
  const text = decodeText(bytes);
  return text.charCodeAt(0) === 0x7b ? checkOperation(parseJson(text)) : parseCommand(text);
}

/** A result's JSON as bytes. */
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
    // The runtime's own words differ from one to the next, and all replicas must say the same.
    throw new OperationError(`operation: expected JSON or a command, got ${shown(text)}`);
  }
}
