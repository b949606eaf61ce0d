/**
 * Why a store can't be used. Each error is one line that says what was expected, what is there, and the next step.
 * @module
 */

/** How whoever runs a replica says that it is to recover; what an error that asks for it ends with. */
export const HOW_TO_RECOVER =
  'start the replica as "recover" (--start recover, PBFT_START=recover): it fetches everything anew from the others';

/** The store holds something else than what was committed to it: it must be repaired, or replaced. */
export class CorruptStoreError extends Error {
  /** @ignore */
  override name = "CorruptStoreError";
  /** `what`: what can't be read, and why. */
  constructor(what: string, options?: ErrorOptions) {
    super(`the store is damaged: ${what}; ${HOW_TO_RECOVER}`, options);
  }
}

/** The store belongs to another replica or another cluster. */
export class ForeignStoreError extends Error {
  /** @ignore */
  override name = "ForeignStoreError";
}

/** What the start says does not fit the store: an empty one is to be resumed, or a used one is to be new. */
export class StartError extends Error {
  /** @ignore */
  override name = "StartError";
}

/** The store was written by a version of this package that is newer than this one. Nothing in it was changed. */
export class NewerStoreError extends Error {
  /** @ignore */
  override name = "NewerStoreError";
}

/** What the store lies in was removed or replaced while it was open: whatever is committed now may be gone after a restart. */
export class StoreGoneError extends Error {
  /** @ignore */
  override name = "StoreGoneError";
}

/** A call of the store did not end in time. What it was to do may still happen. */
export class StoreTimeoutError extends Error {
  /** @ignore */
  override name = "StoreTimeoutError";
}

/** Whether an error will be there again at each attempt until somebody does something about the store. */
export function isLasting(error: unknown): boolean {
  return [CorruptStoreError, ForeignStoreError, StartError, NewerStoreError, StoreGoneError].some((kind) =>
    error instanceof kind
  );
}
