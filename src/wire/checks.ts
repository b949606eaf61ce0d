/**
 * Checks for JSON that a person wrote, such as a cluster file. A wrong value gives a `TypeError` that names the field.
 * @module
 */

/** An error shows at most this many characters of a wrong value. */
const MAX_SHOWN = 80;

/** Throws a `TypeError` that names the field, the expected value and the value that came. */
export function fail(field: string, expected: string, got: unknown): never {
  throw new TypeError(`${field}: expected ${expected}, got ${show(got)}`);
}

/** Checks that `value` is an object with exactly these keys. */
export function checkObject(value: unknown, field: string, keys: readonly string[]): Record<string, unknown> {
  const object = checkRecord(value, field);
  for (const key of Object.keys(object)) {
    if (!keys.includes(key)) fail(field, `only ${keys.join(", ")}`, key);
  }
  for (const key of keys) {
    if (!Object.hasOwn(object, key)) throw new TypeError(`${field}.${key}: expected a value, got none`);
  }
  return object;
}

/** Checks that `value` is an object. Its keys may be any. */
export function checkRecord(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail(field, "an object", value);
  return value as Record<string, unknown>;
}

/** Checks that `value` is an array. */
export function checkArray(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value)) fail(field, "an array", value);
  return value;
}

/** Checks that `value` is an integer of at least `min`. */
export function checkInteger(value: unknown, field: string, min: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < min) fail(field, `an integer of at least ${min}`, value);
  return value as number;
}

/** Checks that `value` is a string that matches `form`; `expected` describes the form for the error. */
export function checkString(value: unknown, field: string, form: RegExp, expected: string): string {
  if (typeof value !== "string" || !form.test(value)) fail(field, expected, value);
  return value;
}

function show(value: unknown): string {
  if (value === undefined) return "undefined";
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
