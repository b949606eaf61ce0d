/**
 * Ed25519 for replicas, synchronous, through `node:crypto`. Deno, Node, Bun and workerd have it.
 * @module
 */
import type { KeyObject } from "node:crypto";
import type { Digest } from "../core/messages/ids.ts";
import type { Signer, Verifier } from "../node/ports.ts";
import { SIGNATURE_BYTES } from "../wire/messages/signed_items.ts";
import { toHex } from "../wire/codec/hex.ts";
import { BoundedCache } from "./bounded_cache.ts";
import { Domains, isSmallOrder, KEY_BYTES, type KeyPair, pkcs8, publicKeyBytes, SPKI_PREFIX } from "./ed25519.ts";
import { noteNewKey } from "./new_keys.ts";
import { concatBytes } from "../core/tree/bytes.ts";
import { nodeCrypto } from "./node_crypto.ts";

/** A verifier remembers at least this many imported public keys. Importing one costs 12 us or more. */
const REMEMBERED_KEYS = 4096;
/** Messages of at most this size are joined with their domain in memory that is used again, bytes. */
const MAX_SCRATCH_BYTES = 1024 * 1024;
/** Grows to the largest such message. */
let scratch = new Uint8Array(16 * 1024);

/** Makes a new key pair. A replica whose key this process generated may start on an empty store without `start: "new"`. */
export function generateKeyPair(): KeyPair {
  const made = importKeyPair(toHex(nodeCrypto().randomBytes(KEY_BYTES)));
  noteNewKey(made.publicKey);
  return made;
}

/**
 * The key pair of a 32-byte seed in hex.
 * @throws {TypeError} if it is not 64 lower-case hex digits.
 */
export function importKeyPair(privateKey: string): KeyPair {
  return { privateKey, publicKey: publicKeyOf(importPrivateKey(privateKey)) };
}

/**
 * Signs for `cluster` with the key of a 32-byte seed in hex. The same input gives the same signature.
 * @throws {TypeError} if the seed or the cluster id is not 64 lower-case hex digits; {@linkcode RangeError} if the
 * epoch is not a natural number.
 */
export function createSigner(privateKey: string, cluster: Digest, epoch: number = 0): Signer {
  const key = importPrivateKey(privateKey);
  const domains = new Domains(cluster, epoch);
  const { sign } = nodeCrypto();
  return {
    publicKey: publicKeyOf(key),
    sign: (kind, bytes) => new Uint8Array(sign(null, behind(domains.of(kind), bytes), key)),
  };
}

/**
 * Checks signatures that were made for `cluster`. `verify` never throws: it returns false for a malformed key or signature.
 * @throws {TypeError} if the cluster id is not 64 lower-case hex digits; {@linkcode RangeError} if the epoch is not a
 * natural number.
 */
export function createVerifier(cluster: Digest, epoch: number = 0): Verifier {
  const domains = new Domains(cluster, epoch);
  const keys = new BoundedCache<KeyObject>(REMEMBERED_KEYS);
  const { verify } = nodeCrypto();
  return {
    verify(publicKey, kind, bytes, signature) {
      if (signature.length !== SIGNATURE_BYTES || isSmallOrder(signature, 0)) return false;
      let key = keys.get(publicKey);
      if (key === undefined) {
        key = importPublicKey(publicKey);
        if (key === undefined) return false;
        keys.set(publicKey, key);
      }
      return verify(null, behind(domains.of(kind), bytes), key, signature);
    },
  };
}

function importPrivateKey(privateKey: string): KeyObject {
  // `never`: every runtime accepts bytes here, but the types require a Buffer, which only some runtimes have.
  return nodeCrypto().createPrivateKey({ key: pkcs8(privateKey) as never, format: "der", type: "pkcs8" });
}

function importPublicKey(publicKey: string): KeyObject | undefined {
  const bytes = publicKeyBytes(publicKey);
  if (bytes === undefined) return undefined;
  try {
    return nodeCrypto().createPublicKey({
      key: concatBytes([SPKI_PREFIX, bytes]) as never,
      format: "der",
      type: "spki",
    });
  } catch {
    return undefined;
  }
}

function publicKeyOf(key: KeyObject): string {
  const spki = nodeCrypto().createPublicKey(key).export({ format: "der", type: "spki" });
  return toHex(new Uint8Array(spki).subarray(SPKI_PREFIX.length));
}

/** The domain followed by the message. It is valid until the next call. */
function behind(domain: Uint8Array, bytes: Uint8Array): Uint8Array {
  const length = domain.length + bytes.length;
  if (length > MAX_SCRATCH_BYTES) return concatBytes([domain, bytes]);
  if (length > scratch.length) scratch = new Uint8Array(Math.min(MAX_SCRATCH_BYTES, 2 * length));
  scratch.set(domain);
  scratch.set(bytes, domain.length);
  return scratch.subarray(0, length);
}
