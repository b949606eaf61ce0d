/**
 * How long to wait for an agreement before more replicas are asked. It grows where everything takes longer, so that
 * load alone does not multiply the messages: if clients repeat requests that are only slow, these become slower still.
 *
 * Safety does not depend on it. Liveness does not either: it has an upper bound, and one of the f + 1 replicas that
 * were asked at first is correct. That one suspects a primary that is silent or slow by its own clock, whatever the
 * client waits for.
 * @module
 */
import type { ClientSettings } from "../options.ts";

/** How long agreements take, for one client and one kind of message. */
export class Pace {
  /** The average, ms. One that waited for a view change counts little. */
  #meanMs = 0;

  /** An agreement took so long, ms. */
  add(ms: number): void {
    this.#meanMs += (ms - this.#meanMs) / 8;
  }

  /** How long to wait for one, ms: `factor` times the average, at least `retryMs` and at most `maxRetryMs`. */
  patienceMs(factor: number, { retryMs, maxRetryMs }: Pick<ClientSettings, "retryMs" | "maxRetryMs">): number {
    return Math.max(retryMs, Math.min(factor * this.#meanMs, maxRetryMs));
  }
}
