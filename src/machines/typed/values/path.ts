/**
 * Paths into values, as text.
 * @module
 */

/** One step into a value. */
export type PathKey = string | number;

/** A path such as `.items[2].name`; of the whole value `.`. */
export function pathText(path: readonly PathKey[]): string {
  if (path.length === 0) return ".";
  return path.map((key) => {
    if (typeof key === "number") return `[${key}]`;
    return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
  }).join("");
}
