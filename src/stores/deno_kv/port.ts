/**
 * The part of `Deno.Kv` that the store uses, as interfaces of our own. So the store type-checks without Deno's unstable types,
 * and tests can pass a database with faults.
 * @module
 */
import { StoreLimitError } from "../../node/ports.ts";

/** A key: a list of texts and numbers. */
export type KvKey = readonly (string | number)[];

/** A key and its value. `versionstamp` is null if the key does not exist. */
export interface KvEntry {
  readonly key: readonly unknown[];
  readonly value: unknown;
  readonly versionstamp: string | null;
}

/** Changes that are made together or not at all. */
export interface KvAtomic {
  /** Requires that the key still has this stamp; null requires that it does not exist. Otherwise nothing is changed. */
  check(check: { readonly key: KvKey; readonly versionstamp: string | null }): KvAtomic;
  /** Sets a key. */
  set(key: KvKey, value: unknown): KvAtomic;
  /** Removes a key. */
  delete(key: KvKey): KvAtomic;
  /** Makes the changes. `ok: false`: a check failed. */
  commit(): Promise<{ readonly ok: true; readonly versionstamp: string } | { readonly ok: false }>;
}

/** The part of a `Deno.Kv` database that the store uses. */
export interface KvDatabase {
  /** Reads one key, with strong consistency. */
  get(key: KvKey): Promise<KvEntry>;
  /** Reads at most ten keys at one moment. */
  getMany(keys: readonly KvKey[]): Promise<readonly KvEntry[]>;
  /** Reads all keys under a prefix, from `start` on, in order. Each batch is read at one moment. */
  list(
    selector: { readonly prefix: KvKey; readonly start?: KvKey },
    options: { readonly batchSize: number },
  ): AsyncIterable<KvEntry>;
  /** Starts a list of changes. */
  atomic(): KvAtomic;
  /** Closes the database. */
  close(): void;
}

/** The delays between attempts, ms. They are about five seconds in all, as long as the SQLite store waits for a lock. */
const RETRY_DELAYS_MS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 500, 1_000, 1_000, 2_000];

/**
 * Calls `run`, and repeats it while another process locks the database's file.
 * @throws {StoreLimitError} if the database refuses it because of its size. It would refuse it every time.
 */
export async function retryLocked<T>(run: () => Promise<T>): Promise<T> {
  for (const delayMs of RETRY_DELAYS_MS) {
    try {
      return await run();
    } catch (error) {
      if (!isLocked(error)) throw asLimitError(error);
      // Random delays, so that two processes do not repeat at the same moment.
      await new Promise((resolve) => setTimeout(resolve, delayMs * (0.5 + Math.random())));
    }
  }
  return await run();
}

/** Recognizes Deno's texts: "Total key size too large (max 81920 bytes)", "Too many mutations (max 1000)". */
function asLimitError(error: unknown): unknown {
  const isLimit = error instanceof TypeError && /\btoo (large|many)\b.*\(max/i.test(error.message);
  return isLimit ? new StoreLimitError(error.message, { cause: error }) : error;
}

/** The local database throws such a TypeError if two processes write at once. Nothing has been changed then. */
function isLocked(error: unknown): boolean {
  return error instanceof Error && /database (table )?is (locked|busy)/.test(error.message);
}
