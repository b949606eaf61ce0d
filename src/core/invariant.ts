/**
 * What must hold whatever the others do.
 * @module
 */

/**
 * An invariant does not hold. The step in which that is found is void, and so is what is in memory: the replica is read anew from its
 * store, without the input that led here.
 */
export class InvariantError extends Error {
  /** @ignore */
  override name = "InvariantError";
}

/**
 * This replica's own state differs from the one that a quorum has signed. No input can make it seem so, as one of any quorum's correct
 * members would have to lie; and no reading of the store mends it. So this replica must stop rather than vote for its state.
 */
export class DivergenceError extends InvariantError {}

/** Throws an {@linkcode InvariantError} unless `condition` holds. */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw new InvariantError(what);
}
