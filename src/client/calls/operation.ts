/**
 * The types of value that callers may pass as an operation, and their encoding.
 * @module
 */
import { utf8 } from "../../wire/codec/utf8.ts";

/** An operation. Text and bytes are sent unchanged; any other object or array is sent as its JSON text. */
export type Operation = string | Uint8Array | object;

/**
 * The bytes of an operation, as the state machine gets them.
 * @throws {TypeError} if `operation` has another type.
 */
export function operationBytes(operation: Operation): Uint8Array {
  if (operation instanceof Uint8Array) return operation.slice();
  if (typeof operation === "string") return utf8(operation);
  if (typeof operation !== "object" || operation === null) {
    throw new TypeError(`operation: expected a string, a Uint8Array or an object, got ${String(operation)}`);
  }
  if (ArrayBuffer.isView(operation) || operation instanceof ArrayBuffer) {
    throw new TypeError(`operation: expected a Uint8Array for binary data, got ${operation.constructor.name}`);
  }
  const json: string | undefined = JSON.stringify(operation);
  if (json === undefined) throw new TypeError("operation: expected an object with a JSON form, got one without");
  return utf8(json);
}
