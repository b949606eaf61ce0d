/**
 * Counting replies until f + 1 of them agree.
 * @module
 */
import type { ReplicaId } from "../../core/messages/ids.ts";
import type { Reply, Result } from "../../core/messages/messages.ts";

/** A reply whose signature has been verified, and the frame in which it came. */
export interface Vote {
  readonly reply: Reply;
  readonly frame: Uint8Array;
}

/** The latest reply of each replica to one request. */
export class Agreement {
  readonly #needed: number;
  readonly #votes = new Map<ReplicaId, Vote>();

  constructor(needed: number) {
    this.#needed = needed;
  }

  /** Counts a vote in place of its replica's earlier one. Returns the votes that agree once they are enough. */
  add(vote: Vote): readonly Vote[] | null {
    this.#votes.set(vote.reply.replica, vote);
    const equal = this.#like(vote);
    return equal.length >= this.#needed ? equal.slice(0, this.#needed) : null;
  }

  /** How many votes the most common answer has. */
  get largest(): number {
    let largest = 0;
    for (const vote of this.#votes.values()) largest = Math.max(largest, this.#like(vote).length);
    return largest;
  }

  /** The replicas that said something else than `vote`. */
  against(vote: Vote): ReplicaId[] {
    return [...this.#votes.values()].filter((other) => !agree(other.reply, vote.reply)).map((v) => v.reply.replica);
  }

  #like(vote: Vote): Vote[] {
    return [...this.#votes.values()].filter((other) => agree(other.reply, vote.reply));
  }
}

/** Whether two replies say the same: equal in all but `replica` and `view`. */
export function agree(a: Reply, b: Reply): boolean {
  return a === b ||
    a.request === b.request && a.results.length === b.results.length &&
      a.results.every((result, index) => sameResult(result, b.results[index]!));
}

function sameResult(a: Result, b: Result): boolean {
  return a.sequence === b.sequence && a.status === b.status && sameBytes(a.value, b.value);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
