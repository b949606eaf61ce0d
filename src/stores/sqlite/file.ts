/**
 * Opens a replica's SQLite file, sets it up for durable commits, and checks that it belongs to this program.
 * @module
 */
import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { isDamaged, MOVE_AWAY, StoreOpenError, untilFree, whyNot } from "./errors.ts";
import { createTables, SCHEMA } from "./schema.ts";

/** The next step. A replica that keeps nothing has lost its disk at each start but its first. */
const WITHOUT_SQLITE =
  "Deno 2.2, Node 22.13 and later have it. Use one of these, or keep the state in memory (--memory, or memory in " +
  "place of the file), with a start as new the first time, and as recover each later time";

type Sqlite = typeof import("node:sqlite");

/** "PBFT" in ASCII. It marks the file, so that this program never writes to another program's database. */
const APPLICATION_ID = 0x50424654;

/**
 * Opens or creates the file at `path`. Writes nothing before it knows that the file is a store of a known version.
 * @throws {StoreOpenError} if the file cannot be used as a store.
 */
export async function openFile(
  path: string,
  importSqlite: () => Promise<Sqlite> = importNodeSqlite,
): Promise<DatabaseSync> {
  const { DatabaseSync } = await importSqlite().catch((cause) => {
    throw new StoreOpenError(
      `cannot open the store ${path}: this runtime has no node:sqlite; ${WITHOUT_SQLITE}`,
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
      // The first error is the one to report.
    }
    throw new StoreOpenError(`cannot open the store ${path}: ${whyNot(cause)}`, { cause, isDamaged: isDamaged(cause) });
  }
}

function importNodeSqlite(): Promise<Sqlite> {
  return import("node:sqlite");
}

/** The smallest size of a page, bytes. */
const MIN_DATABASE_BYTES = 512;

/** Checks the file's type and size. SQLite gives the same error for a folder and an unreadable file, and takes a file of a few bytes for an empty database. */
function checkKind(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isFile()) throw new Error(`expected a file, got ${found.isDirectory() ? "a folder" : "something else"}`);
  if (found.size > 0 && found.size < MIN_DATABASE_BYTES) throw new Error("file is not a database");
}

async function prepare(database: DatabaseSync): Promise<void> {
  // A wait for a lock inside SQLite would block this whole process.
  database.exec("PRAGMA busy_timeout = 0");
  await untilFree(() => checkOwner(database));
  const mode = await untilFree(() => toWal(database));
  if (mode !== "wal") throw new Error(`it must be in WAL mode, but the file system gives ${mode}`);
  // FULL: a commit is acknowledged only after it is in the log and the log is on the disk.
  // 1000 pages: the log grows to about 4 MB and is then overwritten in place, which is twice as fast as growing it. It is
  // copied to the database every hundred commits or so. A smaller value copies too often; larger ones were slower, not faster.
  database.exec("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1000");
  await untilFree(() => database.exec("BEGIN IMMEDIATE"));
  createTables(database, checkOwner(database));
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA}; COMMIT`);
}

/** Sets WAL mode. Fails with a lock error if another instance opens the new file at the same moment. */
function toWal(database: DatabaseSync): unknown {
  database.exec("PRAGMA journal_mode = WAL");
  return pragma(database, "journal_mode");
}

/** Checks that the file is a store of a schema that this version knows. Returns the schema; 0 if the file is empty. */
function checkOwner(database: DatabaseSync): number {
  // Deno 2.5 gives SQLite's reason for an error of `exec`, but not for one of `prepare`.
  database.exec("SELECT count(*) FROM sqlite_master");
  const tables = database.prepare("SELECT count(*) AS n FROM sqlite_master").get()!.n;
  if (tables === 0) return 0;
  if (pragma(database, "application_id") !== APPLICATION_ID) {
    throw new Error(`it is the database of another application; ${MOVE_AWAY}`);
  }
  const schema = pragma(database, "user_version") as number;
  if (schema >= 1 && schema <= SCHEMA) return schema;
  throw new Error(
    schema > SCHEMA
      ? `expected schema ${SCHEMA} at most, got ${schema}: a newer version of @pbft/edge wrote it. Nothing was changed; use that version to open it`
      : `expected schema 1 to ${SCHEMA}, got ${schema}; ${MOVE_AWAY}`,
  );
}

function pragma(database: DatabaseSync, name: string): unknown {
  return database.prepare(`PRAGMA ${name}`).get()?.[name];
}
