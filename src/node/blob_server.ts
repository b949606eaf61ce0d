/**
 * Answers other replicas' fetches from the store: batch bodies, state pages, state chunks.
 * @module
 */
import type { Digest, ReplicaId } from "../core/ids.ts";
import type { Blobs, Fetch } from "../core/messages.ts";
import type { Store, Timer } from "./ports.ts";

/** An answer's blobs have at most so many bytes in all, unless the first alone has more. */
const MAX_ANSWER_BYTES = 1024 * 1024;
/** Blobs read from the store at once. */
const READ_AT_ONCE = 8;
/** Answers that a peer may have at once after a pause. */
const BURST = 8;
/** One more answer per peer each so many ms. */
const REFILL_MS = 25;

/** What the server needs. */
export interface BlobServerOptions {
  readonly self: ReplicaId;
  readonly store: Pick<Store, "read">;
  readonly timer: Pick<Timer, "monotonic">;
  readonly send: (to: ReplicaId, message: Blobs) => void;
}

interface Allowance {
  answers: number;
  at: number;
  busy: boolean;
}

/** Serves blobs by their digest, to each peer one answer at a time and no faster than is good for everybody else. */
export class BlobServer {
  readonly #options: BlobServerOptions;
  readonly #allowances = new Map<ReplicaId, Allowance>();

  constructor(options: BlobServerOptions) {
    this.#options = options;
  }

  /** Answers a fetch with what there is, in one message; with nothing if nothing is there, or it asks too often. */
  async answer({ replica, digests }: Fetch): Promise<void> {
    const { self, send } = this.#options;
    const allowance = this.#allowance(replica);
    if (replica === self || allowance.busy || allowance.answers < 1) return;
    allowance.answers--;
    allowance.busy = true;
    try {
      const blobs = await this.#read([...new Set(digests)]);
      if (blobs.length > 0) send(replica, { kind: "blobs", replica: self, blobs });
    } catch {
      // The store fails: the peer asks another replica.
    } finally {
      allowance.busy = false;
    }
  }

  async #read(digests: readonly Digest[]): Promise<readonly Uint8Array[]> {
    const blobs: Uint8Array[] = [];
    let bytes = 0;
    for (let at = 0; at < digests.length; at += READ_AT_ONCE) {
      for (const blob of await this.#options.store.read(digests.slice(at, at + READ_AT_ONCE))) {
        if (blob === null) continue;
        bytes += blob.length;
        if (blobs.length > 0 && bytes > MAX_ANSWER_BYTES) return blobs;
        blobs.push(blob);
      }
    }
    return blobs;
  }

  #allowance(peer: ReplicaId): Allowance {
    const now = this.#options.timer.monotonic();
    const allowance = this.#allowances.get(peer) ?? { answers: BURST, at: now, busy: false };
    this.#allowances.set(peer, allowance);
    allowance.answers = Math.min(BURST, allowance.answers + (now - allowance.at) / REFILL_MS);
    allowance.at = now;
    return allowance;
  }
}
