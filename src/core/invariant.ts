/**
 * Invariants: conditions that hold whatever the other replicas do.
 * @module
 */

/** Which invariant. */
export type InvariantKind =
  /** One digest is committed at each sequence number. */
  | "agreement"
  /**
   * This replica's state is the one that a quorum has signed. No input can break this, because a correct member of the quorum would have to
   * lie; and reading the store again does not repair it. So the replica must stop rather than vote for its state.
   */
  | "divergence"
  /** Numbers are executed one after the other. */
  | "execution-order"
  /** The low watermark never falls, and slots are between the watermarks. */
  | "watermarks"
  /** Views only grow. */
  | "views"
  /** Every part of the state that is used has been loaded. */
  | "loading"
  /** The store has what its records name. */
  | "store"
  /** Anything else. */
  | "internal";

/**
 * An invariant does not hold. The step that found this is void, and so is the state in memory: the replica is read anew
 * from its store, without the input that led here.
 */
export class InvariantError extends Error {
  /** @ignore */
  override name = "InvariantError";
  /** `kind` tells which invariant it is; that of code outside of the core is `internal`. */
  constructor(
    message: string,
    /** Which invariant does not hold. */
    readonly kind: InvariantKind = "internal",
  ) {
    super(message);
  }
}

/** Throws an {@linkcode InvariantError} unless `condition` holds. */
export function invariant(condition: boolean, kind: InvariantKind, what: string): asserts condition {
  if (!condition) throw new InvariantError(what, kind);
}
