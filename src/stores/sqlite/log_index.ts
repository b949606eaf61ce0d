/**
 * Where the last values of a SQLite store are in its log. It is in memory, and is made from the names in the log.
 * @module
 */
import { type Entries, REMOVED, type RowEntries } from "./row.ts";

/** The place of a value. Its row must stay until the value is replaced, removed or moved. */
export interface Place {
  readonly kind: "records" | "blobs";
  readonly name: string;
  /** The row. */
  readonly version: number;
  /** The offset in the row's records or blobs, bytes. */
  readonly at: number;
  readonly size: number;
}

interface IndexedRow {
  readonly bytes: number;
  /** The values of which this row has the last version. */
  readonly kept: Set<Place>;
}

/** The bytes that a row takes besides its values. */
const ROW_OVERHEAD = 64;

/** The index of one log. */
export class LogIndex {
  /** By version, ascending and without a gap. */
  readonly #rows = new Map<number, IndexedRow>();
  readonly #places = { records: new Map<string, Place>(), blobs: new Map<string, Place>() };
  #version = 0;
  #bytes = 0;

  /** The version of the last row. */
  get version(): number {
    return this.#version;
  }

  /** The size of all rows, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The number of rows. */
  get rows(): number {
    return this.#rows.size;
  }

  /** The place of a blob; `undefined`: it is not in the log. */
  blob(digest: string): Place | undefined {
    return this.#places.blobs.get(digest);
  }

  /** Adds the next row. */
  add(version: number, [records, blobs]: RowEntries, bytes: number): void {
    this.#rows.set(version, { bytes: bytes + ROW_OVERHEAD, kept: new Set() });
    this.#bytes += bytes + ROW_OVERHEAD;
    this.#version = version;
    this.#note("records", version, records);
    this.#note("blobs", version, blobs);
  }

  /** The values that must be moved before the oldest `rows` rows can be removed. The last row is not among them. */
  *oldest(rows: number): Generator<Place> {
    for (const [version, { kept }] of this.#rows) {
      if (rows-- === 0 || version === this.#version) return;
      yield* [...kept];
    }
  }

  /** Removes the oldest rows, at most `most`, up to the first one that has a value that is needed. Returns the oldest row that is left. */
  removeEmpty(most: number): number {
    for (const [version, { kept }] of this.#rows) {
      if (most-- === 0 || kept.size > 0 || version === this.#version) return version;
      this.#remove(version);
    }
    return this.#version;
  }

  /** Another instance has removed the rows before this version. */
  removeBefore(oldest: number): void {
    for (const version of this.#rows.keys()) {
      if (version >= oldest) return;
      this.#remove(version);
    }
  }

  #remove(version: number): void {
    const { bytes, kept } = this.#rows.get(version)!;
    for (const { kind, name } of kept) this.#places[kind].delete(name);
    this.#rows.delete(version);
    this.#bytes -= bytes;
  }

  /** A blob has been moved out of the log. */
  moveOut(digest: string): void {
    this.#forget("blobs", digest);
  }

  #note(kind: Place["kind"], version: number, entries: Entries): void {
    const { kept } = this.#rows.get(version)!;
    let at = 0;
    for (let i = 0; i < entries.length; i += 2) {
      const [name, size] = [entries[i] as string, entries[i + 1] as number];
      this.#forget(kind, name);
      if (size === REMOVED) continue;
      const place: Place = { kind, name, version, at, size };
      this.#places[kind].set(name, place);
      kept.add(place);
      at += size;
    }
  }

  #forget(kind: Place["kind"], name: string): void {
    const place = this.#places[kind].get(name);
    if (!place) return;
    this.#rows.get(place.version)?.kept.delete(place);
    this.#places[kind].delete(name);
  }
}
