/**
 * Signatures and hashes through Web Crypto, for clients in browsers: in Deno and in Node 20 too. `client.ts` chooses. Keys, digests and
 * signatures are the same as those of the synchronous implementation (`mod.ts`).
 * @module
 */
import type { Genesis } from "../core/config.ts";
import type { Digest } from "../core/messages/ids.ts";
import { encodeGenesis } from "../wire/genesis.ts";
import { SIGNATURE_BYTES } from "../wire/messages/signed_items.ts";
import type { SignedKind } from "../wire/messages/domain.ts";
import { toHex } from "../wire/codec/hex.ts";
import { BoundedCache } from "./bounded_cache.ts";
import { Domains, isSmallOrder, KEY_BYTES, type KeyPair, pkcs8, publicKeyBytes } from "./ed25519.ts";
import { concatBytes } from "../core/tree/bytes.ts";

export type { KeyPair };

/** Signs messages with one key. */
export interface WebSigner {
  /** The public key, 64 lower-case hex digits. */
  readonly publicKey: string;
  /** The Ed25519 signature over the kind's domain and `bytes`, 64 bytes. */
  sign(kind: SignedKind, bytes: Uint8Array): Promise<Uint8Array>;
}

/** Checks signatures. */
export interface WebVerifier {
  /**
   * Whether `signature` was made with the key of `publicKey` (64 lower-case hex digits) over the kind's domain and `bytes`. Never
   * rejects: a malformed key or signature gives `false`.
   */
  verify(publicKey: string, kind: SignedKind, bytes: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

const ED25519 = "Ed25519";
/** A verifier remembers at least this many imported public keys. A client sees only those of the members. */
const REMEMBERED_KEYS = 256;

/** The SHA-256 of `bytes`. */
export async function webSha256(bytes: Uint8Array): Promise<Digest> {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as BufferSource))) as Digest;
}

/** The cluster id: the hash of the genesis. Rejects with a `TypeError` or `RangeError` if the genesis cannot be encoded. */
export async function webClusterId(genesis: Genesis): Promise<Digest> {
  return await webSha256(encodeGenesis(genesis));
}

/** Makes a new key pair. */
export async function generateWebKeyPair(): Promise<KeyPair> {
  return await importWebKeyPair(toHex(crypto.getRandomValues(new Uint8Array(KEY_BYTES))));
}

/** The key pair of a 32-byte seed in hex. Rejects with a `TypeError` if it is not 64 lower-case hex digits. */
export async function importWebKeyPair(privateKey: string): Promise<KeyPair> {
  const key = await crypto.subtle.importKey("pkcs8", pkcs8(privateKey), ED25519, true, ["sign"]);
  const { x } = await crypto.subtle.exportKey("jwk", key);
  const binary = atob((x ?? "").replaceAll("-", "+").replaceAll("_", "/"));
  return { privateKey, publicKey: toHex(Uint8Array.from(binary, (character) => character.charCodeAt(0))) };
}

/**
 * Signs for `cluster` with the key of a 32-byte seed in hex. Rejects with a `TypeError` if the seed or the cluster id is not 64
 * lower-case hex digits.
 */
export async function createWebSigner(privateKey: string, cluster: Digest, epoch: number = 0): Promise<WebSigner> {
  const domains = new Domains(cluster, epoch);
  const { publicKey } = await importWebKeyPair(privateKey);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8(privateKey), ED25519, false, ["sign"]);
  return {
    publicKey,
    async sign(kind, bytes) {
      return new Uint8Array(await crypto.subtle.sign(ED25519, key, concatBytes([domains.of(kind), bytes])));
    },
  };
}

/**
 * Checks signatures that were made for `cluster`.
 * @throws {TypeError} if the cluster id is not 64 lower-case hex digits; {@linkcode RangeError} if the epoch is not a
 * natural number.
 */
export function createWebVerifier(cluster: Digest, epoch: number = 0): WebVerifier {
  const domains = new Domains(cluster, epoch);
  const keys = new BoundedCache<CryptoKey>(REMEMBERED_KEYS);
  return {
    async verify(publicKey, kind, bytes, signature) {
      if (signature.length !== SIGNATURE_BYTES || isSmallOrder(signature, 0)) return false;
      const signed = concatBytes([domains.of(kind), bytes]);
      let key = keys.get(publicKey);
      if (key === undefined) {
        key = await importPublicKey(publicKey);
        if (key === undefined) return false;
        keys.set(publicKey, key);
      }
      return crypto.subtle.verify(ED25519, key, signature as BufferSource, signed);
    },
  };
}

async function importPublicKey(publicKey: string): Promise<CryptoKey | undefined> {
  const bytes = publicKeyBytes(publicKey);
  if (bytes === undefined) return undefined;
  try {
    return await crypto.subtle.importKey("raw", bytes, ED25519, false, ["verify"]);
  } catch {
    return undefined;
  }
}
