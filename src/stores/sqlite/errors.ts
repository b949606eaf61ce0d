/**
 * What SQLite's errors mean, and what to do about them. By message: not every runtime gives the code.
 * @module
 */
import { HOW_TO_RECOVER } from "../../node/storage/store_errors.ts";

/** Locks are held for the time of one commit or checkpoint, so one that lasts this long is stuck. */
const BUSY_TIMEOUT_MS = 5_000;
/** The waits between attempts, ms. */
const RETRY = { firstMs: 1, mostMs: 50 };

/** A store's file can't be opened; the message says which and why, in one line. */
export class StoreOpenError extends Error {
  /** @ignore */
  /** `StoreOpenError`. */
  override name = "StoreOpenError";
  /** Whether there is a database that was a replica's, and is damaged: then another one can take its place. */
  readonly isDamaged: boolean;

  /** As an `Error`. */
  constructor(
    message: string,
    { isDamaged = false, ...options }: ErrorOptions & { readonly isDamaged?: boolean } = {},
  ) {
    super(message, options);
    this.isDamaged = isDamaged;
  }
}

/**
 * Runs this until no other process holds the lock, for five seconds at most; in between everything else has its turn.
 * @throws what `run` throws, at last that the lock is held.
 */
export async function untilFree<T>(run: () => T): Promise<T> {
  const began = performance.now();
  for (let delayMs = RETRY.firstMs;; delayMs = Math.min(2 * delayMs, RETRY.mostMs)) {
    try {
      return run();
    } catch (error) {
      if (!isBusy(error) || performance.now() - began > BUSY_TIMEOUT_MS) throw error;
    }
    // Jitter, so that two processes don't come back at the same moment.
    await new Promise((resolve) => setTimeout(resolve, delayMs * (0.5 + Math.random())));
  }
}

/** Whether another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  return error instanceof Error && /database (table )?is (locked|busy)/.test(error.message);
}

/** Whether the database can't be read for good. */
export function isDamaged(error: unknown): boolean {
  return error instanceof Error && /malformed|disk image|database corruption/.test(error.message);
}

/** SQLite's reason, with what to do about it where that helps. */
export function whyNot(cause: unknown): string {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (/unable to open database file/.test(reason)) {
    return "its folder must exist, and the folder and the file be readable and writable";
  }
  if (/readonly database/.test(reason)) return "the file and its folder must be writable";
  if (/not a database/.test(reason)) {
    return "it is not a SQLite database; if it was this replica's, move it away and " + HOW_TO_RECOVER;
  }
  if (/disk is full/.test(reason)) return "the disk is full: make room, and it goes on by itself";
  if (/disk I\/O error/.test(reason)) return "its disk fails (disk I/O error)";
  if (isDamaged(cause)) return `it is damaged (${reason}); ${HOW_TO_RECOVER}`;
  if (isBusy(cause)) return `another process has held its lock for more than ${BUSY_TIMEOUT_MS} ms`;
  return reason;
}
