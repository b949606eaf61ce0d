/**
 * Signed messages: a message, its exact bytes and the signature.
 * @module
 */

/** A message with the exact bytes that were signed, and the signature over them. */
export interface SignedMessage<M extends { readonly kind: string }> {
  /** The decoded `bytes`. */
  readonly message: M;
  /** The message, encoded once by its sender. Nobody encodes it again. */
  readonly bytes: Uint8Array;
  /** Ed25519, 64 bytes. It covers the protocol version, cluster id, epoch, kind and `bytes`. */
  readonly signature: Uint8Array;
}

/**
 * Marks a message that has passed the gate: it is well-formed, within the limits, from a member, and all its
 * signatures, nested ones too, are valid.
 */
export type Verified<T> = T & { readonly "~verified": true };
