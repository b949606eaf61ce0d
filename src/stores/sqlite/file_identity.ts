/**
 * Which file a path led to, and whether it still does.
 * @module
 */
import { statSync } from "node:fs";
import { StoreGoneError } from "../../node/storage/store_errors.ts";

/** What a database lies in beside its file. Without its log, what was committed since the last checkpoint is gone. */
const SUFFIXES = ["", "-wal"];

/** The files of one open database. */
export class FileIdentity {
  readonly #path: string;
  readonly #opened: readonly string[];

  /** Remembers what lies there now. */
  constructor(path: string) {
    this.#path = path;
    this.#opened = SUFFIXES.map((suffix) => identityOf(path + suffix));
  }

  /** @throws {StoreGoneError} if a file was removed or replaced since. */
  check(): void {
    SUFFIXES.forEach((suffix, i) => {
      const found = identityOf(this.#path + suffix);
      if (found === this.#opened[i] || this.#opened[i] === GONE) return;
      throw new StoreGoneError(
        `the store's file ${this.#path + suffix} was ${
          found === GONE ? "removed" : "replaced"
        } while the replica ran, ` +
          "so that what it says may be forgotten at the next start: stop the replica, put the file back, or start the replica " +
          'as "recover" (--start recover, PBFT_START=recover)',
      );
    });
  }
}

const GONE = "gone";

function identityOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found ? `${found.dev}/${found.ino}` : GONE;
}
