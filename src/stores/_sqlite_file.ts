/**
 * A replica's SQLite file: opened, told to be durable, and checked to be ours.
 * @module
 */
import type { DatabaseSync } from "node:sqlite";

type Sqlite = typeof import("node:sqlite");

/** "PBFT": marks the file, so that another program's database is never written to. */
const APPLICATION_ID = 0x50424654;
/** Grows when the tables change. */
const SCHEMA = 1;
/** Locks are held for the time of one commit or checkpoint, so one that lasts this long is stuck. */
const BUSY_TIMEOUT_MS = 5_000;

/** A store's file can't be opened; the message says which and why, in one line. */
export class StoreOpenError extends Error {
  /** @ignore */
  /** `StoreOpenError`. */
  override name = "StoreOpenError";
}

/** Opens or creates the file at `path`. @throws {StoreOpenError} if it can't be used as a store. */
export async function openFile(
  path: string,
  importSqlite: () => Promise<Sqlite> = importNodeSqlite,
): Promise<DatabaseSync> {
  const { DatabaseSync } = await importSqlite().catch((cause) => {
    throw new StoreOpenError(
      `cannot open the store ${path}: this runtime has no node:sqlite; Deno 2.2, Node 22.13 and later have it`,
      { cause },
    );
  });
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    prepare(database);
    return database;
  } catch (cause) {
    database?.close();
    throw new StoreOpenError(`cannot open the store ${path}: ${explain(cause)}`, { cause });
  }
}

function importNodeSqlite(): Promise<Sqlite> {
  return import("node:sqlite");
}

function prepare(database: DatabaseSync): void {
  database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  checkOwner(database);
  const mode = toWal(database);
  if (mode !== "wal") throw new Error(`it must be in WAL mode, but the file system gives ${mode}`);
  // FULL: a commit is in the log, and the log on the disk, before it is acknowledged.
  // 1000 pages: the log is about 4 MB, is overwritten in place from then on (twice as fast as growing it),
  // and moves to the database every hundred commits or so. Less moves too often; more was slower, not faster.
  database.exec("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000");
  database.exec("BEGIN IMMEDIATE");
  checkOwner(database);
  // `blobs` has rowids: its values are large, and a tree that holds them beside their keys would be deep.
  database.exec(`
    CREATE TABLE IF NOT EXISTS version (number INTEGER NOT NULL);
    INSERT INTO version SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM version);
    CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS blobs (digest TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL);
    PRAGMA application_id = ${APPLICATION_ID};
    PRAGMA user_version = ${SCHEMA};
    COMMIT`);
}

/** SQLite does not wait for a lock when it changes the mode, and several instances may open a new file at once. */
function toWal(database: DatabaseSync): unknown {
  for (let attempt = 1;; attempt++) {
    try {
      database.exec("PRAGMA journal_mode = WAL");
      return pragma(database, "journal_mode");
    } catch (error) {
      if (attempt === 50 || !isBusy(error)) throw error;
      // Waits, in the only way a synchronous database offers, until whoever holds the lock is done.
      database.exec("BEGIN IMMEDIATE; ROLLBACK");
    }
  }
}

function checkOwner(database: DatabaseSync): void {
  // Deno 2.5 gives SQLite's reason for what `exec` fails at, and none for what `prepare` does.
  database.exec("SELECT count(*) FROM sqlite_master");
  const tables = database.prepare("SELECT count(*) AS n FROM sqlite_master").get()!.n;
  if (tables === 0) return;
  if (pragma(database, "application_id") !== APPLICATION_ID) {
    throw new Error("it is the database of another application");
  }
  const schema = pragma(database, "user_version");
  if (schema !== SCHEMA) {
    throw new Error(`expected schema ${SCHEMA}, got ${schema}: it was written by another version of this module`);
  }
}

function pragma(database: DatabaseSync, name: string): unknown {
  return database.prepare(`PRAGMA ${name}`).get()?.[name];
}

/** Whether another connection held the lock for longer than we wait. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && /database (table )?is (locked|busy)/.test(error.message);
}

/** SQLite's reason, with what to do about it where that helps. By message: not every runtime gives the code. */
function explain(cause: unknown): string {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (/unable to open database file/.test(reason)) {
    return "its folder must exist, and the folder and the file be readable and writable";
  }
  if (/readonly database/.test(reason)) return "the file and its folder must be writable";
  if (/not a database/.test(reason)) return "it is not a SQLite database";
  if (isBusy(cause)) return `another process has held its lock for more than ${BUSY_TIMEOUT_MS} ms`;
  return reason;
}
