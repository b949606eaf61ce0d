/**
 * Self-consistency: everything that each replica has ever said, across all its restarts and isolates.
 * @module
 */
import type { Digest, ReplicaId, View } from "../../core/messages/ids.ts";
import type { Commit, Message, Prepare, PrePrepare } from "../../core/messages/messages.ts";

type Vote = PrePrepare | Prepare | Commit;

function placeOf({ kind, replica, view, sequence }: Vote): string {
  return `${kind} of replica ${replica} in view ${view} for ${sequence}`;
}

/** The facts that are recorded of votes, by kind, replica, view and number. */
class Places<T> {
  readonly #values: { readonly [K in Vote["kind"]]: Map<View, T>[][] } = {
    "pre-prepare": [],
    "prepare": [],
    "commit": [],
  };

  get({ kind, replica, view, sequence }: Vote): T | undefined {
    return this.#values[kind][replica]?.[sequence]?.get(view);
  }

  set({ kind, replica, view, sequence }: Vote, value: T): void {
    const numbers = this.#values[kind][replica] ??= [];
    (numbers[sequence] ??= new Map()).set(view, value);
  }
}

/** Every binding message of correct replicas. */
export class SelfConsistency {
  readonly #said = new Map<string, string>();
  /** The digest of each vote. */
  readonly #voted = new Places<Digest>();
  /** Votes that were made. True: made first after a view-change for a higher view had been sent. */
  readonly #made = new Places<boolean>();
  /** The highest view that each replica has left for. */
  readonly #left = new Map<ReplicaId, View>();

  /** A replica has made a vote. It has not been sent yet, and if its commit seems to fail it may never be. */
  made(message: Message): void {
    if (message.kind !== "pre-prepare" && message.kind !== "prepare" && message.kind !== "commit") return;
    if (this.#made.get(message) !== undefined) return;
    this.#made.set(message, message.view < (this.#left.get(message.replica) ?? 0));
  }

  /** Takes a message that a correct replica sends of its own; returns the contradiction with an earlier one. */
  take(message: Message, bytes: Uint8Array, hash: (bytes: Uint8Array) => string): string | null {
    switch (message.kind) {
      case "pre-prepare":
      case "prepare":
      case "commit":
        if (!this.#made.get(message)) return this.#vote(message);
        return `${placeOf(message)}, after its view-change for ${this.#left.get(message.replica)}`;
      case "checkpoint":
        return this.#say(`checkpoint of replica ${message.replica} at ${message.sequence}`, message.digest);
      case "view-change":
        this.#left.set(message.replica, Math.max(message.view, this.#left.get(message.replica) ?? 0) as View);
        return this.#say(`view-change of replica ${message.replica} for ${message.view}`, hash(bytes));
      case "new-view":
        for (const { message: own } of message.prePrepares) this.#vote(own);
        return this.#say(`new-view of replica ${message.replica} for ${message.view}`, hash(bytes));
      default:
        return null;
    }
  }

  #vote(vote: Vote): string | null {
    const before = this.#voted.get(vote);
    if (before === undefined) this.#voted.set(vote, vote.digest);
    return before === undefined || before === vote.digest ? null : contradiction(placeOf(vote), before, vote.digest);
  }

  #say(place: string, what: string): string | null {
    const before = this.#said.get(place);
    if (before === undefined) this.#said.set(place, what);
    return before === undefined || before === what ? null : contradiction(place, before, what);
  }
}

function contradiction(place: string, before: string, now: string): string {
  return `${place}: ${before.slice(0, 8)}, now ${now.slice(0, 8)}`;
}
