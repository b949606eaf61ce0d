/**
 * Finds numbers in JSON that JavaScript cannot represent exactly. `JSON.parse` rounds them silently: 9007199254740993 becomes
 * 9007199254740992, and `1e400` becomes `Infinity`.
 * @module
 */

/** Matches strings and numbers. Strings must be matched too, because they may contain digits. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

/** Matches every text that may have an inexact number: one with 16 digits or more, an exponent, or 15 decimals. Most texts have none. */
const SUSPICIOUS = /\d{16}|\d[eE]|\.\d{15}/;

/** The first number in a JSON text that JavaScript cannot represent exactly. `1.10` is fine: it is the value 1.1. */
export function inexactNumber(json: string): string | undefined {
  if (!SUSPICIOUS.test(json)) return undefined;
  for (const [token] of json.matchAll(TOKENS)) if (token[0] !== '"' && !isExact(token)) return token;
  return undefined;
}

function isExact(literal: string): boolean {
  const value = Number(literal);
  if (!isFinite(value)) return false;
  // `String(value)` gives the shortest digits that read back as the same number.
  return digitsOf(literal) === digitsOf(String(value)) ||
    (/^-?\d+$/.test(literal) && BigInt(literal) === BigInt(value));
}

/**
 * A number's digits without zeros at either end, and the power of ten of the last digit. Equal values give equal results. No pattern begins
 * within a run of zeros: `0+$` alone would begin anew at each zero, and take minutes for a number of 100 KB.
 */
function digitsOf(literal: string): string {
  const [, whole = "", fraction = "", exponent = "0"] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? [];
  const digits = (whole + fraction).replace(/^0+/, "");
  const kept = digits.replace(/(?<!0)0+$/, "");
  return kept ? `${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}` : "0";
}
