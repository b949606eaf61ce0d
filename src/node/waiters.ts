/**
 * Who waits here for the reply to which request.
 * @module
 */
import type { Digest } from "../core/ids.ts";
import type { SignedRequest, Verified } from "../core/messages.ts";
import { deferred } from "./deferred.ts";
import type { Rejection } from "./ports.ts";

/** One who waits. */
export interface Waiter {
  /** This replica's signed reply as a frame, or why there won't be one. */
  readonly answer: Promise<Uint8Array | Rejection>;
  /** Nobody waits any more. */
  cancel(): void;
}

interface Entry {
  readonly request: Verified<SignedRequest>;
  readonly resolvers: Set<(answer: Uint8Array | Rejection) => void>;
}

/** Those who wait, by the digest of their request, up to `max` of them. */
export class Waiters {
  readonly #entries = new Map<Digest, Entry>();
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
  add(request: Verified<SignedRequest>): Waiter | null {
    if (this.#size >= this.#max) return null;
    const { promise: answer, resolve } = deferred<Uint8Array | Rejection>();
    const entry = this.#entries.get(request.digest) ?? { request, resolvers: new Set() };
    this.#entries.set(request.digest, entry);
    entry.resolvers.add(resolve);
    this.#size++;
    return { answer, cancel: () => this.#remove(entry, resolve) };
  }

  /** Whether somebody waits for the reply to this request. */
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

  /** The requests that are waited for. */
  requests(): readonly Verified<SignedRequest>[] {
    return Array.from(this.#entries.values(), ({ request }) => request);
  }

  #remove(entry: Entry, resolve: (answer: Uint8Array | Rejection) => void): void {
    if (!entry.resolvers.delete(resolve)) return;
    this.#size--;
    if (entry.resolvers.size === 0) this.#entries.delete(entry.request.digest);
  }
}
