/**
 * A store in one SQLite file, through the runtime's own `node:sqlite`: the default for a replica that runs as a process.
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Digest } from "../core/ids.ts";
import { type Loaded, type Store, StoreConflictError, type Version, type Writes } from "../node/ports.ts";
import { checkValue, checkVersion, closedError } from "./_check.ts";
import { isBusy, openFile, StoreOpenError } from "./_sqlite_file.ts";

export { StoreOpenError };

/**
 * Keeps a replica's records and blobs in a SQLite file (write-ahead log, `synchronous = FULL`). A commit is one
 * transaction and one sync of the log: when it resolves, what it wrote survives the loss of power. Several processes may
 * open one file; whoever commits second at a version gets {@linkcode StoreConflictError}.
 *
 * The calls block the thread for as long as the disk takes, a fraction of a millisecond for a usual commit.
 *
 * @example
 * ```ts
 * const store = await SqliteStore.open(await Deno.makeTempFile({ suffix: ".db" }));
 * const { version } = await store.load();
 * await store.commit({ records: new Map([["view", new Uint8Array([1])]]), blobs: new Map() }, version);
 * await store.close();
 * ```
 */
export class SqliteStore implements Store {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #sql: Readonly<Record<keyof typeof STATEMENTS, StatementSync>>;
  #closed = false;

  private constructor(path: string, database: DatabaseSync) {
    this.#path = path;
    this.#database = database;
    const prepared = Object.entries(STATEMENTS).map(([name, sql]) => [name, database.prepare(sql)]);
    this.#sql = Object.fromEntries(prepared);
  }

  /**
   * Opens the file, or creates it in a folder that exists.
   * @throws {StoreOpenError} if the path can't be read and written, if the file is not a database, is another
   * application's or of an unknown version, or if the runtime has no `node:sqlite`.
   */
  static async open(path: string): Promise<SqliteStore> {
    return new SqliteStore(path, await openFile(path));
  }

  /** Every record, and the version that they are of. */
  // deno-lint-ignore require-await -- async so that every error is a rejection, as the port has it
  async load(): Promise<Loaded> {
    if (this.#closed) throw closedError("load");
    // One transaction, so that the records are of that version though another process may commit.
    return this.#transaction("load from", "begin", () => ({
      version: this.#version(),
      records: new Map(this.#sql.records.all().map((row) => [row.key as string, row.value as Uint8Array])),
    }));
  }

  /** The blobs with these digests, in this order; `null` where there is none. */
  // deno-lint-ignore require-await
  async read(digests: readonly Digest[]): Promise<readonly (Uint8Array | null)[]> {
    if (this.#closed) throw closedError("read");
    return this.#transaction(
      "read from",
      "begin",
      () => digests.map((digest) => (this.#sql.readBlob.get(digest)?.value as Uint8Array | undefined) ?? null),
    );
  }

  /** Applies all of `writes` or nothing. @throws {StoreConflictError} if the version is not the expected one. */
  // deno-lint-ignore require-await
  async commit(writes: Writes, expected: Version): Promise<Version> {
    if (this.#closed) throw closedError("commit");
    checkVersion(expected);
    const sql = this.#sql;
    return this.#transaction("commit to", "beginWriting", () => {
      if (sql.advance.run(expected).changes !== 1) throw new StoreConflictError(expected, this.#version());
      for (const [key, value] of writes.records) {
        if (checkValue("record", key, value) === null) sql.deleteRecord.run(key);
        else sql.putRecord.run(key, value);
      }
      for (const [digest, value] of writes.blobs) {
        if (checkValue("blob", digest, value) === null) sql.deleteBlob.run(digest);
        else sql.putBlob.run(digest, value);
      }
      return expected + 1;
    });
  }

  /** Ends the use of this instance; its other calls reject with a TypeError from now on. */
  // deno-lint-ignore require-await
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#database.close();
  }

  #version(): Version {
    return this.#sql.version.get()!.number as Version;
  }

  #transaction<T>(what: string, begin: "begin" | "beginWriting", run: () => T): T {
    let begun = false;
    try {
      this.#sql[begin].run();
      begun = true;
      const result = run();
      this.#sql.commit.run();
      return result;
    } catch (error) {
      if (begun) this.#rollBack();
      throw this.#explained(what, error);
    }
  }

  #rollBack(): void {
    try {
      this.#sql.rollback.run();
    } catch {
      // SQLite has done it already, as it does when the disk is full or fails; the first error is the one to tell.
    }
  }

  #explained(what: string, error: unknown): unknown {
    const ours = error instanceof StoreConflictError || (error as { code?: string }).code !== "ERR_SQLITE_ERROR";
    if (ours) return error;
    const reason = isBusy(error) ? "another process holds its lock" : (error as Error).message;
    return new Error(`cannot ${what} the store ${this.#path}: ${reason}`, { cause: error });
  }
}

const STATEMENTS = {
  begin: "BEGIN",
  beginWriting: "BEGIN IMMEDIATE",
  commit: "COMMIT",
  rollback: "ROLLBACK",
  version: "SELECT number FROM version",
  advance: "UPDATE version SET number = number + 1 WHERE number = ?",
  records: "SELECT key, value FROM records",
  putRecord: "INSERT INTO records VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
  deleteRecord: "DELETE FROM records WHERE key = ?",
  readBlob: "SELECT value FROM blobs WHERE digest = ?",
  putBlob: "INSERT INTO blobs VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
  deleteBlob: "DELETE FROM blobs WHERE digest = ?",
} as const;
