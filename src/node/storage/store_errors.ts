/**
 * Errors of stores. Each message is one line: the expected and the found value, and the next step.
 * @module
 */

/** The instruction to recover a replica, for the end of error messages. */
export const HOW_TO_RECOVER =
  'start the replica as "recover" (--start recover, PBFT_START=recover): it fetches all data from the other replicas';

/** The store does not contain what was committed to it. It must be repaired or replaced. */
export class CorruptStoreError extends Error {
  /** @ignore */
  override name = "CorruptStoreError";
  /** `what`: the part that can't be read, and why. */
  constructor(what: string, options?: ErrorOptions) {
    super(`the store is damaged: ${what}; ${HOW_TO_RECOVER}`, options);
  }
}

/** The store belongs to another replica or another cluster. */
export class ForeignStoreError extends Error {
  /** @ignore */
  override name = "ForeignStoreError";
}

/** The option `start` does not fit the store: `resume` with an empty one, or `new` with a used one. */
export class StartError extends Error {
  /** @ignore */
  override name = "StartError";
}

/** A newer version of this package wrote the store. Nothing in it was changed. */
export class NewerStoreError extends Error {
  /** @ignore */
  override name = "NewerStoreError";
}

/** The store is in another epoch: another instance of this replica has entered it. */
export class OtherEpochError extends Error {
  /** @ignore */
  override name = "OtherEpochError";
  /** `expected`: the epoch of the replica that is to run on the store; `found`: that of its records. */
  constructor(readonly expected: number, readonly found: number) {
    super(`the store is in another epoch: expected ${expected}, got ${found}: start the replica in that one`);
  }
}

/**
 * The store's file was removed or replaced while it was open. Data committed from now on might be missing after a
 * restart.
 */
export class StoreGoneError extends Error {
  /** @ignore */
  override name = "StoreGoneError";
}

/** A call of the store timed out. It may still take effect. */
export class StoreTimeoutError extends Error {
  /** @ignore */
  override name = "StoreTimeoutError";
}

/** Whether an error will occur again until an operator repairs the store. */
export function isLasting(error: unknown): boolean {
  return [CorruptStoreError, ForeignStoreError, StartError, NewerStoreError, OtherEpochError, StoreGoneError].some((
    kind,
  ) => error instanceof kind);
}
