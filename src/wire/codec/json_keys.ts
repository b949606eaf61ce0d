/**
 * Finds names that an object in JSON has twice. `JSON.parse` takes the last one without a word, so of two lines in a file one would do nothing.
 * @module
 */

/** A string, or a sign of structure. */
const TOKEN = /"(?:[^"\\]+|\\.)*"|[{}[\]:,]/gs;

/** The path of the first name that an object has a second time, such as `urls.Apple`; null if there is none. `text` is JSON. */
export function repeatedName(text: string): string | null {
  /** For each value that is open: the names of an object so far, or null for an array. */
  const open: (Set<string> | null)[] = [];
  const path: string[] = [];
  let last = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{" || token === "[") {
      open.push(token === "{" ? new Set() : null);
      path.push("");
    } else if (token === "}" || token === "]") {
      open.pop();
      path.pop();
    } else if (token === ":") {
      const name: string = JSON.parse(last);
      const names = open.at(-1);
      path[path.length - 1] = name;
      if (names?.has(name)) return path.filter((part) => part !== "").join(".");
      names?.add(name);
    }
    last = token;
  }
  return null;
}
