/**
 * Reads TypeScript well enough to see what it imports and which names it uses, comments and strings aside.
 * @module
 */

/** One import, or re-export, of a module. */
export interface Import {
  /** `null`: computed, so that nobody can tell. */
  readonly specifier: string | null;
  /** `import type` and `export type`: gone when the program runs. */
  readonly typeOnly: boolean;
  /** From 1. */
  readonly line: number;
}

/** A name that is used in the code. */
export interface Use {
  readonly name: string;
  readonly line: number;
}

const beforeExpression =
  /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield))$/;

/** The source with comments, and what is inside quotes and regular expressions, turned to blanks of equal length. */
export function codeOf(source: string): string {
  let code = "";
  let at = 0;
  /** For each open `${`, how many braces are open inside of it. */
  const holes: number[] = [];
  const blank = (end: number) => {
    code += source.slice(at, end).replace(/[^\n]/g, " ");
    at = end;
  };
  const keep = (end: number) => {
    code += source.slice(at, end);
    at = end;
  };
  const templateText = () => {
    let end = at;
    while (end < source.length && source[end] !== "`" && !source.startsWith("${", end)) {
      end += source[end] === "\\" ? 2 : 1;
    }
    blank(Math.min(end, source.length));
    if (source[at] === "`") return keep(at + 1);
    if (at >= source.length) return;
    keep(at + 2);
    holes.push(0);
  };
  while (at < source.length) {
    const char = source[at]!;
    if (source.startsWith("//", at)) blank(endOf(source, "\n", at));
    else if (source.startsWith("/*", at)) blank(endOf(source, "*/", at + 2) + 2);
    else if (char === '"' || char === "'") {
      keep(at + 1);
      blank(endOfQuoted(source, at, char));
      keep(at + 1);
    } else if (char === "`") {
      keep(at + 1);
      templateText();
    } else if (char === "/" && beforeExpression.test(code.trimEnd())) {
      keep(at + 1);
      blank(endOfRegExp(source, at));
    } else if (char === "}" && holes.at(-1) === 0) {
      holes.pop();
      keep(at + 1);
      templateText();
    } else {
      if (holes.length > 0 && (char === "{" || char === "}")) holes[holes.length - 1]! += char === "{" ? 1 : -1;
      keep(at + 1);
    }
  }
  return code;
}

function endOf(source: string, mark: string, from: number): number {
  const end = source.indexOf(mark, from);
  return end < 0 ? source.length : end;
}

function endOfQuoted(source: string, from: number, quote: string): number {
  let end = from;
  while (end < source.length && source[end] !== quote && source[end] !== "\n") end += source[end] === "\\" ? 2 : 1;
  return Math.min(end, source.length);
}

function endOfRegExp(source: string, from: number): number {
  let inClass = false;
  let end = from;
  for (; end < source.length && source[end] !== "\n" && (inClass || source[end] !== "/"); end++) {
    if (source[end] === "\\") end++;
    else if (source[end] === "[") inClass = true;
    else if (source[end] === "]") inClass = false;
  }
  return Math.min(end + 1, source.length);
}

const importForms = [
  /\b(?:import|export)\b(?<type>\s+type\b(?!\s+from\b))?(?:(?!\b(?:import|export)\b)[^;"'`()])*?\bfrom\s*["']/dg,
  /\bimport\s*["']/dg,
  /(?<![\w$.#])import\s*\(\s*(?<quote>["'])?/dg,
];

/** Every import and re-export of a module, in the order of the forms: `from`, bare, and `import()`. */
export function importsOf(source: string): Import[] {
  const code = codeOf(source);
  return importForms.flatMap((form) =>
    [...code.matchAll(form)].map((match) => {
      const end = match.index + match[0].length;
      const quoted = /["']$/.test(match[0]);
      const specifier = quoted ? source.slice(end, code.indexOf(source[end - 1]!, end)) : null;
      return { specifier, typeOnly: match.groups?.type !== undefined, line: lineAt(source, match.index) };
    })
  );
}

/** The free uses of `names`: not as a property (`.name`) and not as a key (`name:`). */
export function usesOf(source: string, names: readonly string[]): Use[] {
  const pattern = new RegExp(`(?<![\\w$#])(?<!(?<!\\.\\.)\\.)(${names.join("|")})(?![\\w$])(?!\\??\\s*:)`, "g");
  return [...codeOf(source).matchAll(pattern)].map((m) => ({ name: m[1]!, line: lineAt(source, m.index) }));
}

function lineAt(source: string, index: number): number {
  return source.slice(0, index).split("\n").length;
}
