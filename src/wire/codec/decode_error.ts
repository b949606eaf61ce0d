/**
 * The error for bytes that are not a valid message.
 * @module
 */

/** An error shows at most this many characters of a received value. */
const MAX_GOT_LENGTH = 120;

/** Received bytes are not valid: the input is hostile or broken. The caller made no mistake. */
export class DecodeError extends Error {
  /** `DecodeError`. */
  override name = "DecodeError";
  /** The path of the wrong field: `prepare.view`, `batch.requests[3].signature`. */
  readonly field: string;
  /** A description of the valid values. */
  readonly expected: string;
  /** A description of the received value. */
  readonly got: string;
  /** `true`: the input exceeds a size limit (HTTP 413). `false`: it is malformed (HTTP 400). */
  readonly tooLarge: boolean;

  /** Makes the error. Set `options.tooLarge` if a size limit was exceeded. */
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
 * The same error with `segment` put in front of its path. Readers and writers do not know field names, so each container adds the name of
 * the part that failed. Thus well-formed messages pay nothing for paths.
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
