/**
 * Messages whose signature was found right, so that it isn't checked again when they come in a batch or a certificate.
 * @module
 */
import { equalBytes } from "../../core/tree/bytes.ts";
import type { Digest } from "../../core/messages/ids.ts";
import type { MessageKind } from "../../core/messages/messages.ts";

/** Up to `max` of them; the longest unused goes first. */
export class VerifiedMessages {
  readonly #max: number;
  /** Signature by kind and digest. The signer stands in the bytes that the digest is of. */
  readonly #signatures = new Map<string, Uint8Array>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether exactly this signature was found right for exactly this content. */
  has(kind: MessageKind, digest: Digest, signature: Uint8Array): boolean {
    const key = `${kind}/${digest}`;
    const known = this.#signatures.get(key);
    if (!known || !equalBytes(known, signature)) return false;
    this.#signatures.delete(key);
    this.#signatures.set(key, known);
    return true;
  }

  /** Notes that it is right. */
  add(kind: MessageKind, digest: Digest, signature: Uint8Array): void {
    const key = `${kind}/${digest}`;
    this.#signatures.delete(key);
    // A copy: the signature is a view of the frame or batch that it came in, which is not to be kept for it.
    this.#signatures.set(key, signature.slice());
    if (this.#signatures.size <= this.#max) return;
    for (const oldest of this.#signatures.keys()) {
      this.#signatures.delete(oldest);
      return;
    }
  }
}
