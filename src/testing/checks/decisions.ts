/**
 * Checks that only one batch is committed-local at a number. A quorum of commits for a batch decides it, whether or not
 * the replica that holds them ever executes it. A replica that takes over a state skips numbers, so executions alone
 * would not show it.
 * @module
 */
import type { Digest, ReplicaId, SequenceNumber } from "../../core/messages/ids.ts";
import type { Input, Ready } from "../../core/io.ts";
import type { Commit } from "../../core/messages/messages.ts";
import type { Report } from "../violation.ts";
import { quorumOf } from "../invariants/paper.ts";

/** The numbers that commits have decided, as seen by an observer of all commits. */
export class Decisions {
  readonly #quorum: number;
  readonly #report: Report;
  /** By number, view and digest: the replicas that committed, as bits. */
  readonly #commits = new Map<SequenceNumber, Map<string, number>>();
  readonly #decided = new Map<SequenceNumber, { readonly digest: Digest; readonly why: string }>();

  constructor(n: number, report: Report) {
    this.#quorum = quorumOf(n);
    this.#report = report;
  }

  /** A correct replica has made a step. Takes the commits that it received. */
  stepped(input: Input): void {
    if (input.kind === "commit") this.#commit(input.commit.message);
    if (input.kind === "decision") { for (const { message } of input.decision.message.commits) this.#commit(message); }
  }

  /**
   * A correct replica lets out what its steps have made. Until then its own commits count for nothing: if it crashes
   * before the records are durable, nobody will ever have them, itself included.
   */
  letOut({ messages }: Ready): void {
    for (const { message: { message } } of messages) if (message.kind === "commit") this.#commit(message);
  }

  /** A correct replica has executed a number. */
  executed(by: ReplicaId, sequence: SequenceNumber, digest: Digest): void {
    this.#decide(sequence, digest, `replica ${by} executed`);
  }

  #commit({ replica, view, sequence, digest }: Commit): void {
    let places = this.#commits.get(sequence);
    if (!places) this.#commits.set(sequence, places = new Map());
    const place = `${view}/${digest}`;
    const before = places.get(place) ?? 0;
    const after = before | 1 << replica;
    if (after === before) return;
    places.set(place, after);
    if (bitsOf(after) === this.#quorum) this.#decide(sequence, digest, `a quorum committed in view ${view}`);
  }

  #decide(sequence: SequenceNumber, digest: Digest, why: string): void {
    const known = this.#decided.get(sequence);
    if (!known) return void this.#decided.set(sequence, { digest, why });
    if (known.digest === digest) return;
    this.#report("agreement", `at ${sequence} ${known.why} ${known.digest}, and ${why} ${digest}`);
  }
}

function bitsOf(set: number): number {
  let bits = 0;
  for (let left = set; left !== 0; left &= left - 1) bits++;
  return bits;
}
