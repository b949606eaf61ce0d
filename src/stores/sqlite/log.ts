/**
 * The log of a SQLite store: what it reads and what it appends. The log is kept short: when it is long, a commit moves what is still
 * needed of the oldest rows, records to its own row and blobs to their table, and removes those rows.
 *
 * Each method but {@linkcode Log.append} must be called in a transaction.
 * @module
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Digest } from "../../core/messages/ids.ts";
import { type Loaded, StoreConflictError, type Version, type Writes } from "../../node/ports.ts";
import { CorruptStoreError } from "../../node/storage/store_errors.ts";
import { checkValue } from "../check.ts";
import { LogIndex, type Place } from "./log_index.ts";
import { type Entries, readEntries, REMOVED, type Row, rowOf, type Values } from "./row.ts";

/** How long the log may become. */
export interface LogLimits {
  /** The log is shortened when it has more rows, */
  readonly rows: number;
  /** or more bytes. At a start all its names and records are read. */
  readonly bytes: number;
  /** The most bytes that a commit moves, besides as many as it writes itself, so that the log does not outgrow this. */
  readonly movedBytes: number;
  /** The most rows that a commit removes, so that no single commit is slow. */
  readonly removedRows: number;
}

/**
 * A commit that removes blobs mostly follows a stable checkpoint, and many old rows are needed no more. If at most this many bytes of
 * records are in their way, they are moved: the fewer pages the log has, the fewer are copied from SQLite's write-ahead log.
 */
const TIDIED_BYTES = 8 * 1024;

const LIMITS: LogLimits = { rows: 2_048, bytes: 16 * 1024 * 1024, movedBytes: 256 * 1024, removedRows: 256 };
/** A commit with more blobs is a checkpoint or a state transfer. These blobs live long and go to their table at once. */
const MAX_LOGGED_BLOBS = 8;

/** The changes of one commit, checked. */
export interface Changes {
  readonly records: Values;
  /** The blobs that go into the log, and those that are removed. */
  readonly blobs: Values;
  /** The blobs that go to their table. */
  readonly stored: readonly (readonly [digest: string, value: Uint8Array])[];
}

/** Checks and sorts the changes of a commit. @throws {TypeError} if a value is neither bytes nor `null`. */
export function changesOf(writes: Writes): Changes {
  const records = Array.from(writes.records, ([key, value]) => [key, checkValue("record", key, value)] as const);
  const blobs = Array.from(writes.blobs, ([digest, value]) => [digest, checkValue("blob", digest, value)] as const);
  const stored = blobs.flatMap(([digest, value]) => value === null ? [] : [[digest, value] as const]);
  if (stored.length <= MAX_LOGGED_BLOBS) return { records, blobs, stored: [] };
  return { records, blobs: blobs.filter(([, value]) => value === null), stored };
}

type Statements = Readonly<Record<keyof typeof STATEMENTS, StatementSync>>;

/** The log of one open database. */
export class Log {
  readonly #path: string;
  readonly #limits: LogLimits;
  readonly #sql: Statements;
  /** `null`: it must be read, because nothing was read yet or a transaction failed. */
  #index: LogIndex | null = null;

  constructor(database: DatabaseSync, path: string, limits: LogLimits = LIMITS) {
    this.#path = path;
    this.#limits = limits;
    this.#sql = Object.fromEntries(
      Object.entries(STATEMENTS).map(([name, sql]) => [name, database.prepare(sql)]),
    ) as Statements;
  }

  /** The version of the store. */
  version(): Version {
    return this.#sql.version.get()!.number as Version;
  }

  /** Reads all records. */
  load(): Loaded {
    const values = new Map<string, Uint8Array>();
    const index = this.#index = new LogIndex();
    this.#readRows(index, (entries, records) => {
      let at = 0;
      for (let i = 0; i < entries.length; i += 2) {
        const [name, size] = [entries[i] as string, entries[i + 1] as number];
        if (size === REMOVED) values.delete(name);
        else values.set(name, records.subarray(at, at += size));
      }
    });
    // Copies, because a part of a row would keep the whole row in memory.
    return { version: index.version, records: new Map(Array.from(values, ([name, value]) => [name, value.slice()])) };
  }

  /** Reads blobs; `null` for one that does not exist. */
  read(digests: readonly Digest[]): readonly (Uint8Array | null)[] {
    const index = this.#current();
    return digests.map((digest) => {
      const place = index.blob(digest);
      if (place) return this.#value(place);
      return (this.#sql.readBlob.get(digest)?.value as Uint8Array | undefined) ?? null;
    });
  }

  /** Whether a commit only has to append a row. */
  isPlain({ blobs, stored }: Changes, expected: Version): boolean {
    if (this.#index?.version !== expected || this.#isLong(this.#index)) return false;
    return stored.length === 0 && blobs.every(([, value]) => value !== null);
  }

  /** Makes a plain commit. It is one statement, and so a transaction by itself. @throws {StoreConflictError} */
  append({ records, blobs }: Changes, expected: Version): Version {
    return this.#append(this.#index!, rowOf(records, blobs), expected);
  }

  /** Makes any commit. @throws {StoreConflictError} */
  commit({ records, stored: all, ...rest }: Changes, expected: Version): Version {
    const index = this.#current();
    if (index.version !== expected) throw new StoreConflictError(expected, index.version);
    // The log counts before the table. So a blob that the log has, as one that is repaired, is written there again.
    const blobs = [...rest.blobs, ...all.filter(([digest]) => index.blob(digest as Digest))];
    const stored = all.filter(([digest]) => !index.blob(digest as Digest));
    for (const [digest, value] of blobs) if (value === null) this.#sql.deleteBlob.run(digest);
    for (const [digest, value] of stored) this.#sql.putBlob.run(digest, value);
    const written = new Set([...records, ...blobs].map(([name]) => name));
    const moved = this.#isLong(index)
      ? this.#move(index, written, { maxBytes: this.#limits.movedBytes + bytesOf(records, blobs, stored), blobs: true })
      : this.#move(index, written, { maxBytes: TIDIED_BYTES, blobs: false });
    const version = this.#append(index, rowOf([...moved, ...records], blobs), expected);
    this.#sql.removeRows.run(index.removeEmpty(this.#limits.removedRows));
    return version;
  }

  /** A transaction failed: the copy in memory may differ from the file. */
  reset(): void {
    this.#index = null;
  }

  #append(index: LogIndex, row: Row, expected: Version): Version {
    const { names, sum, records, blobs } = row;
    if (this.#sql.append.run(expected + 1, names, sum, records, blobs).changes !== 1) {
      throw new StoreConflictError(expected, this.version());
    }
    index.add(expected + 1, row.entries, sizeOf(row));
    return expected + 1;
  }

  #isLong(index: LogIndex): boolean {
    return index.rows > this.#limits.rows || index.bytes > this.#limits.bytes;
  }

  /**
   * Moves values out of the oldest rows: blobs to their table; the records are returned. `written`: what the commit itself writes or
   * removes, which must not be moved: a removed blob would come back.
   */
  #move(
    index: LogIndex,
    written: ReadonlySet<string>,
    { maxBytes, blobs }: { readonly maxBytes: number; readonly blobs: boolean },
  ): Values {
    const moved: (readonly [string, Uint8Array])[] = [];
    let bytes = 0;
    for (const place of index.oldest(this.#limits.removedRows)) {
      const { kind, name, size } = place;
      if (written.has(name)) continue;
      bytes += size;
      // A value that is larger than this is moved by itself, or the log could never be shortened.
      if (kind === "blobs" && !blobs) break;
      if (bytes > maxBytes && bytes > size) break;
      if (kind === "records") moved.push([name, this.#value(place)]);
      else {
        this.#sql.putBlob.run(name, this.#value(place));
        index.moveOut(name);
      }
    }
    return moved;
  }

  /** The index, with the commits of other instances. */
  #current(): LogIndex {
    const { oldest, newest } = this.#sql.range.get() as { oldest: Version; newest: Version };
    const known = this.#index;
    if (known?.version === newest) return known;
    const isBehind = known !== null && known.version < newest && known.version + 1 >= oldest;
    const index = this.#index = isBehind ? known : new LogIndex();
    this.#readRows(index);
    index.removeBefore(oldest);
    return index;
  }

  /** Adds the rows that are not in the index. `each`: called with the names and the values of the records of each row. */
  #readRows(index: LogIndex, each: (entries: Entries, records: Uint8Array) => void = () => {}): void {
    const after = index.rows === 0 ? -1 : index.version;
    for (const found of this.#sql.rows.all(after)) {
      const row = found as unknown as Pick<Row, "names" | "sum" | "records"> & {
        readonly version: Version;
        readonly size: number;
      };
      // Pages that lie in each other's place give rows of another table.
      const isRow = [row.names, row.records].every((value) => value instanceof Uint8Array) && row.size !== null;
      const entries = isRow ? readEntries(row) : null;
      const isNext = index.rows === 0 || row.version === index.version + 1;
      if (!entries || !isNext) {
        this.#index = null;
        throw new CorruptStoreError(
          `${this.#path}: row ${row.version} of its log ${isNext ? "has a wrong checksum" : "follows a gap"}`,
        );
      }
      index.add(row.version, entries, row.names.length + row.records.length + row.size);
      each(entries[0], row.records);
    }
  }

  #value({ kind, version, at, size }: Place): Uint8Array {
    const row = this.#sql[kind].get(at + 1, size, version);
    // SQLite may give NULL for a part of an empty value.
    if (row) return (row.value ?? new Uint8Array(0)) as Uint8Array;
    throw new CorruptStoreError(`${this.#path}: row ${version} of its log is missing`);
  }
}

function bytesOf(...lists: readonly Values[]): number {
  return lists.flat().reduce((sum, [, value]) => sum + (value?.length ?? 0), 0);
}

function sizeOf({ names, records, blobs }: Row): number {
  return names.length + records.length + blobs.length;
}

const STATEMENTS = {
  version: "SELECT max(version) AS number FROM log",
  range: "SELECT (SELECT min(version) FROM log) AS oldest, (SELECT max(version) FROM log) AS newest",
  rows: "SELECT version, names, sum, records, length(blobs) AS size FROM log WHERE version > ? ORDER BY version",
  records: "SELECT substr(records, ?, ?) AS value FROM log WHERE version = ?",
  blobs: "SELECT substr(blobs, ?, ?) AS value FROM log WHERE version = ?",
  // A trigger ignores a row that does not follow the last one: see `schema.ts`.
  append: "INSERT INTO log VALUES (?, ?, ?, ?, ?)",
  removeRows: "DELETE FROM log WHERE version < ?",
  readBlob: "SELECT value FROM blobs WHERE digest = ?",
  putBlob: "INSERT INTO blobs VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
  deleteBlob: "DELETE FROM blobs WHERE digest = ?",
} as const;
