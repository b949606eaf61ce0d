/**
 * A store in one SQLite file, through the runtime's `node:sqlite`. It is the default for a replica that runs as a process.
 * @module
 */
import { renameSync, statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import type { Digest } from "../core/messages/ids.ts";
import { type Loaded, type Store, StoreConflictError, type Version, type Writes } from "../node/ports.ts";
import { CorruptStoreError } from "../node/storage/store_errors.ts";
import { checkVersion, closedError } from "./check.ts";
import { FileIdentity } from "./sqlite/file_identity.ts";
import { isDamaged, StoreOpenError, untilFree, whyNot } from "./sqlite/errors.ts";
import { openFile } from "./sqlite/file.ts";
import { changesOf, Log } from "./sqlite/log.ts";

export { StoreOpenError };

type What = "load from" | "read from" | "commit to";

/** Options of {@linkcode SqliteStore.open}. */
export interface SqliteStoreOptions {
  /** Whether a damaged database is renamed and replaced by an empty one. Set it for a start with `start: "recover"`. */
  readonly setsAside?: boolean;
}

/** A commit checks that the file still exists, unless this was checked less than this time ago, ms. */
const CHECK_MS = 100;

/**
 * Keeps a replica's records and blobs in a SQLite file (write-ahead log, `synchronous = FULL`). A commit is one
 * transaction and one sync of the log: when it resolves, its data survives a power loss. Several processes may
 * open one file; the second to commit at a version gets {@linkcode StoreConflictError}.
 *
 * A call blocks the thread while the disk works: a fraction of a millisecond for a usual commit. If another process holds the file's
 * lock, a call waits at most five seconds and does not block the thread.
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
  #database: DatabaseSync;
  #log: Log;
  #files: FileIdentity;
  #checkedAt = 0;
  #closed = false;

  private constructor(path: string, database: DatabaseSync) {
    this.#path = path;
    this.#database = database;
    this.#log = new Log(database, path);
    this.#files = new FileIdentity(path);
  }

  /**
   * Opens the file. Creates it if it does not exist; its folder must exist.
   * @throws {StoreOpenError} if the path cannot be read and written; if the file is not a database, belongs to another
   * application, has an unknown version, or is damaged; or if the runtime has no `node:sqlite`.
   */
  static async open(path: string, { setsAside = false }: SqliteStoreOptions = {}): Promise<SqliteStore> {
    try {
      return new SqliteStore(path, await openFile(path));
    } catch (error) {
      if (!setsAside || !(error instanceof StoreOpenError && error.isDamaged)) throw error;
      putAside(path);
      return new SqliteStore(path, await openFile(path));
    }
  }

  /** Reads every record, and their version. */
  async load(): Promise<Loaded> {
    if (this.#closed) throw closedError("load");
    // One transaction, so that all records are of one version although another process may commit.
    return await this.#transaction("load from", "BEGIN", () => this.#log.load());
  }

  /** Reads the blobs with these digests, in this order; `null` for a blob that is not in the store. */
  async read(digests: readonly Digest[]): Promise<readonly (Uint8Array | null)[]> {
    if (this.#closed) throw closedError("read");
    return await this.#transaction("read from", "BEGIN", () => this.#log.read(digests));
  }

  /** Applies all of `writes`, or none. @throws {StoreConflictError} if the store is not at the expected version. */
  async commit(writes: Writes, expected: Version): Promise<Version> {
    if (this.#closed) throw closedError("commit");
    checkVersion(expected);
    const changes = changesOf(writes);
    const log = this.#log;
    this.#checkFiles();
    if (!log.isPlain(changes, expected)) {
      return await this.#transaction("commit to", "BEGIN IMMEDIATE", () => log.commit(changes, expected));
    }
    return await this.#retried("commit to", () => log.append(changes, expected));
  }

  /** Closes this instance. Later calls reject with a `TypeError`. */
  // deno-lint-ignore require-await
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#database.close();
  }

  /** Reads the present version of the file, whichever process committed it. */
  async version(): Promise<Version> {
    if (this.#closed) throw closedError("version");
    return await this.#transaction("read from", "BEGIN", () => this.#log.version());
  }

  /** Checks that the file and its log are still those that were opened. @throws {StoreGoneError} if they are not. */
  // deno-lint-ignore require-await
  async check(): Promise<void> {
    if (!this.#closed) this.#files.check();
  }

  /** Renames the file and continues with an empty one. */
  async setAside(): Promise<void> {
    if (this.#closed) throw closedError("setAside");
    this.#database.close();
    putAside(this.#path);
    this.#database = await openFile(this.#path);
    this.#log = new Log(this.#database, this.#path);
    this.#files = new FileIdentity(this.#path);
  }

  /** Drops the pages of the file that SQLite keeps in memory. The operating system may still have them. */
  // deno-lint-ignore require-await
  async dropCache(): Promise<void> {
    if (!this.#closed) this.#database.exec("PRAGMA shrink_memory");
  }

  #checkFiles(): void {
    const now = performance.now();
    if (now < this.#checkedAt + CHECK_MS) return;
    this.#checkedAt = now;
    this.#files.check();
  }

  /** Runs a transaction. It has no `await` between begin and end, so no other call can run in between. */
  async #transaction<T>(what: What, begin: "BEGIN" | "BEGIN IMMEDIATE", run: () => T): Promise<T> {
    return await this.#retried(what, () => {
      let begun = false;
      try {
        this.#database.exec(begin);
        begun = true;
        const result = run();
        this.#database.exec("COMMIT");
        return result;
      } catch (error) {
        if (begun) this.#rollBack();
        throw error;
      }
    });
  }

  /** Repeats a call while another process holds the lock. */
  async #retried<T>(what: What, run: () => T): Promise<T> {
    try {
      return await untilFree(() => {
        // The store may have been closed while this call waited for the lock.
        if (this.#closed) throw closedError(what === "commit to" ? "commit" : "read");
        return run();
      });
    } catch (error) {
      throw this.#explained(what, error);
    }
  }

  #rollBack(): void {
    this.#log.reset();
    try {
      this.#database.exec("ROLLBACK");
    } catch {
      // SQLite has rolled back already, for example when the disk is full or fails. The first error is the one to report.
    }
  }

  #explained(what: What, error: unknown): unknown {
    const ours = error instanceof StoreConflictError || (error as { code?: string }).code !== "ERR_SQLITE_ERROR";
    if (ours) return error;
    if (isDamaged(error)) return new CorruptStoreError(`${this.#path}: ${(error as Error).message}`, { cause: error });
    return new Error(`cannot ${what} the store ${this.#path}: ${whyNot(error)}`, { cause: error });
  }
}

/** Renames a database and its log files, so that people can examine them. */
function putAside(path: string): void {
  const isThere = (suffix: string) => statSync(path + suffix, { throwIfNoEntry: false }) !== undefined;
  let number = 1;
  while (isThere(`.damaged-${number}`)) number++;
  for (const suffix of ["", "-wal", "-shm"]) {
    if (isThere(suffix)) renameSync(path + suffix, `${path}.damaged-${number}${suffix}`);
  }
}
