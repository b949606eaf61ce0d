/**
 * Self-consistency: what each replica has ever said, over all its restarts and isolates.
 * @module
 */
import type { ReplicaId, View } from "../core/ids.ts";
import type { Commit, Message, Prepare, PrePrepare } from "../core/messages.ts";

function placeOf({ kind, replica, view, sequence }: PrePrepare | Prepare | Commit): string {
  return `${kind} of replica ${replica} in view ${view} for ${sequence}`;
}

/** Everything that correct replicas said that binds them. */
export class Votes {
  readonly #said = new Map<string, string>();
  /** Votes that were first made after a view-change that had been said already, for a higher view. */
  readonly #late = new Set<string>();
  readonly #known = new Set<string>();
  /** The highest view that each replica has left for. */
  readonly #left = new Map<ReplicaId, View>();

  /** A replica has made a vote; nobody has heard of it yet, and if its commit seems to fail perhaps nobody ever will. */
  made(message: Message): void {
    if (message.kind !== "pre-prepare" && message.kind !== "prepare" && message.kind !== "commit") return;
    const place = placeOf(message);
    if (this.#known.has(place)) return;
    this.#known.add(place);
    if (message.view < (this.#left.get(message.replica) ?? 0)) this.#late.add(place);
  }

  /** Takes up a message of a correct replica's own; gives what it contradicts. */
  take(message: Message, bytes: Uint8Array, hash: (bytes: Uint8Array) => string): string | null {
    switch (message.kind) {
      case "pre-prepare":
      case "prepare":
      case "commit": {
        const { replica, digest } = message;
        const place = placeOf(message);
        if (this.#late.has(place)) {
          return `${place}, after its view-change for ${this.#left.get(replica)}`;
        }
        return this.#say(place, digest);
      }
      case "checkpoint":
        return this.#say(`checkpoint of replica ${message.replica} at ${message.sequence}`, message.digest);
      case "view-change":
        this.#left.set(message.replica, Math.max(message.view, this.#left.get(message.replica) ?? 0) as View);
        return this.#say(`view-change of replica ${message.replica} for ${message.view}`, hash(bytes));
      case "new-view":
        for (const { message: own } of message.prePrepares) this.#say(placeOf(own), own.digest);
        return this.#say(`new-view of replica ${message.replica} for ${message.view}`, hash(bytes));
      default:
        return null;
    }
  }

  #say(place: string, what: string): string | null {
    const before = this.#said.get(place);
    if (before === undefined) this.#said.set(place, what);
    return before === undefined || before === what ? null : `${place}: ${before.slice(0, 8)}, now ${what.slice(0, 8)}`;
  }
}
