/**
 * JSON from somebody who may lie. A value such as `[]` takes three bytes to send, and tens of bytes and much time to parse, so JSON is bounded by its
 * values as well as by its length.
 * @module
 */

/** The most values that an answer has. Correct ones have a few thousand: links, messages that prove something, figures. */
const MAX_VALUES = 64 * 1024;

const [QUOTE, BACKSLASH, COMMA, BRACKET, BRACE] = [0x22, 0x5c, 0x2c, 0x5b, 0x7b];

/**
 * Parses JSON with at most so many values. @throws {RangeError} if there are more, before anything is parsed. @throws {SyntaxError}
 * if the text is not JSON.
 */
export function parseBoundedJson(text: string, maxValues: number = MAX_VALUES): unknown {
  if (hasMoreValues(text, maxValues)) throw new RangeError(`expected JSON of at most ${maxValues} values, got more`);
  return JSON.parse(text);
}

/** Each value but the first of a list or an object has a comma before it, and the first one a bracket. */
function hasMoreValues(text: string, most: number): boolean {
  let values = 1;
  for (let at = 0, isInText = false; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) isInText = !isInText;
    else if (isInText) at += code === BACKSLASH ? 1 : 0;
    else if ((code === COMMA || code === BRACKET || code === BRACE) && ++values > most) return true;
  }
  return false;
}
