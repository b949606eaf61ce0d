/**
 * The callers that wait for answers.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import type { SignedRequest, Verified } from "../../core/messages/messages.ts";
import type { SignedQuery } from "../../core/messages/queries.ts";
import { deferred } from "../async/deferred.ts";
import type { Rejection } from "../ports.ts";

/** A request or query that a caller may wait for. */
export type Asked = Verified<SignedRequest> | Verified<SignedQuery>;

/** A caller that waits. */
export interface Waiter {
  /** This replica's signed reply as a frame, or a rejection. */
  readonly answer: Promise<Uint8Array | Rejection>;
  /** Ends the wait. */
  cancel(): void;
}

interface Entry<A> {
  readonly asked: A;
  readonly resolvers: Set<(answer: Uint8Array | Rejection) => void>;
  acceptPaths: boolean;
}

/** The waiting callers by the digest of their request; at most `max`. */
export class Waiters<A extends Asked = Verified<SignedRequest>> {
  readonly #entries = new Map<Digest, Entry<A>>();
  readonly #max: number;
  #size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Number of waiting callers. */
  get size(): number {
    return this.#size;
  }

  /** Adds a caller; `null` if there are too many. `acceptsPaths`: see {@linkcode Waiters.acceptPaths}. */
  add(asked: A, acceptsPaths: boolean = false): Waiter | null {
    if (this.#size >= this.#max) return null;
    const { promise: answer, resolve } = deferred<Uint8Array | Rejection>();
    const entry = this.#entries.get(asked.digest) ?? { asked, resolvers: new Set(), acceptPaths: true };
    entry.acceptPaths &&= acceptsPaths;
    this.#entries.set(asked.digest, entry);
    entry.resolvers.add(resolve);
    this.#size++;
    return { answer, cancel: () => this.#remove(entry, resolve) };
  }

  /** Whether a caller waits for the answer to this. */
  has(digest: Digest): boolean {
    return this.#entries.has(digest);
  }

  /** Whether all callers that wait for the answer to this can verify a reply that was signed together with others. */
  acceptPaths(digest: Digest): boolean {
    return this.#entries.get(digest)?.acceptPaths ?? false;
  }

  /** Gives the answer to all callers that wait for it. */
  resolve(digest: Digest, answer: Uint8Array | Rejection): void {
    const entry = this.#entries.get(digest);
    if (!entry) return;
    this.#entries.delete(digest);
    this.#size -= entry.resolvers.size;
    for (const resolve of entry.resolvers) resolve(answer);
    entry.resolvers.clear();
  }

  /** Gives the same answer to all callers. */
  resolveAll(answer: Rejection): void {
    for (const digest of [...this.#entries.keys()]) this.resolve(digest, answer);
  }

  /** The requests that callers wait for. */
  asked(): readonly A[] {
    return Array.from(this.#entries.values(), ({ asked }) => asked);
  }

  #remove(entry: Entry<A>, resolve: (answer: Uint8Array | Rejection) => void): void {
    if (!entry.resolvers.delete(resolve)) return;
    this.#size--;
    if (entry.resolvers.size === 0) this.#entries.delete(entry.asked.digest);
  }
}
