/**
 * A secret key for each pair of members, derived by X25519 from their Ed25519 keys. Members exchange no message to agree on it.
 *
 * A message authentication code (MAC) costs 4 to 14 us; checking a signature costs 60 to 170 us. So a MAC tells members from strangers before
 * anything else is checked. A MAC proves nothing to third parties: members still sign their messages.
 *
 * The map from Ed25519 to X25519 is that of RFC 7748, section 4.1, as libsodium, age and Signal use it. The derived key is bound to
 * this protocol by a label, so the use of one key reveals nothing about the other.
 *
 * @module
 */
import type { Digest } from "../core/messages/ids.ts";
import { fromHex } from "../wire/mod.ts";
import { KEY_BYTES, pkcs8, PKCS8_PREFIX, publicKeyBytes } from "./ed25519.ts";
import { concatBytes } from "../core/tree/bytes.ts";
import { nodeCrypto } from "./node_crypto.ts";

/** The keys that one member shares with the others. Two members that share a key can prove to each other who they are. */
export interface SharedKeys {
  /**
   * The key shared with the holder of a public key; `undefined` if the public key is not valid. It is derived at its first use, which takes
   * one or two milliseconds.
   */
  with(publicKey: string): Promise<SharedKey | undefined>;
}

/** A key that only two members know. */
export interface SharedKey {
  /** The MAC of a text, in base64url. */
  code(text: string): string;
  /** Whether `code` is the MAC of the text. The time that this takes does not depend on which characters are wrong. */
  isCode(text: string, code: string): boolean;
}

const X25519 = "X25519";
/** An X25519 private key in PKCS #8 without the key at its end (RFC 8410). */
const X25519_PKCS8_PREFIX = fromHex("302e020100300506032b656e04220420");
/** The purpose of the derived keys. */
const LABEL = "pbft/1 member";

/**
 * The keys that the owner of a seed shares with the others in `cluster`. X25519 runs in Web Crypto, because workerd's `node:crypto` cannot
 * derive keys.
 * @throws {TypeError} if the seed is not 64 lower-case hex digits.
 */
export function createSharedKeys(privateKey: string, cluster: Digest, epoch: number = 0): SharedKeys {
  const own = x25519PrivateKey(privateKey);
  const label = `${LABEL} ${cluster} ${epoch}`;
  const keys = new Map<string, Promise<SharedKey | undefined>>();
  return {
    with(publicKey) {
      let key = keys.get(publicKey);
      if (!key) keys.set(publicKey, key = derive(own, publicKey, label));
      return key;
    },
  };
}

async function derive(own: Uint8Array<ArrayBuffer>, publicKey: string, label: string): Promise<SharedKey | undefined> {
  const other = publicKeyBytes(publicKey);
  if (other === undefined) return undefined;
  const [mine, theirs] = await Promise.all([
    crypto.subtle.importKey("pkcs8", own, X25519, false, ["deriveBits"]),
    crypto.subtle.importKey("raw", montgomeryU(other), X25519, false, []),
  ]);
  const secret = await crypto.subtle.deriveBits({ name: X25519, public: theirs }, mine, 8 * KEY_BYTES);
  const { createHmac, timingSafeEqual } = nodeCrypto();
  const key = createHmac("sha256", new Uint8Array(secret)).update(label).digest();
  const code = (text: string) => createHmac("sha256", key).update(text).digest("base64url");
  const encoder = new TextEncoder();
  return {
    code,
    isCode(text, given) {
      const [a, b] = [encoder.encode(code(text)), encoder.encode(given)];
      return a.length === b.length && timingSafeEqual(a, b);
    },
  };
}

/** RFC 8032, section 5.1.5: the scalar is the first half of the seed's SHA-512 hash. X25519 itself clamps it. */
function x25519PrivateKey(privateKey: string): Uint8Array<ArrayBuffer> {
  const seed = pkcs8(privateKey).subarray(PKCS8_PREFIX.length);
  const scalar = new Uint8Array(nodeCrypto().createHash("sha512").update(seed).digest()).slice(0, KEY_BYTES);
  return concatBytes([X25519_PKCS8_PREFIX, scalar]);
}

const P = 2n ** 255n - 19n;

/** RFC 7748, section 4.1: u = (1 + y) / (1 - y). Its input is public, so it need not run in constant time. */
function montgomeryU(publicKey: Uint8Array): Uint8Array<ArrayBuffer> {
  let y = 0n;
  for (let i = KEY_BYTES - 1; i >= 0; i--) {
    y = (y << 8n) | BigInt(i === KEY_BYTES - 1 ? publicKey[i]! & 0x7f : publicKey[i]!);
  }
  let u = (1n + y) * power(1n - y + P, P - 2n) % P;
  return Uint8Array.from({ length: KEY_BYTES }, () => {
    const byte = Number(u & 0xffn);
    u >>= 8n;
    return byte;
  });
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = base % P; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = result * square % P;
    square = square * square % P;
  }
  return result;
}
