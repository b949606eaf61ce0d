/**
 * A store in the SQLite database of a Cloudflare Durable Object.
 * @module
 */
import type { Digest } from "../core/messages/ids.ts";
import {
  type Loaded,
  type Store,
  StoreConflictError,
  StoreLimitError,
  type Version,
  type Writes,
} from "../node/ports.ts";
import { checkValue, checkVersion, closedError } from "./check.ts";
import { DURABLE_OBJECT_LIMITS } from "./platform_limits.ts";
import type { DurableObjectStorage, SqlStorage, SqlValue } from "./durable_object_storage.ts";

export type { DurableObjectStorage, SqlStorage, SqlValue };

type Table = "records" | "blobs";

/** The most bytes of a value in one row. The key must fit in the same row. */
const PART_BYTES = DURABLE_OBJECT_LIMITS.maxRowBytes / 2;
/** The most bytes of a key. */
const MAX_KEY_BYTES = PART_BYTES / 2;

/**
 * Keeps a replica's records and blobs in the object's own database. The object's class must be SQLite-backed
 * (`new_sqlite_classes`). A commit is one transaction. Large values are split into parts, because the size of a row is limited.
 *
 * Several stores may use one object's storage, one after the other or at once: the second to commit at a version gets
 * {@linkcode StoreConflictError}.
 *
 * @example
 * ```ts ignore
 * const store = new DurableObjectStore(ctx.storage);
 * ```
 */
export class DurableObjectStore implements Store {
  readonly #storage: DurableObjectStorage;
  #closed = false;

  /** Makes a store. Creates its tables if they do not exist. */
  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    storage.transactionSync(() => {
      for (const statement of TABLES) this.#sql(statement);
    });
  }

  /** Reads every record, and their version. */
  // deno-lint-ignore require-await -- async so that every error is a rejection, as the port has it
  async load(): Promise<Loaded> {
    if (this.#closed) throw closedError("load");
    const parts = new Map<string, Uint8Array[]>();
    for (const { key, value } of this.#sql("SELECT key, value FROM pbft_records ORDER BY key, part")) {
      const bytes = new Uint8Array(value as ArrayBuffer);
      const before = parts.get(key as string);
      if (before) before.push(bytes);
      else parts.set(key as string, [bytes]);
    }
    return { version: this.#version(), records: new Map(Array.from(parts, ([key, list]) => [key, joined(list)])) };
  }

  /** Reads the blobs with these digests, in this order; `null` for a blob that is not in the store. */
  // deno-lint-ignore require-await
  async read(digests: readonly Digest[]): Promise<readonly (Uint8Array | null)[]> {
    if (this.#closed) throw closedError("read");
    return digests.map((digest) => {
      const rows = this.#sql("SELECT value FROM pbft_blobs WHERE key = ? ORDER BY part", digest);
      const parts = rows.map(({ value }) => new Uint8Array(value as ArrayBuffer));
      return parts.length === 0 ? null : joined(parts);
    });
  }

  /** Applies all of `writes`, or none. @throws {StoreConflictError} if the store is not at the expected version. */
  async commit(writes: Writes, expected: Version): Promise<Version> {
    if (this.#closed) throw closedError("commit");
    checkVersion(expected);
    this.#transaction(() => {
      const found = this.#version();
      if (found !== expected) throw new StoreConflictError(expected, found);
      this.#sql("UPDATE pbft_version SET number = ?", expected + 1);
      for (const [key, value] of writes.records) this.#put("records", key, checkValue("record", key, value));
      for (const [key, value] of writes.blobs) this.#put("blobs", key, checkValue("blob", key, value));
    });
    // The platform holds back the object's responses until its writes are durable (output gates), but not timers or other promises.
    await this.#storage.sync();
    return expected + 1;
  }

  /** Closes this instance. Later calls reject with a `TypeError`. */
  // deno-lint-ignore require-await
  async close(): Promise<void> {
    this.#closed = true;
  }

  #transaction(run: () => void): void {
    try {
      this.#storage.transactionSync(run);
    } catch (error) {
      const isLimit = error instanceof Error && /SQLITE_TOOBIG|too big/.test(error.message);
      throw isLimit ? new StoreLimitError(error.message, { cause: error }) : error;
    }
  }

  #version(): Version {
    return this.#sql("SELECT number FROM pbft_version")[0]!.number as Version;
  }

  #put(table: Table, key: string, value: Uint8Array | null): void {
    // A UTF-16 code unit takes at most three bytes in UTF-8.
    if (3 * key.length > MAX_KEY_BYTES) {
      throw new StoreLimitError(`key: expected at most ${Math.floor(MAX_KEY_BYTES / 3)} characters, got ${key.length}`);
    }
    const parts = value === null ? 0 : Math.max(1, Math.ceil(value.length / PART_BYTES));
    for (let part = 0; part < parts; part++) {
      const bytes = value!.slice(part * PART_BYTES, (part + 1) * PART_BYTES);
      this.#sql(`INSERT OR REPLACE INTO pbft_${table} (key, part, value) VALUES (?, ?, ?)`, key, part, bytes);
    }
    this.#sql(`DELETE FROM pbft_${table} WHERE key = ? AND part >= ?`, key, parts);
  }

  #sql(query: string, ...bindings: (SqlValue | Uint8Array)[]): Record<string, SqlValue>[] {
    return [...this.#storage.sql.exec(query, ...bindings)];
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const value = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    value.set(part, at);
    at += part.length;
  }
  return value;
}

// Each row written is billed, and so is each entry of an index. So the tables have no index besides their key.
const TABLES = [
  "CREATE TABLE IF NOT EXISTS pbft_version (number INTEGER NOT NULL)",
  "INSERT INTO pbft_version SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM pbft_version)",
  ...["records", "blobs"].map((table) =>
    `CREATE TABLE IF NOT EXISTS pbft_${table} (
      key TEXT NOT NULL, part INTEGER NOT NULL, value BLOB NOT NULL, PRIMARY KEY (key, part)) WITHOUT ROWID`
  ),
];
