/**
 * Which replicas a query asks first: a quorum of those that answer soonest, as long as all goes well. A quorum must
 * agree in any case, so the others would only cost time: their own, and the client's. After any trouble all are asked
 * for a while.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";

/**
 * In each cycle of this many queries the first few ask all replicas, because the pace of the others may have changed.
 */
const CYCLE = { queries: 128, toAll: 8 };
/** Weight of the last answer in the average. */
const GAIN = 1 / 4;
/**
 * The other replicas are asked as well after this multiple of the pace of the slowest preferred replica, plus `moreMs`.
 */
const LATE = { factor: 2, moreMs: 5 };
/**
 * A replica without an answer would have taken longer than the wait. Its time is taken to be this multiple of the wait.
 */
const SILENT_FACTOR = 2;

/** The pace of the replicas of one epoch, as queries see it. */
export class Preference {
  /** The average time to an answer by replica, ms. */
  readonly #paces: number[] = [];
  #queries = 0;

  /** Whether the next query asks a preferred quorum first. */
  next(): boolean {
    return this.#queries++ % CYCLE.queries >= CYCLE.toAll;
  }

  /** The replicas in order of their pace, the fastest first. */
  order<Peer extends { readonly id: ReplicaId }>(peers: readonly Peer[]): Peer[] {
    return [...peers].sort((a, b) => this.#pace(a.id) - this.#pace(b.id));
  }

  /** How long to wait for the preferred replicas, of which this one is the slowest, ms. */
  patienceMs({ id }: { readonly id: ReplicaId }): number {
    return LATE.factor * this.#pace(id) + LATE.moreMs;
  }

  /** Notes that a replica answered after this time, ms, or must count as one that did. */
  note(id: ReplicaId, ms: number): void {
    const before = this.#paces[id] ?? ms;
    this.#paces[id] = before + GAIN * (ms - before);
  }

  /**
   * Notes that a replica has not answered within this time, ms, and that nobody waits for it any longer. This never
   * makes it look faster.
   */
  noteSilent({ id }: { readonly id: ReplicaId }, ms: number): void {
    this.note(id, Math.max(SILENT_FACTOR * ms, this.#pace(id)));
  }

  /** The preferred were not enough: the next queries ask all. */
  restart(): void {
    this.#queries = 0;
  }

  #pace(id: ReplicaId): number {
    return this.#paces[id] ?? 0;
  }
}
