/**
 * The part of a Cloudflare Durable Object's storage that a replica uses, as interfaces of our own. So it type-checks without
 * Cloudflare's types, and tests can pass another database.
 * @module
 */

/** A value of a column. */
export type SqlValue = ArrayBuffer | string | number | null;

/** The type of `ctx.storage.sql`. */
export interface SqlStorage {
  /** Runs SQL statements, and returns the rows of the last one. */
  exec(query: string, ...bindings: (SqlValue | Uint8Array)[]): Iterable<Record<string, SqlValue>>;
}

/** The type of `ctx.storage` in an object whose class is SQLite-backed. */
export interface DurableObjectStorage {
  /** The object's own database. */
  readonly sql: SqlStorage;
  /** Runs `run` in a transaction. If it throws, nothing is changed. */
  transactionSync<T>(run: () => T): T;
  /** Resolves when everything that was written is durable. */
  sync(): Promise<void>;
}
