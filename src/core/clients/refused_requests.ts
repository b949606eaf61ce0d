/**
 * Requests that were refused just now, for reasons that may pass: beyond the window, or no room.
 *
 * While a request waits, replicas relay it to each other, so that copies of it are still under way when it has been executed.
 * One that has left a result is recognized by that. A refusal leaves nothing, and without this memory each late copy would be
 * ordered again, and relayed again meanwhile.
 *
 * @module
 */
import type { Digest } from "../messages/ids.ts";
import type { Result } from "../messages/messages.ts";

const MAX_REMEMBERED = 1024;

/** Refusals, for a while. A client that wants to be asked again after that sends the request again. */
export class RefusedRequests {
  readonly #rememberMs: number;
  readonly #byDigest = new Map<Digest, { readonly results: readonly Result[]; readonly until: number }>();

  /** `rememberMs`: for how long copies may be under way. All times are those that this replica has seen pass, not a clock's. */
  constructor(rememberMs: number) {
    this.#rememberMs = rememberMs;
  }

  /** So many are remembered. */
  get size(): number {
    return this.#byDigest.size;
  }

  /** A request was executed, and refused. */
  note(digest: Digest, results: readonly Result[], now: number): void {
    this.#byDigest.delete(digest);
    this.#byDigest.set(digest, { results, until: now + this.#rememberMs });
    for (const [oldest, { until }] of this.#byDigest) {
      if (until > now && this.#byDigest.size <= MAX_REMEMBERED) return;
      this.#byDigest.delete(oldest);
    }
  }

  /** The refusal that was given, if it was just now. */
  lookup(digest: Digest, now: number): readonly Result[] | null {
    const refused = this.#byDigest.get(digest);
    return refused && refused.until > now ? refused.results : null;
  }
}
