/**
 * Who sends a body.
 * @module
 */

/** The sender of a body, as far as it is known before the body is read. Each kind of sender has a budget of its own. */
export interface Sender {
  /** The kind of sender. */
  readonly kind: "member" | "client" | "stranger";
  /**
   * Who counts as one sender within the budget: the number of a member, or an address; `undefined` if the address is
   * unknown.
   */
  readonly id: string | undefined;
  /** Cost of reading so far, as a multiple of answering a small request. */
  cost: number;
  /** Whether its connection broke while a body was read, so that no answer will arrive. */
  hasHungUp?: boolean;
}

/** A sender whose address is unknown. */
export function unknownSender(): Sender {
  return { kind: "stranger", id: undefined, cost: 1 };
}
