/**
 * A short memory of requests that were refused for a reason that may pass: beyond the window, or no room.
 *
 * While a request waits, replicas relay it to each other, so copies of it arrive even after it was executed. An
 * executed request is recognized by its stored reply. A refused one leaves nothing in the client table; without this
 * memory each late copy would be ordered and relayed again.
 *
 * @module
 */
import type { Digest } from "../messages/ids.ts";
import type { Result } from "../messages/messages.ts";

const MAX_REMEMBERED = 1024;

/**
 * The refused requests and their results. After `rememberMs` a request that the client sends again is ordered again.
 */
export class RefusedRequests {
  readonly #rememberMs: number;
  readonly #byDigest = new Map<Digest, { readonly results: readonly Result[]; readonly until: number }>();

  /**
   * `rememberMs`: how long copies of a request may still arrive. All times are elapsed time of this replica, not clock
   * time.
   */
  constructor(rememberMs: number) {
    this.#rememberMs = rememberMs;
  }

  /** The number of remembered requests. */
  get size(): number {
    return this.#byDigest.size;
  }

  /** Remembers that a request was executed with these results, refusals among them. */
  note(digest: Digest, results: readonly Result[], now: number): void {
    this.#byDigest.delete(digest);
    this.#byDigest.set(digest, { results, until: now + this.#rememberMs });
    for (const [oldest, { until }] of this.#byDigest) {
      if (until > now && this.#byDigest.size <= MAX_REMEMBERED) return;
      this.#byDigest.delete(oldest);
    }
  }

  /** The results of a request that was refused recently; `null` if it was not. */
  lookup(digest: Digest, now: number): readonly Result[] | null {
    const refused = this.#byDigest.get(digest);
    return refused && refused.until > now ? refused.results : null;
  }
}
