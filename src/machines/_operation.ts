/**
 * The operations of the key-value machine, and the checks that make one valid.
 * @module
 */
import { OperationError } from "../core/state_machine.ts";
import { jsonBytes, shown } from "./_text.ts";

/** The longest key: bytes of its JSON text in UTF-8. A plain letter takes one byte; the quotes take two more. */
export const MAX_KEY_BYTES = 1024;
/** The longest value: bytes of its JSON text in UTF-8. A result with such a value fits the default limit of results. */
export const MAX_VALUE_BYTES = 60 * 1024;
/** The most keys in the result of one `keys`. */
export const MAX_KEYS = 1000;
/** The most bytes that the keys in the result of one `keys` take together, as JSON text in UTF-8. */
export const MAX_KEYS_BYTES = 60 * 1024;

/**
 * An operation. Texts are well-formed Unicode. `by` and the number that it is added to are integers within ±(2^53 - 1).
 */
export type KeyValueOperation =
  | { readonly op: "set"; readonly key: string; readonly value: string }
  | { readonly op: "get"; readonly key: string }
  | { readonly op: "del"; readonly key: string }
  | { readonly op: "cas"; readonly key: string; readonly expected: string | null; readonly value: string | null }
  | { readonly op: "incr"; readonly key: string; readonly by?: number }
  | { readonly op: "keys"; readonly prefix?: string; readonly after?: string };

/**
 * Checks that a value is an operation: each field is valid, and there are no others.
 * @throws {OperationError} that names the field, the expected value and the value that came.
 */
export function checkOperation(value: unknown): KeyValueOperation {
  if (typeof value !== "object" || value === null) {
    throw new OperationError(`operation: expected an object, got ${shown(value)}`);
  }
  const fields = value as Readonly<Record<string, unknown>>;
  const allowed = typeof fields.op === "string" && FIELDS.get(fields.op);
  if (!allowed) throw new OperationError(`op: expected set, get, del, cas, incr or keys, got ${shown(fields.op)}`);
  for (const name of Object.keys(fields)) {
    if (!allowed.includes(name)) {
      throw new OperationError(`${fields.op}: expected the fields ${allowed.join(", ")}, got ${shown(name)} too`);
    }
  }
  switch (fields.op as KeyValueOperation["op"]) {
    case "set":
      checkValue("value", fields.value);
      break;
    case "cas":
      if (fields.expected !== null) checkValue("expected", fields.expected);
      if (fields.value !== null) checkValue("value", fields.value);
      break;
    case "incr":
      if (fields.by !== undefined && !Number.isSafeInteger(fields.by)) {
        throw new OperationError(`by: expected an integer within ±(2^53 - 1), got ${shown(fields.by)}`);
      }
      break;
    case "keys":
      if (fields.prefix !== undefined) checkKey("prefix", fields.prefix);
      if (fields.after !== undefined) checkKey("after", fields.after);
      return value as KeyValueOperation;
  }
  checkKey("key", fields.key);
  return value as KeyValueOperation;
}

const FIELDS: ReadonlyMap<string, readonly string[]> = new Map([
  ["set", ["op", "key", "value"]],
  ["get", ["op", "key"]],
  ["del", ["op", "key"]],
  ["cas", ["op", "key", "expected", "value"]],
  ["incr", ["op", "key", "by"]],
  ["keys", ["op", "prefix", "after"]],
]);

function checkKey(field: string, value: unknown): void {
  checkText(field, value, MAX_KEY_BYTES);
}

function checkValue(field: string, value: unknown): void {
  checkText(field, value, MAX_VALUE_BYTES);
}

function checkText(field: string, value: unknown, maxBytes: number): void {
  if (typeof value !== "string") throw new OperationError(`${field}: expected a text, got ${shown(value)}`);
  // A lone surrogate has no UTF-8 form, so the text would change on its way.
  if (!value.isWellFormed()) throw new OperationError(`${field}: expected well-formed Unicode, got ${shown(value)}`);
  // A code unit takes at most six bytes, so the bytes of most texts need not be counted.
  if (value.length * 6 + 2 <= maxBytes) return;
  const bytes = value.length > maxBytes ? value.length : jsonBytes(value);
  if (bytes > maxBytes) {
    throw new OperationError(
      `${field}: expected at most ${maxBytes} bytes as JSON text, got ${value.length} characters`,
    );
  }
}
