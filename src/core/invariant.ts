/**
 * What must hold whatever the others do.
 * @module
 */

/** The replica's own invariant is broken; it must stop rather than lie. */
export class InvariantError extends Error {
  /** @ignore */
  override name = "InvariantError";
}

/** Throws an {@linkcode InvariantError} unless `condition` holds. */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw new InvariantError(what);
}
