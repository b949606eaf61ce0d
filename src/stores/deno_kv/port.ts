/**
 * The part of `Deno.Kv` that a store needs, spelled out, so that this type-checks where Deno's unstable types are not,
 * and so that a test may bring a database with faults.
 * @module
 */
import { StoreLimitError } from "../../node/ports.ts";

/** A key: texts and numbers, in order. */
export type KvKey = readonly (string | number)[];

/** What is under a key; `versionstamp` is null if nothing is. */
export interface KvEntry {
  readonly key: readonly unknown[];
  readonly value: unknown;
  readonly versionstamp: string | null;
}

/** Changes that are made at once, or not at all. */
export interface KvAtomic {
  /** Nothing is changed unless the key is still at this stamp; null: unless it is still absent. */
  check(check: { readonly key: KvKey; readonly versionstamp: string | null }): KvAtomic;
  /** Sets a key. */
  set(key: KvKey, value: unknown): KvAtomic;
  /** Removes a key. */
  delete(key: KvKey): KvAtomic;
  /** `ok: false`: a check failed. */
  commit(): Promise<{ readonly ok: true; readonly versionstamp: string } | { readonly ok: false }>;
}

/** A `Deno.Kv`. */
export interface KvDatabase {
  /** Reads one key, strongly consistent. */
  get(key: KvKey): Promise<KvEntry>;
  /** Reads ten keys at most, at one moment. */
  getMany(keys: readonly KvKey[]): Promise<readonly KvEntry[]>;
  /** Reads all under a prefix, from `start` on, in the order of keys; each batch at one moment. */
  list(
    selector: { readonly prefix: KvKey; readonly start?: KvKey },
    options: { readonly batchSize: number },
  ): AsyncIterable<KvEntry>;
  /** Begins a change. */
  atomic(): KvAtomic;
  /** Lets go of it. */
  close(): void;
}

/** The waits between attempts, ms: about five seconds in all, as long as the SQLite store waits for a lock. */
const RETRY_DELAYS_MS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 500, 1_000, 1_000, 2_000];

/**
 * Runs `run` until the database's file is not locked by another process.
 * @throws {StoreLimitError} if the database refuses it for its size: it would do so each time.
 */
export async function retryLocked<T>(run: () => Promise<T>): Promise<T> {
  for (const delayMs of RETRY_DELAYS_MS) {
    try {
      return await run();
    } catch (error) {
      if (!isLocked(error)) throw asLimitError(error);
      // Jitter, so that two processes don't come back at the same moment.
      await new Promise((resolve) => setTimeout(resolve, delayMs * (0.5 + Math.random())));
    }
  }
  return await run();
}

/** As Deno says it: "Total key size too large (max 81920 bytes)", "Too many mutations (max 1000)". */
function asLimitError(error: unknown): unknown {
  const isLimit = error instanceof TypeError && /\btoo (large|many)\b.*\(max/i.test(error.message);
  return isLimit ? new StoreLimitError(error.message, { cause: error }) : error;
}

/** The local database gives this as a TypeError when two processes write at once; nothing has been changed then. */
function isLocked(error: unknown): boolean {
  return error instanceof Error && /database (table )?is (locked|busy)/.test(error.message);
}
