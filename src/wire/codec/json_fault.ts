/**
 * Finds the place where a text stops being JSON. Not every runtime's error tells it, and some repeat the text, which may be a private key.
 * @module
 */

/** A sign of structure, a string, or another value. */
const TOKEN =
  // deno-lint-ignore no-control-regex -- a string in JSON has no control characters
  /([{}[\],:])|("[^"\\\0-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\0-\x1f]*)*")|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;
const SPACE = /[ \t\n\r]*/y;

/** What may come next, by what came before. */
const EXPECTED = {
  value: "a value",
  firstValue: "a value or ]",
  name: "a name in double quotes",
  firstName: "a name in double quotes or }",
  colon: "a colon",
  afterValue: { "{": "a comma or }", "[": "a comma or ]", "": "the end" },
} as const;

type State = keyof typeof EXPECTED;

/** Where a text stops being JSON, and what should be there, such as `line 3, column 5: expected a comma or }`. Null if it is JSON. */
export function jsonFault(text: string): string | null {
  const open: ("{" | "[")[] = [];
  let state: State = "value";
  let at = text.startsWith("\ufeff") ? 1 : 0;
  for (;;) {
    SPACE.lastIndex = at;
    SPACE.test(text);
    at = SPACE.lastIndex;
    const inside: "{" | "[" | "" = open.at(-1) ?? "";
    if (at === text.length && state === "afterValue" && inside === "") return null;
    TOKEN.lastIndex = at;
    const [token = "", sign, string]: readonly string[] = TOKEN.exec(text) ?? [];
    const next: State | "open" | "close" | null = token === ""
      ? null
      : follow(state, inside, sign, string !== undefined);
    if (next === null) {
      const expected = state === "afterValue" ? EXPECTED.afterValue[inside] : EXPECTED[state];
      return `${placeOf(text, at)}: expected ${expected}`;
    }
    if (next === "open") {
      open.push(sign as "{" | "[");
      state = sign === "{" ? "firstName" : "firstValue";
    } else if (next === "close") {
      open.pop();
      state = "afterValue";
    } else state = next;
    at += token.length;
  }
}

/** The state after a token; null if it may not come here. */
function follow(
  state: State,
  inside: "{" | "[" | "",
  sign: string | undefined,
  isString: boolean,
): State | "open" | "close" | null {
  if (state === "colon") return sign === ":" ? "value" : null;
  if (state === "afterValue") {
    if (sign === "," && inside !== "") return inside === "{" ? "name" : "value";
    return closes(inside, sign) ? "close" : null;
  }
  if (state === "name" || state === "firstName") {
    return isString ? "colon" : state === "firstName" && closes(inside, sign) ? "close" : null;
  }
  if (sign === undefined) return "afterValue";
  if (sign === "{" || sign === "[") return "open";
  return state === "firstValue" && closes(inside, sign) ? "close" : null;
}

function closes(inside: "{" | "[" | "", sign: string | undefined): boolean {
  return (inside === "{" && sign === "}") || (inside === "[" && sign === "]");
}

function placeOf(text: string, at: number): string {
  const before = text.slice(0, at).split(/\r\n|\n|\r/);
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`;
}
