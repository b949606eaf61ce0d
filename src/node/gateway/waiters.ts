/**
 * Who waits here for the answer to what.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import type { SignedRequest, Verified } from "../../core/messages/messages.ts";
import type { SignedQuery } from "../../core/messages/queries.ts";
import { deferred } from "../async/deferred.ts";
import type { Rejection } from "../ports.ts";

/** What somebody here may wait for an answer to. */
export type Asked = Verified<SignedRequest> | Verified<SignedQuery>;

/** One who waits. */
export interface Waiter {
  /** This replica's signed reply as a frame, or why there won't be one. */
  readonly answer: Promise<Uint8Array | Rejection>;
  /** Nobody waits any more. */
  cancel(): void;
}

interface Entry<A> {
  readonly asked: A;
  readonly resolvers: Set<(answer: Uint8Array | Rejection) => void>;
}

/** Those who wait, by the digest of what they asked, up to `max` of them. */
export class Waiters<A extends Asked = Verified<SignedRequest>> {
  readonly #entries = new Map<Digest, Entry<A>>();
  readonly #max: number;
  #size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** Starts to wait; `null` if too many do. */
  add(asked: A): Waiter | null {
    if (this.#size >= this.#max) return null;
    const { promise: answer, resolve } = deferred<Uint8Array | Rejection>();
    const entry = this.#entries.get(asked.digest) ?? { asked, resolvers: new Set() };
    this.#entries.set(asked.digest, entry);
    entry.resolvers.add(resolve);
    this.#size++;
    return { answer, cancel: () => this.#remove(entry, resolve) };
  }

  /** Whether somebody waits for the answer to this. */
  has(digest: Digest): boolean {
    return this.#entries.has(digest);
  }

  /** Gives the answer to all who wait for it. */
  resolve(digest: Digest, answer: Uint8Array | Rejection): void {
    const entry = this.#entries.get(digest);
    if (!entry) return;
    this.#entries.delete(digest);
    this.#size -= entry.resolvers.size;
    for (const resolve of entry.resolvers) resolve(answer);
    entry.resolvers.clear();
  }

  /** Gives the same answer to all. */
  resolveAll(answer: Rejection): void {
    for (const digest of [...this.#entries.keys()]) this.resolve(digest, answer);
  }

  /** What is waited for. */
  asked(): readonly A[] {
    return Array.from(this.#entries.values(), ({ asked }) => asked);
  }

  #remove(entry: Entry<A>, resolve: (answer: Uint8Array | Rejection) => void): void {
    if (!entry.resolvers.delete(resolve)) return;
    this.#size--;
    if (entry.resolvers.size === 0) this.#entries.delete(entry.asked.digest);
  }
}
