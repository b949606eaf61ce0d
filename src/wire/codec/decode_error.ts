/**
 * Why bytes are not a message.
 * @module
 */

/** How much of a received value an error repeats. */
const MAX_GOT_LENGTH = 120;

/** Received bytes are not what they should be: hostile or broken input, never a mistake of the caller. */
export class DecodeError extends Error {
  /** `DecodeError`. */
  override name = "DecodeError";
  /** Where: `prepare.view`, `batch.requests[3].signature`. */
  readonly field: string;
  /** What should have been there. */
  readonly expected: string;
  /** What was there instead. */
  readonly got: string;
  /** A size limit was exceeded (HTTP 413); otherwise the bytes are malformed (HTTP 400). */
  readonly tooLarge: boolean;

  /** Makes the error; `options.tooLarge` if a size limit was exceeded. */
  constructor(field: string, expected: string, got: string, options: { tooLarge?: boolean } = {}) {
    const short = got.length > MAX_GOT_LENGTH ? `${got.slice(0, MAX_GOT_LENGTH)}…` : got;
    super(`${field}: expected ${expected}, got ${short}`);
    this.field = field;
    this.expected = expected;
    this.got = short;
    this.tooLarge = options.tooLarge ?? false;
  }
}

/**
 * The same error one level up: readers and writers know no names, so each container puts the name of the part that
 * failed in front. That keeps the path of fields out of the way of messages that are well-formed.
 */
export function inside(segment: string, error: unknown): unknown {
  if (error instanceof DecodeError) {
    return new DecodeError(join(segment, error.field), error.expected, error.got, { tooLarge: error.tooLarge });
  }
  if (error instanceof RangeError) return new RangeError(join(segment, error.message));
  if (error instanceof TypeError) return new TypeError(join(segment, error.message));
  return error;
}

function join(segment: string, rest: string): string {
  return rest === "" || rest.startsWith("[") || rest.startsWith(":") ? segment + rest : `${segment}.${rest}`;
}
