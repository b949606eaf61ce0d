/**
 * Detects that a database's files were removed or replaced while it is open.
 * @module
 */
import { statSync } from "node:fs";
import { StoreGoneError } from "../../node/storage/store_errors.ts";

/** The suffixes of the files that hold data. Without the log, commits since the last checkpoint are lost. */
const SUFFIXES = ["", "-wal"];

/** The identity of the files of one open database. */
export class FileIdentity {
  readonly #path: string;
  readonly #opened: readonly string[];

  /** Remembers the files that exist now. */
  constructor(path: string) {
    this.#path = path;
    this.#opened = SUFFIXES.map((suffix) => identityOf(path + suffix));
  }

  /** Checks that the files are still the same. @throws {StoreGoneError} if one was removed or replaced. */
  check(): void {
    SUFFIXES.forEach((suffix, i) => {
      const found = identityOf(this.#path + suffix);
      if (found === this.#opened[i] || this.#opened[i] === GONE) return;
      throw new StoreGoneError(
        `the store's file ${this.#path + suffix} was ${
          found === GONE ? "removed" : "replaced"
        } while the replica ran, ` +
          "so its votes could be lost at the next start. Stop the replica. Then put the file back, or start the replica with " +
          '"recover" (--start recover, PBFT_START=recover)',
      );
    });
  }
}

const GONE = "gone";

function identityOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found ? `${found.dev}/${found.ino}` : GONE;
}
