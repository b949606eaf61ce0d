/**
 * The error of proofs of results.
 * @module
 */

/** A receipt, a change or an archived batch does not prove its content. */
export class ProofError extends Error {
  /** "ProofError". */
  override readonly name: string = "ProofError";
}

/** Calls `decode`. Its error becomes a {@linkcode ProofError} that names `what` it is about. */
export function attempt<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new ProofError(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
