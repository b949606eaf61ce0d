/**
 * How often members relay requests that wait here already. A correct member relays a waiting request again and again, at
 * intervals that double (see `relay` in the core). So many repetitions are of use, as they make up for losses, however
 * many requests wait after a view change; more are not.
 * @module
 */
import type { Digest } from "../../../core/messages/ids.ts";
import type { FrameSource } from "./source_queue.ts";

/** The second repetition is due so long after the first, ms: half of a correct member's interval, as networks delay. */
const FIRST_INTERVAL_MS = 50;
/** Requests that are remembered for one source; the oldest are forgotten first. At most so many wait by default. */
const MAX_REQUESTS = 8_192;

interface Relayed {
  readonly dueAt: number;
  readonly intervalMs: number;
}

/** The repetitions of all sources. */
export class RelayedRequests {
  readonly #bySource = new Map<FrameSource, Map<Digest, Relayed>>();

  /** Whether a repetition is due now. If so, the next one is due later. */
  isDue(by: FrameSource, request: Digest, nowMs: number): boolean {
    let relayed = this.#bySource.get(by);
    if (!relayed) this.#bySource.set(by, relayed = new Map());
    const before = relayed.get(request);
    if (before && nowMs < before.dueAt) return false;
    const intervalMs = before ? 2 * before.intervalMs : FIRST_INTERVAL_MS;
    relayed.delete(request);
    relayed.set(request, { dueAt: nowMs + intervalMs, intervalMs });
    if (relayed.size > MAX_REQUESTS) relayed.delete(relayed.keys().next().value!);
    return true;
  }
}
