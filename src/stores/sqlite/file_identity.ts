/**
 * Detects that a database's files were removed, replaced or cut while it is open.
 * @module
 */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { StoreGoneError } from "../../node/storage/store_errors.ts";

/** The suffix of the log. Without it, commits since the last checkpoint are lost. */
const LOG = "-wal";
/** The files that hold data. */
const SUFFIXES = ["", LOG];
/** The smallest page, and so the smallest database, bytes. */
const MIN_PAGE = 512;
/** The head of a log, bytes, and how it begins; the last bit says in which order the checksums' bytes are. */
const LOG_HEAD = 32;
const LOG_MAGIC = 0x377f0682;

/** The identity of the files of one open database. */
export class FileIdentity {
  readonly #path: string;
  readonly #opened: readonly File[];

  /** Remembers the files that exist now. */
  constructor(path: string) {
    this.#path = path;
    this.#opened = SUFFIXES.map((suffix) => fileAt(path + suffix));
  }

  /** Checks that the files are still the same. @throws {StoreGoneError} if one was removed, replaced or cut. */
  check(): void {
    SUFFIXES.forEach((suffix, i) => {
      const opened = this.#opened[i]!;
      if (opened.identity === GONE) return;
      const path = this.#path + suffix;
      const found = fileAt(path);
      if (found.identity === GONE) throw gone(path, "removed");
      if (found.identity !== opened.identity) throw gone(path, "replaced");
      const isCut = suffix === LOG ? !beginsAsLog(path, found.size) : found.size < Math.min(MIN_PAGE, opened.size);
      if (isCut) throw gone(path, "cut");
    });
  }
}

interface File {
  readonly identity: string;
  readonly size: number;
}

const GONE = "gone";

function fileAt(path: string): File {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found ? { identity: `${found.dev}/${found.ino}`, size: Number(found.size) } : { identity: GONE, size: 0 };
}

/**
 * Whether a log is empty, or has its head. SQLite writes on where a log that was cut had ended, and leaves zeros before that. (The database itself must not be
 * opened here: to close it would drop the locks that SQLite has on it.)
 */
function beginsAsLog(path: string, size: number): boolean {
  if (size < LOG_HEAD) return true;
  const head = new Uint8Array(LOG_HEAD);
  const file = openSync(path, "r");
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  // The head ends with its checksum.
  return ((new DataView(head.buffer).getUint32(0) & ~1) >>> 0) === LOG_MAGIC &&
    head.subarray(-8).some((byte) => byte !== 0);
}

function gone(path: string, how: string): StoreGoneError {
  return new StoreGoneError(
    `the store's file ${path} was ${how} while the replica ran, ` +
      "so its votes could be lost at the next start. Stop the replica. Then put the file back, or start the replica with " +
      '"recover" (--start recover, PBFT_START=recover)',
  );
}
