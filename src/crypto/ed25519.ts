/**
 * Ed25519 keys and signed domains: the parts that the synchronous and the Web Crypto implementation share.
 * @module
 */
import type { Digest } from "../core/messages/ids.ts";
import { fromHex } from "../wire/codec/hex.ts";
import { signedDomain, type SignedKind } from "../wire/messages/domain.ts";
import { concatBytes } from "../core/tree/bytes.ts";

/** An Ed25519 key pair as lower-case hex: the 32-byte seed and the 32-byte public key. */
export interface KeyPair {
  /** The seed, 64 hex digits. It is secret. */
  readonly privateKey: string;
  /** The public key, 64 hex digits. */
  readonly publicKey: string;
}

/** Length of seeds and public keys, bytes. */
export const KEY_BYTES = 32;

/** An Ed25519 private key in PKCS #8 without the seed at its end (RFC 8410). */
export const PKCS8_PREFIX: Uint8Array = fromHex("302e020100300506032b657004220420");
/** An Ed25519 public key in SPKI without the key at its end (RFC 8410). */
export const SPKI_PREFIX: Uint8Array = fromHex("302a300506032b6570032100");

/** The PKCS #8 form of a seed. @throws {TypeError} if it is not 64 lower-case hex digits; the error does not repeat the secret. */
export function pkcs8(privateKey: string): Uint8Array<ArrayBuffer> {
  if (typeof privateKey !== "string" || !/^[0-9a-f]{64}$/.test(privateKey)) {
    throw new TypeError("privateKey: expected 64 lower-case hex digits, got something else");
  }
  return concatBytes([PKCS8_PREFIX, fromHex(privateKey)]);
}

/** The bytes of a public key; `undefined` if it is not 64 lower-case hex digits, or if its point is not canonical or of small order. */
export function publicKeyBytes(publicKey: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[0-9a-f]{64}$/.test(publicKey)) return undefined;
  const bytes = fromHex(publicKey);
  return isCanonical(bytes) && !isSmallOrder(bytes, 0) ? bytes : undefined;
}

/** The y coordinates of the points of small order, little-endian, without the sign bit. Each is in its one canonical form. */
const SMALL_ORDER: readonly Uint8Array[] = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map((hex) => fromHex(hex));

/**
 * Whether the 32 bytes from index `at` on are a point of small order. For such a public key, or such an R in a signature, libraries
 * differ on which signatures are valid. Replicas on different runtimes must agree, or a client could make batches
 * that only some of them accept. So such points are refused before the library is called.
 */
export function isSmallOrder(bytes: Uint8Array, at: number): boolean {
  return SMALL_ORDER.some((point) => {
    for (let i = 0; i < 31; i++) if (bytes[at + i] !== point[i]) return false;
    return (bytes[at + 31]! & 0x7f) === point[31];
  });
}

/** Whether the y coordinate is below p = 2^255 - 19. Node accepts some larger ones that Deno refuses. */
function isCanonical(bytes: Uint8Array): boolean {
  if ((bytes[31]! & 0x7f) !== 0x7f || bytes[0]! < 0xed) return true;
  for (let i = 1; i < 31; i++) if (bytes[i] !== 0xff) return true;
  return false;
}

/** The signed domains of one cluster and epoch. Each is built once per kind. */
export class Domains {
  readonly #cluster: Digest;
  readonly #epoch: number;
  readonly #byKind = new Map<SignedKind, Uint8Array>();

  /** Makes the domains of a cluster in an epoch. */
  constructor(cluster: Digest, epoch: number) {
    this.#cluster = cluster;
    this.#epoch = epoch;
    this.of("request"); // throws here, not later, if the cluster id or the epoch is not valid
  }

  /** The bytes that are signed in front of a message of this kind. */
  of(kind: SignedKind): Uint8Array {
    let domain = this.#byKind.get(kind);
    if (domain === undefined) {
      domain = signedDomain(this.#cluster, this.#epoch, kind);
      this.#byKind.set(kind, domain);
    }
    return domain;
  }
}
