/**
 * The rows of the log of a SQLite store. One row is one commit: the names of its records and blobs with the sizes of their values, and the
 * values one after the other.
 * @module
 */
import { concatBytes } from "../../core/tree/bytes.ts";
import { sha256 } from "../../crypto/sha256.ts";

/** The size of a removed value. */
export const REMOVED = -1;

/** Names and sizes in turn, in the order of the values: `["a", 3, "b", -1]`. */
export type Entries = (string | number)[];

/** The entries of the records and those of the blobs. */
export type RowEntries = readonly [records: Entries, blobs: Entries];

/** The values of one commit. */
export type Values = readonly (readonly [name: string, value: Uint8Array | null])[];

/** One commit, as it is stored. */
export interface Row {
  readonly entries: RowEntries;
  /** The entries as JSON in UTF-8. */
  readonly names: Uint8Array;
  /** A checksum of `names` and `records`. The blobs need none: each is checked against its digest when it is read. */
  readonly sum: string;
  readonly records: Uint8Array;
  readonly blobs: Uint8Array;
}

/** Half of a SHA-256, in hex digits: the sum detects a failing disk, not an attack. */
const SUM_DIGITS = 32;
const utf8 = new TextEncoder();

/** Makes the row of a commit. */
export function rowOf(records: Values, blobs: Values): Row {
  const entries: RowEntries = [entriesOf(records), entriesOf(blobs)];
  const names = utf8.encode(JSON.stringify(entries));
  const bytes = bytesOf(records);
  return { entries, names, sum: sumOf(names, bytes), records: bytes, blobs: bytesOf(blobs) };
}

/** The entries of a row. `null`: the row is damaged. */
export function readEntries({ names, sum, records }: Pick<Row, "names" | "sum" | "records">): RowEntries | null {
  return sumOf(names, records) === sum ? JSON.parse(new TextDecoder().decode(names)) : null;
}

function entriesOf(values: Values): Entries {
  return values.flatMap(([name, value]) => [name, value === null ? REMOVED : value.length]);
}

function bytesOf(values: Values): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [, value] of values) if (value !== null) parts.push(value);
  return parts.length === 1 ? parts[0]! : concatBytes(parts);
}

function sumOf(names: Uint8Array, records: Uint8Array): string {
  return sha256(concatBytes([names, records])).slice(0, SUM_DIGITS);
}
