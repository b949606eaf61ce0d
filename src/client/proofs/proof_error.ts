/**
 * The error of proofs of results.
 * @module
 */

/** A receipt or an archived batch does not prove its content. */
export class ProofError extends Error {
  /** "ProofError". */
  override readonly name: string = "ProofError";
}
