/**
 * Keys that two members share without a word between them: X25519 of the Ed25519 keys that they have already.
 *
 * A message authentication code costs 4 to 14 us where a signature costs 60 to 170 to check, so it is what tells members from strangers before
 * anything else is looked at. It proves nothing to others; what members say is signed.
 *
 * The map from Ed25519 to X25519 is that of RFC 7748, section 4.1, as libsodium, age and Signal use it. What is derived is bound to
 * this protocol by its label, so that neither use of a key says anything about the other.
 *
 * @module
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Digest } from "../core/messages/ids.ts";
import { fromHex } from "../wire/mod.ts";
import { concat, KEY_BYTES, pkcs8, PKCS8_PREFIX, publicKeyBytes } from "./ed25519.ts";

/** What two members can say to each other so that each knows that it was the other. */
export interface SharedKeys {
  /** The key that is shared with the holder of a public key; `undefined`: there is none. Derived at its first use, in a millisecond or two. */
  with(publicKey: string): Promise<SharedKey | undefined>;
}

/** What only two know. */
export interface SharedKey {
  /** The code of a text, as base64url. */
  code(text: string): string;
  /** Whether it is the text's code; takes as long whatever is wrong with it. */
  isCode(text: string, code: string): boolean;
}

const X25519 = "X25519";
/** A PKCS #8 X25519 private key, but for its end (RFC 8410). */
const X25519_PKCS8_PREFIX = fromHex("302e020100300506032b656e04220420");
/** What the derived keys are for. */
const LABEL = "pbft/1 member";

/**
 * The keys that the owner of a seed shares with others in `cluster`. X25519 by Web Crypto: workerd's `node:crypto` can't derive.
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

/** RFC 8032, section 5.1.5: the scalar is the first half of the seed's hash; X25519 itself clamps it. */
function x25519PrivateKey(privateKey: string): Uint8Array<ArrayBuffer> {
  const seed = pkcs8(privateKey).subarray(PKCS8_PREFIX.length);
  const scalar = new Uint8Array(createHash("sha512").update(seed).digest()).slice(0, KEY_BYTES);
  return concat(X25519_PKCS8_PREFIX, scalar);
}

const P = 2n ** 255n - 19n;

/** RFC 7748, section 4.1: u = (1 + y) / (1 - y). Of public keys only, so it need not take the same time for all. */
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
