/**
 * Cache of verified signatures, so that a message is not verified again when it comes in a batch or a certificate.
 * @module
 */
import { equalBytes } from "../../core/tree/bytes.ts";
import type { Digest } from "../../core/messages/ids.ts";
import type { MessageKind } from "../../core/messages/messages.ts";

/** A cache of at most `max` signatures. The least recently used is removed first. */
export class VerifiedMessages {
  readonly #max: number;
  /** Signature by kind and digest. The signer is part of the bytes that the digest covers. */
  readonly #signatures = new Map<string, Uint8Array>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether exactly this signature was found valid for exactly this content. */
  has(kind: MessageKind, digest: Digest, signature: Uint8Array): boolean {
    const key = `${kind}/${digest}`;
    const known = this.#signatures.get(key);
    if (!known || !equalBytes(known, signature)) return false;
    this.#signatures.delete(key);
    this.#signatures.set(key, known);
    return true;
  }

  /** Records that the signature is valid. */
  add(kind: MessageKind, digest: Digest, signature: Uint8Array): void {
    const key = `${kind}/${digest}`;
    this.#signatures.delete(key);
    // A copy: the signature is a view into the frame or batch it came in, which would be kept in memory otherwise.
    this.#signatures.set(key, signature.slice());
    if (this.#signatures.size <= this.#max) return;
    for (const oldest of this.#signatures.keys()) {
      this.#signatures.delete(oldest);
      return;
    }
  }
}
