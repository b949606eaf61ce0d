/**
 * SHA-256 and Ed25519, as in production: the client library has no others.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import { createSigner, createVerifier, importKeyPair, sha256 } from "../../crypto/mod.ts";
import type { Signer, Verifier } from "../../node/ports.ts";
import { type SignedKind, utf8 } from "../../wire/mod.ts";
import { fingerprint, type SimulatedCryptography } from "../world/cryptography.ts";

/** Something that was signed in this simulation. */
interface Known {
  readonly publicKey: string;
  readonly place: string;
  readonly bytes: number;
}

/** Real signatures. Those that were made in the simulation itself are not computed again by its replicas: each would be verified by many. */
export class RealCryptography implements SimulatedCryptography {
  readonly #made = new Map<number, Known>();

  readonly hash: SimulatedCryptography["hash"] = sha256;

  keyPair(name: string): { readonly privateKey: string; readonly publicKey: string } {
    return importKeyPair(sha256(utf8(`private ${name}`)));
  }

  readonly createSigner = (privateKey: string, cluster: Digest, epoch?: number): Signer => {
    const { publicKey, sign } = createSigner(privateKey, cluster, epoch);
    return {
      publicKey,
      sign: (kind, bytes) => {
        const signature = sign(kind, bytes);
        const place = placeOf(kind, cluster, epoch);
        this.#made.set(fingerprint(signature), { publicKey, place, bytes: fingerprint(bytes) });
        return signature;
      },
    };
  };

  readonly createVerifier = (cluster: Digest, epoch?: number): Verifier => {
    const verifier = createVerifier(cluster, epoch);
    return {
      verify: (publicKey, kind, bytes, signature) => {
        const known = this.#made.get(fingerprint(signature));
        const isKnown = known?.publicKey === publicKey && known.place === placeOf(kind, cluster, epoch) &&
          known.bytes === fingerprint(bytes);
        return isKnown || verifier.verify(publicKey, kind, bytes, signature);
      },
    };
  };
}

function placeOf(kind: SignedKind, cluster: Digest, epoch = 0): string {
  return `${kind} ${epoch} ${cluster}`;
}
