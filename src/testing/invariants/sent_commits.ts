/**
 * The commits that were sent, to tell which batches are decided.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Commit } from "../../core/messages/messages.ts";
import { quorumOf } from "./paper.ts";

/** The commits of all correct replicas. */
export class SentCommits {
  readonly #n: number;
  readonly #isFaulty: (replica: ReplicaId) => boolean;
  /** By number and digest, then by view. */
  readonly #by = new Map<string, Map<number, Set<ReplicaId>>>();

  /** Faulty replicas may have sent a commit for anything. */
  constructor(n: number, isFaulty: (replica: ReplicaId) => boolean) {
    this.#n = n;
    this.#isFaulty = isFaulty;
  }

  /** A replica sends a commit. It counts if the replica is correct. */
  add({ replica, view, sequence, digest }: Commit): void {
    if (this.#isFaulty(replica)) return;
    const key = `${sequence}/${digest}`;
    const byView = this.#by.get(key) ?? new Map<number, Set<ReplicaId>>();
    this.#by.set(key, byView.set(view, (byView.get(view) ?? new Set()).add(replica)));
  }

  /** Whether a quorum can have committed in one view, whichever it is. Then no further commit matters. */
  isDecided({ sequence, digest }: Commit): boolean {
    const faulty = Array.from({ length: this.#n }, (_, id) => id as ReplicaId).filter(this.#isFaulty).length;
    const byView = [...this.#by.get(`${sequence}/${digest}`)?.values() ?? []];
    return byView.some((by) => by.size + faulty >= quorumOf(this.#n));
  }
}
