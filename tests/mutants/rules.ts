/**
 * Small bugs by rule: what can be done to one line of code so that it still is code.
 * @module
 */

/** How a line may be changed. */
export type Rule =
  | "negated condition"
  | "dropped statement"
  | "dropped guard"
  | "off by one"
  | "swapped arguments"
  | "removed bound"
  | "and for or"
  | "other constant";

/** A changed line. */
export interface Change {
  readonly rule: Rule;
  readonly line: string;
}

/** Each rule gives the ways in which a line can be changed. */
const RULES: { readonly [R in Rule]: (line: string) => readonly string[] } = {
  "negated condition": (line) => {
    const condition = conditionOf(line);
    return condition === null ? [] : [line.replace(`(${condition})`, () => `(!(${condition}))`)];
  },
  "dropped statement": (line) => {
    const isStatement = /^\s+(?:[\w#.!?[\]]+\(.*\);|[\w#.!?[\]]+ (?:[-+|&]|\?\?)?= .*;|[\w#.!?[\]]+(?:\+\+|--);)$/.test(
      line,
    );
    return isStatement ? ["//"] : [];
  },
  "dropped guard": (line) => /^\s+if \(.*\) (?:return|continue|break)\b.*;$/.test(line) ? ["//"] : [],
  "off by one": (line) =>
    replacements(line, [[" < ", " <= "], [" <= ", " < "], [" > ", " >= "], [" >= ", " > "], [" + 1", ""], [
      " - 1",
      "",
    ]]),
  "swapped arguments": (line) => {
    const call = /(?<!function )\b[\w.#]+\(([\w.]+), ([\w.]+)\)/.exec(line);
    if (!call || call[1] === call[2]) return [];
    return [line.replace(`(${call[1]}, ${call[2]})`, () => `(${call[2]}, ${call[1]})`)];
  },
  "removed bound": (line) => {
    const bound = /Math\.(?:min|max)\(([^(),]+), ([^(),]+)\)/.exec(line);
    return [
      ...bound ? [line.replace(bound[0], bound[1]!), line.replace(bound[0], bound[2]!)] : [],
      ...replacements(line, [[/\.slice\(-?\w+(?:, \w+)?\)/, ""]]),
    ];
  },
  "and for or": (line) => replacements(line, [[" && ", " || "], [" || ", " && "]]),
  "other constant": (line) =>
    replacements(line, [["true", "false"], ["false", "true"], [" === ", " !== "], [" !== ", " === "]]),
};

/** All changes that the rules know of a line of code. */
export function changesOf(line: string): readonly Change[] {
  if (!isCode(line)) return [];
  return (Object.keys(RULES) as Rule[]).flatMap((rule) =>
    RULES[rule](line).filter((changed) => changed !== line).map((changed) => ({ rule, line: changed }))
  );
}

/** Declarations of types, imports and comments say nothing when they are wrong. */
function isCode(line: string): boolean {
  return !/^\s*(?:\/\/|\/?\*|import\b|export \*|export \{|(?:export )?(?:type|interface)\b|readonly |\| |\}|[)\]])/
    .test(line) &&
    !/(?:throw new|invariant\()/.test(line);
}

/** The condition of an `if` or `while` that stands in one line. */
function conditionOf(line: string): string | null {
  const start = /^\s*(?:\} else )?(?:if|while) \(/.exec(line)?.[0].length;
  if (start === undefined) return null;
  let depth = 1;
  for (let at = start; at < line.length; at++) {
    if (line[at] === "(") depth++;
    if (line[at] === ")" && --depth === 0) return line.slice(start, at);
  }
  return null;
}

function replacements(
  line: string,
  pairs: readonly (readonly [from: string | RegExp, to: string])[],
): readonly string[] {
  return pairs.filter(([from]) => typeof from === "string" ? line.includes(from) : from.test(line))
    .map(([from, to]) => line.replace(from, () => to));
}
