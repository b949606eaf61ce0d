/**
 * Limits how many operations a client puts into one request. Replicas store a session's results until the client
 * acknowledges them, and the room for them is limited: when it is full, further operations are refused.
 * @module
 */
import type { Result } from "../../core/messages/messages.ts";
import type { Rules } from "../epochs/present.ts";

/** Learns from the size of results how many operations fit in one request. */
export class BundleLimit {
  readonly #rules: Rules;
  /** What was learned. The limits may change meanwhile. */
  #most = Infinity;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** The most operations for one request. */
  get maxOperations(): number {
    return Math.min(this.#most, this.#rules.limits.maxRequestOperations);
  }

  /** Whether results are so large that those of two requests might not fit. Then only one request may be in flight. */
  get isOneByOne(): boolean {
    return this.#most < this.#rules.limits.maxRequestOperations;
  }

  /**
   * Learns from results. It aims at half of the room for each request, and raises the limit again when results become
   * smaller.
   */
  learn(results: readonly Result[]): void {
    const { maxSessionReplyBytes } = this.#rules.limits;
    const ran = results.filter(({ status }) => status !== "refused");
    const bytes = ran.reduce((sum, { value }) => sum + value.length, 0);
    if (bytes > maxSessionReplyBytes / 4) {
      this.#most = Math.max(1, Math.floor(ran.length * maxSessionReplyBytes / 2 / bytes));
    } else if (ran.length === results.length) {
      this.#most *= 2;
    }
  }
}
