/**
 * Numbers in JSON that JavaScript can't hold. `JSON.parse` rounds them without a word: 9007199254740993 becomes 9007199254740992, and
 * `1e400` infinite.
 * @module
 */

/** Strings, which may look like numbers, and numbers. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

/** Numbers with fewer digits, and none of them far from the point, are held as they are; most texts have no others. */
const SUSPICIOUS = /\d{16}|\d[eE]|\.\d{15}/;

/** The first number in a JSON text whose value JavaScript does not hold; `1.10` and 1.1 are one value. */
export function unheldNumber(json: string): string | undefined {
  if (!SUSPICIOUS.test(json)) return undefined;
  for (const [token] of json.matchAll(TOKENS)) if (token[0] !== '"' && !isHeld(token)) return token;
  return undefined;
}

function isHeld(literal: string): boolean {
  const value = Number(literal);
  if (!Number.isFinite(value)) return false;
  // JavaScript writes the shortest digits that read back as the same number.
  return digitsOf(literal) === digitsOf(String(value)) ||
    (/^-?\d+$/.test(literal) && BigInt(literal) === BigInt(value));
}

/** The digits from the first to the last that is not 0, and the power of ten of the last one: the same for the same value. */
function digitsOf(literal: string): string {
  const [, whole = "", fraction = "", exponent = "0"] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? [];
  const digits = (whole + fraction).replace(/^0+/, "");
  const kept = digits.replace(/0+$/, "");
  return kept === "" ? "0" : `${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`;
}
