/**
 * Structural equality as `@std/assert` has it: like `node:util`'s strict one, but 0 equals -0, an object without a
 * prototype equals a plain one, and what getters say counts (so that two `Headers` or two `#private` classes differ).
 * @module
 */

/** Whether two values are equal in structure. */
export function equal(a: unknown, b: unknown): boolean {
  return compare(a, b, new Map());
}

/** `assumed` holds the pairs under comparison, so that cycles end. */
function compare(a: unknown, b: unknown, assumed: Map<object, object>): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (!isObject(a) || !isObject(b) || !samePrototype(a, b)) return false;
  if (a instanceof Date) return Object.is(a.getTime(), (b as Date).getTime());
  if (ArrayBuffer.isView(a) || isBuffer(a)) return sameBytes(a, b as ArrayBufferView | ArrayBufferLike);
  if (a instanceof RegExp || a instanceof URL || a instanceof URLSearchParams) return String(a) === String(b);
  if (a instanceof WeakMap || a instanceof WeakSet) throw new TypeError("Cannot compare weak collections");
  if (assumed.get(a) === b) return true;
  assumed.set(a, b);
  if (Object.keys(a).length !== Object.keys(b).length) return false;
  if (a instanceof Map) return sameEntries([...a], [...b as Map<unknown, unknown>], assumed);
  if (a instanceof Set) return sameEntries([...a].map(pair), [...b as Set<unknown>].map(pair), assumed);
  for (const key of comparedKeys(a).union(comparedKeys(b))) {
    if (key in a !== key in b) return false;
    if (!compare(Reflect.get(a, key), Reflect.get(b, key), assumed)) return false;
  }
  return true;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isBuffer(value: object): value is ArrayBufferLike {
  return value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
}

function samePrototype(a: object, b: object): boolean {
  return (Object.getPrototypeOf(a) ?? Object.prototype) === (Object.getPrototypeOf(b) ?? Object.prototype);
}

function sameBytes(a: ArrayBufferView | ArrayBufferLike, b: ArrayBufferView | ArrayBufferLike): boolean {
  const left = elements(a), right = elements(b);
  return left.length === right.length && left.every((value, i) => value === right[i] || Object.is(value, right[i]));
}

/** A typed array's own elements, so that NaN equals NaN in floats; bytes for a buffer or a DataView. */
function elements(value: ArrayBufferView | ArrayBufferLike): readonly unknown[] {
  if (!ArrayBuffer.isView(value)) return [...new Uint8Array(value)];
  if (value instanceof DataView) return [...new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
  return [...value as Uint8Array];
}

function pair(value: unknown): [unknown, unknown] {
  return [value, value];
}

/** Whether each entry has a partner of its own on the other side, in any order. */
function sameEntries(a: [unknown, unknown][], b: [unknown, unknown][], assumed: Map<object, object>): boolean {
  if (a.length !== b.length) return false;
  return a.every(([key, value]) => {
    const at = b.findIndex(([k, v]) => compare(key, k, assumed) && compare(value, v, assumed));
    if (at >= 0) b.splice(at, 1);
    return at >= 0;
  });
}

/** Own keys of plain objects and arrays; for others those of their classes too. */
function comparedKeys(value: object): Set<PropertyKey> {
  const keys = new Set<PropertyKey>();
  for (let o: object | null = value; o && o !== Object.prototype && o !== Array.prototype;) {
    for (const key of Reflect.ownKeys(o)) keys.add(key);
    o = Object.getPrototypeOf(o);
  }
  return keys;
}
