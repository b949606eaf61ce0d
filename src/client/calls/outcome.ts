/**
 * The result of an operation, as a caller gets it.
 * @module
 */
import type { SequenceNumber } from "../../core/messages/ids.ts";
import { inexactNumber } from "../../wire/codec/json_numbers.ts";
import type { Receipt } from "../proofs/proven.ts";

/** The result of one executed operation, on which f + 1 replicas agree. */
export class Outcome {
  /** Made by the client. */
  constructor(
    /** The state machine's result. */
    readonly value: Uint8Array,
    /** The sequence number at which it was executed. */
    readonly sequence: SequenceNumber,
    /** A proof of the result for third parties; see {@linkcode verifyReceipt}. */
    readonly receipt: Receipt,
  ) {}

  /** {@linkcode value} as UTF-8. */
  text(): string {
    return new TextDecoder().decode(this.value);
  }

  /**
   * {@linkcode value} parsed as JSON; `undefined` if it is empty. It is `unknown`, or of the type that the caller
   * names, which nothing checks.
   * @throws {TypeError} if it is not JSON, or contains a number that JavaScript cannot represent exactly, such as
   * 9007199254740993 or 1e400.
   */
  json<T = unknown>(): NoInfer<T> {
    return jsonOf<T>(this.value);
  }
}

/**
 * Parses bytes as JSON; `undefined` if there are none.
 * @throws {TypeError} if they are not JSON, or contain an inexact number.
 */
export function jsonOf<T = unknown>(value: Uint8Array): NoInfer<T> {
  const text = new TextDecoder().decode(value);
  if (text === "") return undefined as NoInfer<T>;
  let parsed: NoInfer<T>;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new TypeError(
      "result: expected JSON, got bytes that are not JSON; use submit() or queryBytes(), which return the bytes",
    );
  }
  const inexact = inexactNumber(text);
  if (inexact === undefined) return parsed;
  throw new TypeError(
    `result: JavaScript cannot represent its number ${
      inexact.slice(0, 40)
    } exactly; use submit() or queryBytes(), which return the bytes`,
  );
}
