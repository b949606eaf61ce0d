/**
 * The operations of the key-value machine, and what makes one good.
 * @module
 */
import { OperationError } from "../core/state_machine.ts";
import { jsonBytes, shown } from "./_text.ts";

/** Most bytes of a key, as JSON text in UTF-8 (a plain letter is one, quotes are two more). */
export const MAX_KEY_BYTES = 1024;
/** Most bytes of a value, as JSON text in UTF-8; so that a result that holds it fits the default limit of results. */
export const MAX_VALUE_BYTES = 60 * 1024;
/** Most keys in the result of one `keys`. */
export const MAX_KEYS = 1000;
/** Most bytes of the keys in the result of one `keys`, as JSON text in UTF-8. */
export const MAX_KEYS_BYTES = 60 * 1024;

/** An operation. Texts are well-formed Unicode; `by` and what it is added to are integers within ±(2^53 - 1). */
export type KeyValueOperation =
  | { readonly op: "set"; readonly key: string; readonly value: string }
  | { readonly op: "get"; readonly key: string }
  | { readonly op: "del"; readonly key: string }
  | { readonly op: "cas"; readonly key: string; readonly expected: string | null; readonly value: string | null }
  | { readonly op: "incr"; readonly key: string; readonly by?: number }
  | { readonly op: "keys"; readonly prefix?: string; readonly after?: string };

/**
 * Passes an operation whose every field is as it must be, with none too many.
 * @throws {OperationError} that names the field, what was expected and what came.
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
  // Half a surrogate pair has no UTF-8, so it would not come back as it went.
  if (!value.isWellFormed()) throw new OperationError(`${field}: expected well-formed Unicode, got ${shown(value)}`);
  // No code unit takes more than six bytes, so most need not be counted.
  if (value.length * 6 + 2 <= maxBytes) return;
  const bytes = value.length > maxBytes ? value.length : jsonBytes(value);
  if (bytes > maxBytes) {
    throw new OperationError(
      `${field}: expected at most ${maxBytes} bytes as JSON text, got ${value.length} characters`,
    );
  }
}
