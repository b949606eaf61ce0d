/**
 * How much to ask for at once. Replicas store a session's results until the client has said that it holds them, and
 * have only so much room for that; operations that come when it is used up are refused.
 * @module
 */
import type { Limits } from "../../core/config.ts";
import type { Result } from "../../core/messages/messages.ts";

/** Learns from the results how many operations' results will fit. */
export class Pace {
  readonly #limits: Limits;
  #maxOperations: number;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#maxOperations = limits.maxRequestOperations;
  }

  /** Most operations in one request. */
  get maxOperations(): number {
    return this.#maxOperations;
  }

  /** Results are so large that two requests on their way might not fit. */
  get isOneByOne(): boolean {
    return this.#maxOperations < this.#limits.maxRequestOperations;
  }

  /** Aims at half of the room per request, and asks for more again when results turn out smaller. */
  learn(results: readonly Result[]): void {
    const { maxSessionReplyBytes, maxRequestOperations } = this.#limits;
    const ran = results.filter(({ status }) => status !== "refused");
    const bytes = ran.reduce((sum, { value }) => sum + value.length, 0);
    if (bytes > maxSessionReplyBytes / 4) {
      this.#maxOperations = Math.max(1, Math.floor(ran.length * maxSessionReplyBytes / 2 / bytes));
    } else if (ran.length === results.length) {
      this.#maxOperations = Math.min(this.#maxOperations * 2, maxRequestOperations);
    }
  }
}
