/**
 * Explains SQLite's errors and the repair. Errors are recognized by their message, because not every runtime gives the code.
 * @module
 */
import { HOW_TO_RECOVER } from "../../node/storage/store_errors.ts";

/** How long to wait for a lock, ms. A lock is held during one commit or checkpoint, so one that lasts longer is stuck. */
const BUSY_TIMEOUT_MS = 5_000;
/** The shortest and the longest delay between attempts, ms. */
const RETRY = { firstMs: 1, mostMs: 50 };

/** The next step with a file that may be this replica's, but does not look so. Nothing is renamed that may be somebody else's. */
export const MOVE_AWAY = `if it was this replica's, it is damaged: move it away and ${HOW_TO_RECOVER}`;

/** A store's file cannot be opened. The message names the file and the reason, in one line. */
export class StoreOpenError extends Error {
  /** @ignore */
  /** `StoreOpenError`. */
  override name = "StoreOpenError";
  /** Whether the file is a damaged database of a replica. It may then be replaced by an empty one. */
  readonly isDamaged: boolean;

  /** Makes the error, as `Error` does. */
  constructor(
    message: string,
    { isDamaged = false, ...options }: ErrorOptions & { readonly isDamaged?: boolean } = {},
  ) {
    super(message, options);
    this.isDamaged = isDamaged;
  }
}

/**
 * Calls `run`, and repeats it while another process holds the lock, for at most five seconds. Other work runs in between.
 * @throws the error of `run`; after five seconds, that the database is locked.
 */
export async function untilFree<T>(run: () => T): Promise<T> {
  const began = performance.now();
  for (let delayMs = RETRY.firstMs;; delayMs = Math.min(2 * delayMs, RETRY.mostMs)) {
    try {
      return run();
    } catch (error) {
      if (!isBusy(error) || performance.now() - began > BUSY_TIMEOUT_MS) throw error;
    }
    // Random delays, so that two processes do not repeat at the same moment.
    await new Promise((resolve) => setTimeout(resolve, delayMs * (0.5 + Math.random())));
  }
}

/** Whether the error says that another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && /database (table )?is (locked|busy)/.test(error.message);
}

/** Whether the error says that the database is damaged. */
export function isDamaged(error: unknown): boolean {
  return error instanceof Error && /malformed|disk image|database corruption/.test(error.message);
}

/** The reason of an error, with the next step where there is one. */
export function whyNot(cause: unknown): string {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (/unable to open database file/.test(reason)) {
    return "the folder must exist, and the folder and the file must be readable and writable";
  }
  // The head of a damaged file may say so too.
  if (/readonly database/.test(reason)) return `the file and its folder must be writable; if they are: ${MOVE_AWAY}`;
  if (/not a database/.test(reason)) return `it is not a SQLite database; ${MOVE_AWAY}`;
  if (/disk is full/.test(reason)) return "the disk is full: free some space, and the replica continues by itself";
  if (/disk I\/O error/.test(reason)) return "the disk fails (disk I/O error)";
  if (isDamaged(cause)) return `it is damaged (${reason}); ${HOW_TO_RECOVER}`;
  if (isBusy(cause)) return `another process has held its lock for more than ${BUSY_TIMEOUT_MS} ms`;
  return reason;
}
