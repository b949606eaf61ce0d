/**
 * How often members relay requests that wait here already. A correct member relays a waiting request again and again, at
 * intervals that double (see `relay` in the core). Repetitions at this pace are of use, because messages get lost, however
 * many requests wait after a view change. Further repetitions are of no use.
 * @module
 */
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";

/** The second repetition is due so long after the first, ms: half of a correct member's interval, as networks delay. */
const FIRST_INTERVAL_MS = 50;
/** Requests that are remembered for one member: twice as many as wait by default. The oldest are forgotten first. */
const MAX_REQUESTS = 8_192;

interface Relayed {
  readonly dueAt: number;
  readonly intervalMs: number;
}

/** The repetitions of all members. */
export class RelayedRequests {
  readonly #byMember = new Map<ReplicaId, Map<Digest, Relayed>>();

  /** Whether a repetition is due now. If so, the next one is due later. */
  isDue(by: ReplicaId, request: Digest, nowMs: number): boolean {
    let relayed = this.#byMember.get(by);
    if (!relayed) this.#byMember.set(by, relayed = new Map());
    const before = relayed.get(request);
    if (before && nowMs < before.dueAt) return false;
    const intervalMs = before ? 2 * before.intervalMs : FIRST_INTERVAL_MS;
    relayed.delete(request);
    relayed.set(request, { dueAt: nowMs + intervalMs, intervalMs });
    if (relayed.size > MAX_REQUESTS) relayed.delete(relayed.keys().next().value!);
    return true;
  }
}
