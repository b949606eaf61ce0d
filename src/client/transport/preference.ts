/**
 * Which replicas a query asks first: a quorum of those that answer soonest, as long as all goes well. A quorum must
 * agree in any case, so the others would only cost time: their own, and the client's. After any trouble all are asked
 * for a while.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";

/** Of so many queries the first few ask all replicas: the pace of those that are not asked may have changed. */
const CYCLE = { queries: 128, toAll: 8 };
/** Weight of the last answer in the average. */
const GAIN = 1 / 4;
/**
 * After this multiple of what the slowest of the preferred takes, and so much more, ms, the others are asked as well.
 */
const LATE = { factor: 2, moreMs: 5 };
/** One that has not answered yet would have taken longer; by how much is not known. */
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

  /** Those first that answer soonest. */
  order<Peer extends { readonly id: ReplicaId }>(peers: readonly Peer[]): Peer[] {
    return [...peers].sort((a, b) => this.#pace(a.id) - this.#pace(b.id));
  }

  /** How long those up to `slowest` may take, ms. */
  patienceMs({ id }: { readonly id: ReplicaId }): number {
    return LATE.factor * this.#pace(id) + LATE.moreMs;
  }

  /** A replica has answered after so long, ms, or must count as one that did. */
  note(id: ReplicaId, ms: number): void {
    const before = this.#paces[id] ?? ms;
    this.#paces[id] = before + GAIN * (ms - before);
  }

  /** A replica has not answered for so long, ms, and is waited for no longer. That never makes it look faster. */
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
