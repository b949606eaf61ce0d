/**
 * What callers may hand in as an operation, and how it becomes bytes.
 * @module
 */
import { utf8 } from "../../wire/mod.ts";

/** An operation: text and bytes as they are, any other object or list as its JSON text. */
export type Operation = string | Uint8Array | object;

/**
 * The bytes that the state machine gets.
 * @throws {TypeError} if `operation` is none of the above.
 */
export function operationBytes(operation: Operation): Uint8Array {
  if (operation instanceof Uint8Array) return operation.slice();
  if (typeof operation === "string") return utf8(operation);
  if (typeof operation !== "object" || operation === null) {
    throw new TypeError(`operation: expected a string, a Uint8Array or an object, got ${String(operation)}`);
  }
  if (ArrayBuffer.isView(operation) || operation instanceof ArrayBuffer) {
    throw new TypeError(`operation: of binary data only a Uint8Array is taken, got ${operation.constructor.name}`);
  }
  const json: string | undefined = JSON.stringify(operation);
  if (json === undefined) throw new TypeError("operation: expected an object with a JSON form");
  return utf8(json);
}
