/**
 * A replica's SQLite file: opened, told to be durable, and checked to be ours.
 * @module
 */
import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { isDamaged, StoreOpenError, untilFree, whyNot } from "./errors.ts";

type Sqlite = typeof import("node:sqlite");

/** "PBFT": marks the file, so that another program's database is never written to. */
const APPLICATION_ID = 0x50424654;
/** Grows when the tables change. What the records mean has a number of its own, see `identity.ts` of the node. */
const SCHEMA = 1;

/**
 * Opens or creates the file at `path`. Until it is known to be ours, and of a version that this code knows, nothing is written to it.
 * @throws {StoreOpenError} if it can't be used as a store.
 */
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
    checkKind(path);
    database = new DatabaseSync(path);
    await prepare(database);
    return database;
  } catch (cause) {
    try {
      database?.close();
    } catch {
      // The first error is the one to tell.
    }
    throw new StoreOpenError(`cannot open the store ${path}: ${whyNot(cause)}`, { cause, isDamaged: isDamaged(cause) });
  }
}

function importNodeSqlite(): Promise<Sqlite> {
  return import("node:sqlite");
}

/** The smallest page. */
const MIN_DATABASE_BYTES = 512;

/** SQLite says the same of a folder as of a file that may not be read, and takes a byte or two for an empty database. */
function checkKind(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isFile()) throw new Error(`expected a file, got ${found.isDirectory() ? "a folder" : "something else"}`);
  if (found.size > 0 && found.size < MIN_DATABASE_BYTES) throw new Error("file is not a database");
}

async function prepare(database: DatabaseSync): Promise<void> {
  // Whoever waits in SQLite for another process's lock stops this whole process.
  database.exec("PRAGMA busy_timeout = 0");
  await untilFree(() => checkOwner(database));
  const mode = await untilFree(() => toWal(database));
  if (mode !== "wal") throw new Error(`it must be in WAL mode, but the file system gives ${mode}`);
  // FULL: a commit is in the log, and the log on the disk, before it is acknowledged.
  // 1000 pages: the log is about 4 MB, is overwritten in place from then on (twice as fast as growing it),
  // and moves to the database every hundred commits or so. Less moves too often; more was slower, not faster.
  database.exec("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000");
  await untilFree(() => database.exec("BEGIN IMMEDIATE"));
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

/** Several instances may open a new file at once: then somebody holds the lock. */
function toWal(database: DatabaseSync): unknown {
  database.exec("PRAGMA journal_mode = WAL");
  return pragma(database, "journal_mode");
}

function checkOwner(database: DatabaseSync): void {
  // Deno 2.5 gives SQLite's reason for what `exec` fails at, and none for what `prepare` does.
  database.exec("SELECT count(*) FROM sqlite_master");
  const tables = database.prepare("SELECT count(*) AS n FROM sqlite_master").get()!.n;
  if (tables === 0) return;
  if (pragma(database, "application_id") !== APPLICATION_ID) {
    throw new Error("it is the database of another application");
  }
  const schema = pragma(database, "user_version") as number;
  if (schema === SCHEMA) return;
  throw new Error(
    `expected schema ${SCHEMA}, got ${schema}: it was written by ${
      schema > SCHEMA ? "a newer" : "another"
    } version of ` +
      "@pbft/edge. Nothing was changed; run that version on it",
  );
}

function pragma(database: DatabaseSync, name: string): unknown {
  return database.prepare(`PRAGMA ${name}`).get()?.[name];
}
