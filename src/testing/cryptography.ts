/**
 * Cheap stand-ins for SHA-256 and Ed25519. Nobody in a simulation looks for collisions, and nobody signs with a key that is not
 * theirs, so these are as good as the real ones there.
 * @module
 */
import type { Digest } from "../core/ids.ts";
import type { Cryptography } from "../node/ports.ts";
import { SIGNATURE_BYTES, utf8 } from "../wire/mod.ts";

/** The signatures of one simulation: its verifiers know every key that was made in it. */
export class StandInCryptography implements Cryptography {
  readonly #secrets = new Map<string, number>();

  /** The key pair of a name. */
  keyPair(name: string): { readonly privateKey: string; readonly publicKey: string } {
    const privateKey = standInHash(utf8(`private ${name}`));
    return { privateKey, publicKey: this.#publicKey(privateKey) };
  }

  /** 128 bits that depend on all of `bytes`, as a digest. */
  readonly hash: Cryptography["hash"] = standInHash;

  /** Signs with a key of {@linkcode StandInCryptography.keyPair}. */
  readonly createSigner: Cryptography["createSigner"] = (privateKey, cluster) => {
    const publicKey = this.#publicKey(privateKey);
    const secret = this.#secrets.get(publicKey)!;
    return { publicKey, sign: (kind, bytes) => mac(secret, cluster, kind, bytes) };
  };

  /** Checks signatures of all keys of this simulation. */
  readonly createVerifier: Cryptography["createVerifier"] = (cluster) => {
    return {
      verify: (publicKey, kind, bytes, signature) => {
        const secret = this.#secrets.get(publicKey);
        if (secret === undefined) return false;
        const expected = mac(secret, cluster, kind, bytes);
        return signature.length === expected.length && signature.every((byte, i) => byte === expected[i]);
      },
    };
  };

  #publicKey(privateKey: string): string {
    const publicKey = standInHash(utf8(`public ${privateKey}`));
    this.#secrets.set(publicKey, parseInt(privateKey.slice(0, 8), 16));
    return publicKey;
  }
}

const clusters = new Map<string, number>();

function mac(secret: number, cluster: Digest, kind: string, bytes: Uint8Array): Uint8Array {
  let domain = clusters.get(cluster + kind);
  if (domain === undefined) clusters.set(cluster + kind, domain = mix(0, utf8(cluster + kind))[0]);
  const signature = new Uint8Array(SIGNATURE_BYTES);
  const lanes = mix(secret ^ domain, bytes);
  for (let i = 0; i < 8; i++) signature[i] = lanes[i >> 2]! >>> (8 * (i & 3));
  signature[8] = 1; // never all zeros
  return signature;
}

function standInHash(bytes: Uint8Array): Digest {
  const [a, b] = mix(0x2545f491, bytes);
  const [c, d] = [Math.imul(a ^ (b >>> 7), 0x85ebca6b), Math.imul(b ^ (a >>> 9), 0xc2b2ae35)];
  return (hex8(a) + hex8(b) + hex8(c) + hex8(d) + ZEROS) as Digest;
}

const ZEROS = "0".repeat(32);

function hex8(lane: number): string {
  return (lane >>> 0).toString(16).padStart(8, "0");
}

function mix(seed: number, bytes: Uint8Array): readonly [number, number] {
  let a = seed ^ 0xdeadbeef;
  let b = seed ^ 0x41c6ce57 ^ bytes.length;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    a = Math.imul(a ^ byte, 2654435761);
    b = Math.imul(b ^ byte, 1597334677);
    b = (b << 13) | (b >>> 19);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  return [a | 0, b | 0];
}
