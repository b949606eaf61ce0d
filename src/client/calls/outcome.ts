/**
 * What a caller gets for an operation that was executed.
 * @module
 */
import type { SequenceNumber } from "../../core/messages/ids.ts";
import { inexactNumber } from "../../wire/mod.ts";
import type { Receipt } from "../proofs/receipt.ts";

/** The result of one executed operation, on which f + 1 replicas agree. */
export class Outcome {
  /** Made by the client. */
  constructor(
    /** The state machine's answer. */
    readonly value: Uint8Array,
    /** The sequence number at which it was executed. */
    readonly sequence: SequenceNumber,
    /** Proof of it for anybody; see {@linkcode verifyReceipt}. */
    readonly receipt: Receipt,
  ) {}

  /** {@linkcode value} as UTF-8. */
  text(): string {
    return new TextDecoder().decode(this.value);
  }

  /**
   * {@linkcode value} as JSON; `undefined` if it is empty.
   * @throws {TypeError} if it is not JSON, or has a number in it that JavaScript does not hold, as 9007199254740993 or 1e400.
   */
  json<T = unknown>(): T {
    return jsonOf<T>(this.value);
  }
}

/** Bytes as JSON; `undefined` if there are none. @throws {TypeError} if they are not JSON, or more than JavaScript's JSON can hold. */
export function jsonOf<T>(value: Uint8Array): T {
  const text = new TextDecoder().decode(value);
  if (text === "") return undefined as T;
  let parsed: T;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new TypeError("the state machine's answer is not JSON: use submit(), or queryBytes(), and read its value");
  }
  const unheld = inexactNumber(text);
  if (unheld === undefined) return parsed;
  throw new TypeError(
    `the state machine's answer has the number ${unheld.slice(0, 40)} in it, which JavaScript would change: ` +
      "use submit(), or queryBytes(), and read its text",
  );
}
