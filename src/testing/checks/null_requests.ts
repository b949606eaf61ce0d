/**
 * A primary orders null requests only where a new view has gaps (PBFT §4.4), where a replica that has lost its disk
 * needs a longer log, and up to the end of its epoch.
 * @module
 */
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { Input, Ready } from "../../core/io.ts";

/** The null requests of correct replicas. */
export class NullRequests {
  readonly #nullDigest: Digest;
  /** The number up to which each replica was asked to fill the log. */
  readonly #through = new Map<ReplicaId, number>();
  /** The null requests in the new views that replicas have entered: replica, view and number. */
  readonly #carried = new Set<string>();

  constructor(nullDigest: Digest) {
    this.#nullDigest = nullDigest;
  }

  /** Checks a step; returns the flaw, for people. */
  stepped(replica: ReplicaId, input: Input, { records, events }: Pick<Ready, "records" | "events">): string | null {
    if (input.kind === "status") {
      const { votesAbove } = input.status.message;
      this.#through.set(replica, Math.max(votesAbove, this.#through.get(replica) ?? 0));
    }
    for (const event of events) if (event.kind === "configured") this.#through.set(replica, event.closesAt);
    for (const record of records) {
      if (record.kind === "view" && record.newView) {
        for (const { message: { sequence } } of record.newView.message.prePrepares) {
          this.#carried.add(`${replica}/${record.view}/${sequence}`);
        }
      }
      if (record.kind !== "accepted") continue;
      const { message } = record.prePrepare;
      if (message.replica !== replica || message.digest !== this.#nullDigest) continue;
      if (message.sequence <= (this.#through.get(replica) ?? 0)) continue;
      if (this.#carried.has(`${replica}/${message.view}/${message.sequence}`)) continue;
      return `gives number ${message.sequence} of view ${message.view} to nothing`;
    }
    return null;
  }
}
