/**
 * The part of a Cloudflare Durable Object's storage that a replica needs, spelled out, so that it type-checks without
 * Cloudflare's types and a test may bring another database.
 * @module
 */

/** What a column may hold. */
export type SqlValue = ArrayBuffer | string | number | null;

/** `ctx.storage.sql`. */
export interface SqlStorage {
  /** Runs statements; the last one's rows. */
  exec(query: string, ...bindings: (SqlValue | Uint8Array)[]): Iterable<Record<string, SqlValue>>;
}

/** `ctx.storage` of an object whose class is SQLite-backed. */
export interface DurableObjectStorage {
  /** The object's own database. */
  readonly sql: SqlStorage;
  /** All that `run` changes, or nothing if it throws. */
  transactionSync<T>(run: () => T): T;
  /** Resolves when all that was written is durable. */
  sync(): Promise<void>;
}
