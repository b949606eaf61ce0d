/**
 * Votes that were left unverified because they decide nothing any more (see surplus.ts in the core). They are a third
 * of all votes. Each is kept as it came, so that nothing is lost that it is good for beside its quorum:
 *
 * - *Evidence.* If the sender signs another digest for the same number and view, the kept vote is verified and given to
 *   the core before the other one. So the core has both.
 * - *An old copy of a store.* A replica that starts asks the others for its own votes. The kept ones are verified and
 *   given to the core before that question (see own_messages.ts).
 *
 * A vote is left unverified only if its sender itself delivers it, as a proved member. So nobody can put a forged vote
 * in the place of another member's true one: a forged vote that somebody else delivers is verified, and refused.
 * @module
 */
import type { Digest, ReplicaId } from "../../core/messages/ids.ts";
import type { MessageInput } from "../../core/io.ts";
import type { Commit, Prepare } from "../../core/messages/messages.ts";
import type { UnverifiedVote } from "./passed.ts";

interface Kept {
  readonly frame: Uint8Array;
  readonly replica: ReplicaId;
  readonly digest: Digest;
}

/** The unverified votes of one node. Bounded: the oldest are forgotten first. */
export class SurplusVotes {
  readonly #max: number;
  readonly #kept = new Map<string, Kept>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Number of kept votes. */
  get size(): number {
    return this.#kept.size;
  }

  /** Keeps a vote. Returns false if it was kept before, or is a proof of a decision: the core compares those with nothing. */
  keep({ message }: UnverifiedVote, frame: Uint8Array): boolean {
    if (message.kind === "decision") return false;
    const { replica, digest } = message;
    const key = keyOf(message);
    const isNew = !this.#kept.has(key);
    this.#kept.set(key, { frame, replica, digest });
    if (this.#kept.size <= this.#max) return isNew;
    for (const oldest of this.#kept.keys()) {
      this.#kept.delete(oldest);
      break;
    }
    return isNew;
  }

  /** Removes and returns the frames of the votes that the core must have before this input. */
  recallFor(input: MessageInput): readonly Uint8Array[] {
    if (this.#kept.size === 0) return [];
    switch (input.kind) {
      case "prepare":
        return this.#recallOthers([input.prepare.message]);
      case "commit":
        return this.#recallOthers([input.commit.message]);
      case "view-change": {
        // Its certificates are compared with the prepares known here.
        const { prepared } = input.viewChange.message;
        return this.#recallOthers(prepared.flatMap(({ prepares }) => prepares.map(({ message }) => message)));
      }
      case "status": {
        const { challenge, replica } = input.status.message;
        return challenge === 0 ? [] : this.#recallOf(replica);
      }
      default:
        return [];
    }
  }

  /** Votes of the same senders, numbers and views with another digest. */
  #recallOthers(votes: readonly (Prepare | Commit)[]): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (const vote of votes) {
      const key = keyOf(vote);
      const kept = this.#kept.get(key);
      if (!kept || kept.digest === vote.digest) continue;
      this.#kept.delete(key);
      frames.push(kept.frame);
    }
    return frames;
  }

  #recallOf(replica: ReplicaId): readonly Uint8Array[] {
    const frames: Uint8Array[] = [];
    for (const [key, kept] of this.#kept) {
      if (kept.replica !== replica) continue;
      this.#kept.delete(key);
      frames.push(kept.frame);
    }
    return frames;
  }
}

function keyOf({ kind, view, sequence, replica }: Prepare | Commit): string {
  return `${kind} ${view} ${sequence} ${replica}`;
}
