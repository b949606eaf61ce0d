/**
 * Invariants: conditions that hold whatever the other replicas do.
 * @module
 */

/**
 * An invariant does not hold. The step that found this is void, and so is the state in memory: the replica is read anew
 * from its store, without the input that led here.
 */
export class InvariantError extends Error {
  /** @ignore */
  override name = "InvariantError";
}

/**
 * This replica's state differs from the one that a quorum has signed. No input can fake this, because a correct member
 * of the quorum would have to lie; and reading the store again does not repair it. So the replica must stop rather than
 * vote for its state.
 */
export class DivergenceError extends InvariantError {}

/** Throws an {@linkcode InvariantError} unless `condition` holds. */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw new InvariantError(what);
}
