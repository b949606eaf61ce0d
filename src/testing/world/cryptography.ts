/**
 * Cheap stand-ins for SHA-256 and Ed25519. Nobody in a simulation searches for collisions or guesses keys, so they
 * serve as well there.
 * @module
 */
import type { Digest } from "../../core/messages/ids.ts";
import type { Cryptography } from "../../node/ports.ts";
import { SIGNATURE_BYTES, signedDomain, type SignedKind, utf8 } from "../../wire/mod.ts";

/** The cryptography of a simulation. */
export interface SimulatedCryptography extends Cryptography {
  /** The key pair of a name. */
  keyPair(name: string): { readonly privateKey: string; readonly publicKey: string };
}

/** The signatures of one simulation. Its verifiers know every key that was made in it. */
export class StandInCryptography implements SimulatedCryptography {
  readonly #secrets = new Map<string, number>();
  /** By context and epoch. */
  readonly #domains = new Map<string, Domains>();

  /** The key pair of a name. */
  keyPair(name: string): { readonly privateKey: string; readonly publicKey: string } {
    const privateKey = standInHash(utf8(`private ${name}`));
    return { privateKey, publicKey: this.#publicKey(privateKey) };
  }

  /** 128 bits that depend on all of `bytes`, as a digest. */
  readonly hash: Cryptography["hash"] = standInHash;

  /** Signs with a key of {@linkcode StandInCryptography.keyPair}. */
  readonly createSigner: Cryptography["createSigner"] = (privateKey, cluster, epoch) => {
    const publicKey = this.#publicKey(privateKey);
    const secret = this.#secrets.get(publicKey)!;
    const domains = this.#domainsOf(cluster, epoch);
    return { publicKey, sign: (kind, bytes) => mac(secret, domains, kind, bytes) };
  };

  /** Checks signatures of all keys of this simulation. */
  readonly createVerifier: Cryptography["createVerifier"] = (cluster, epoch) => {
    const domains = this.#domainsOf(cluster, epoch);
    return {
      verify: (publicKey, kind, bytes, signature) => {
        const secret = this.#secrets.get(publicKey);
        if (secret === undefined) return false;
        return isMac(signature, secret, domains, kind, bytes);
      },
    };
  };

  #domainsOf(context: Digest, epoch: number = 0): Domains {
    const place = `${context} ${epoch}`;
    let domains = this.#domains.get(place);
    if (!domains) this.#domains.set(place, domains = { context, epoch, byKind: new Map() });
    return domains;
  }

  #publicKey(privateKey: string): string {
    const publicKey = standInHash(utf8(`public ${privateKey}`));
    this.#secrets.set(publicKey, parseInt(privateKey.slice(0, 8), 16));
    return publicKey;
  }
}

/** The domains of one epoch of a cluster, by kind, as far as they are known. A signature of one epoch does not verify in another. */
interface Domains {
  readonly context: Digest;
  readonly epoch: number;
  readonly byKind: Map<SignedKind, number>;
}

/** The result of the last {@linkcode mix}: two lanes of 32 bits. */
let laneA = 0;
let laneB = 0;

/** Mixes a key, the domain (as in real signatures) and the bytes. */
function mixSigned(secret: number, { context, epoch, byKind }: Domains, kind: SignedKind, bytes: Uint8Array): void {
  let domain = byKind.get(kind);
  if (domain === undefined) {
    mix(0, signedDomain(context, epoch, kind));
    byKind.set(kind, domain = laneA);
  }
  mix(secret ^ domain, bytes);
}

function mac(secret: number, domains: Domains, kind: SignedKind, bytes: Uint8Array): Uint8Array {
  mixSigned(secret, domains, kind, bytes);
  const signature = nextSignature();
  putLane(signature, 0, laneA);
  putLane(signature, 4, laneB);
  signature[8] = 1; // never all zeros
  return signature;
}

/** Signatures are cut from large buffers: allocating a buffer for each would cost more than all the rest of signing. */
let slab = new Uint8Array(256 * SIGNATURE_BYTES);
let slabAt = 0;

function nextSignature(): Uint8Array {
  if (slabAt === slab.length) {
    slab = new Uint8Array(slab.length);
    slabAt = 0;
  }
  return slab.subarray(slabAt, slabAt += SIGNATURE_BYTES);
}

function isMac(
  signature: Uint8Array,
  secret: number,
  domains: Domains,
  kind: SignedKind,
  bytes: Uint8Array,
): boolean {
  if (signature.length !== SIGNATURE_BYTES || signature[8] !== 1) return false;
  for (let i = 9; i < SIGNATURE_BYTES; i++) if (signature[i] !== 0) return false;
  mixSigned(secret, domains, kind, bytes);
  return laneAt(signature, 0) === laneA && laneAt(signature, 4) === laneB;
}

function putLane(bytes: Uint8Array, at: number, lane: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = lane >>> (8 * i);
}

function laneAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
}

function standInHash(bytes: Uint8Array): Digest {
  mix(0x2545f491, bytes);
  const [a, b] = [laneA, laneB];
  return (hex8(a) + hex8(b) + hex8(Math.imul(a ^ (b >>> 7), 0x85ebca6b)) + hex8(Math.imul(b ^ (a >>> 9), 0xc2b2ae35)) +
    ZEROS) as Digest;
}

/** 53 bits that depend on all of `bytes`, as the key of a hash table. */
export function fingerprint(bytes: Uint8Array): number {
  mix(0x1b873593, bytes);
  return (laneA >>> 0) * 2 ** 21 + (laneB >>> 11);
}

const ZEROS = "0".repeat(32);
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function hex8(lane: number): string {
  return HEX[lane >>> 24]! + HEX[lane >>> 16 & 255]! + HEX[lane >>> 8 & 255]! + HEX[lane & 255]!;
}

/** Leaves its result in {@linkcode laneA} and {@linkcode laneB}. */
function mix(seed: number, bytes: Uint8Array): void {
  const { length } = bytes;
  let a = seed ^ 0xdeadbeef;
  let b = seed ^ 0x41c6ce57 ^ length;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const word = bytes[i]! | bytes[i + 1]! << 8 | bytes[i + 2]! << 16 | bytes[i + 3]! << 24;
    a = Math.imul(a ^ word, 2654435761);
    a = (a << 15) | (a >>> 17);
    b = Math.imul(b ^ word, 1597334677);
    b = (b << 13) | (b >>> 19);
  }
  for (; i < length; i++) {
    a = Math.imul(a ^ bytes[i]!, 2654435761);
    b = Math.imul(b ^ bytes[i]!, 1597334677);
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
  laneA = a | 0;
  laneB = b | 0;
}
