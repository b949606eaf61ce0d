/**
 * The tables of a SQLite store.
 *
 * - `log` has one row per commit, whose key is the version that the commit made. The rows are appended, so a usual commit changes one page.
 *   The last values of the records and of the newest blobs are in it. A trigger is the compare-and-set: it ignores a row that does not
 *   follow the last one. (A condition in the INSERT that reads the same table would make SQLite copy the row first.)
 * - `blobs` has the other blobs. It has rowids: its values are large, and a tree with keys and values together would be deep.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";
import { rowOf } from "./row.ts";

/** Grows when the tables change. The format of the records has another number: see `identity.ts` of the node. */
export const SCHEMA = 2;

/** Creates the tables in an empty file, or changes those of an earlier schema. Must be called in a transaction. */
export function createTables(database: DatabaseSync, found: number): void {
  database.exec(`
    CREATE TABLE IF NOT EXISTS log (
      version INTEGER PRIMARY KEY, names BLOB NOT NULL, sum TEXT NOT NULL, records BLOB NOT NULL, blobs BLOB NOT NULL);
    CREATE TRIGGER IF NOT EXISTS log_in_order BEFORE INSERT ON log
      WHEN NEW.version <> (SELECT max(version) FROM log) + 1 BEGIN SELECT RAISE(IGNORE); END;
    CREATE TABLE IF NOT EXISTS blobs (digest TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL)`);
  if (found === 1) moveRecords(database);
  else if (database.prepare("SELECT 1 FROM log LIMIT 1").get() === undefined) insert(database, 0, []);
}

/** Schema 1 had the version and the records in tables, one row per record. */
function moveRecords(database: DatabaseSync): void {
  const version = database.prepare("SELECT number FROM version").get()!.number as number;
  const records = database.prepare("SELECT key, value FROM records").all();
  insert(database, version, records.map(({ key, value }) => [key as string, value as Uint8Array] as const));
  database.exec("DROP TABLE version; DROP TABLE records");
}

function insert(database: DatabaseSync, version: number, values: readonly (readonly [string, Uint8Array])[]): void {
  const { names, sum, records, blobs } = rowOf(values, []);
  database.prepare("INSERT INTO log VALUES (?, ?, ?, ?, ?)").run(version, names, sum, records, blobs);
}
