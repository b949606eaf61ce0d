/**
 * Limits how many operations a client puts into one request. Replicas store a session's results until the client acknowledges them, and
 * the room for them is limited: when it is full, further operations are refused.
 * @module
 */
import type { Limits } from "../../core/config.ts";
import type { Result } from "../../core/messages/messages.ts";

/** Learns from the size of results how many operations fit in one request. */
export class BundleLimit {
  readonly #limits: Limits;
  #maxOperations: number;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#maxOperations = limits.maxRequestOperations;
  }

  /** The most operations for one request. */
  get maxOperations(): number {
    return this.#maxOperations;
  }

  /** Whether results are so large that those of two requests might not fit. Then only one request may be in flight. */
  get isOneByOne(): boolean {
    return this.#maxOperations < this.#limits.maxRequestOperations;
  }

  /** Learns from results. It aims at half of the room for each request, and raises the limit again when results become smaller. */
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
