/**
 * Values as JSON, exactly: what would be lost or changed on the way is refused.
 * @module
 */
import { type PathKey, pathText } from "./path.ts";

/** The deepest value. Deeper ones would end in a stack overflow, at a depth that differs between runtimes. */
const MAX_DEPTH = 64;

/**
 * The JSON text of a value.
 * @throws {TypeError} that names the first path at which it is not JSON, and the value there.
 */
export function jsonText(value: unknown, what: string): string {
  if (typeof value !== "string" || !value.isWellFormed()) {
    const flaw = flawOf(value);
    if (flaw) throw new TypeError(`${what}: expected JSON, got ${flaw.got} at ${flaw.at}`);
  }
  return JSON.stringify(value);
}

/** The first path at which a value is not JSON, and the value there; `null`: all of it is JSON. */
export function flawOf(value: unknown): { readonly at: string; readonly got: string } | null {
  const path: PathKey[] = [];
  const got = flawIn(value, path);
  return got === null ? null : { at: pathText(path.reverse()).slice(0, 200), got };
}

/** The fault in a value. Adds the way to it to `path`, from the inside out. */
function flawIn(value: unknown, path: PathKey[], depth = 0): string | null {
  switch (typeof value) {
    case "string":
      return value.isWellFormed() ? null : "a text that is not well-formed Unicode";
    case "number":
      return Number.isFinite(value) ? null : String(value);
    case "boolean":
      return null;
    case "object":
      break;
    default:
      return value === undefined ? "undefined" : `a ${typeof value}`;
  }
  if (value === null) return null;
  if (depth === MAX_DEPTH) return `more than ${MAX_DEPTH} levels, or a circle`;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const got = flawIn(value[i], path, depth + 1);
      if (got !== null) return path.push(i), got;
    }
    return null;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return nameOf(value);
  for (const key of Object.keys(value)) {
    const field = (value as Readonly<Record<string, unknown>>)[key];
    // An absent field and one that is undefined are the same in JSON, and in most types.
    const got = !key.isWellFormed()
      ? "a name that is not well-formed Unicode"
      : field === undefined
      ? null
      : flawIn(field, path, depth + 1);
    if (got !== null) return path.push(key), got;
  }
  return null;
}

function nameOf(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name === "string" && name !== ""
    ? `a value of the class ${name.slice(0, 40)}`
    : "an object with a class";
}
