/**
 * Signatures and hashes for clients: `node:crypto` where the runtime has it, and Web Crypto elsewhere. Both give the same results.
 * In servers' runtimes a signature takes 30 us with `node:crypto`, and 200 us with Web Crypto, which hands each call to another thread.
 * @module
 */
import type { Digest } from "../core/messages/ids.ts";
import type { Genesis } from "../core/config.ts";
import type { SignedKind } from "../wire/messages/domain.ts";
import { toHex } from "../wire/codec/hex.ts";
import { KEY_BYTES } from "./ed25519.ts";
import { BoundedCache } from "./bounded_cache.ts";
import { hasNodeCrypto } from "./builtin_crypto.ts";
import { createWebSigner, createWebVerifier, webClusterId, webSha256 } from "./web.ts";

/** The synchronous half. A browser never loads it. */
let node: typeof import("./mod.ts") | null = null;

async function nodeHalf(): Promise<typeof import("./mod.ts")> {
  return node ??= await import("./mod.ts");
}

/** Signs messages with one key. */
export interface ClientSigner {
  /** The public key, 64 lower-case hex digits. */
  readonly publicKey: string;
  /** The Ed25519 signature over the kind's domain and `bytes`, 64 bytes. */
  sign(kind: SignedKind, bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** Checks signatures. */
export interface ClientVerifier {
  /** Whether the key of `publicKey` made `signature`. Never throws or rejects. */
  verify(
    publicKey: string,
    kind: SignedKind,
    bytes: Uint8Array,
    signature: Uint8Array,
  ): boolean | Promise<boolean>;
}

/** Signs for `cluster` with the key of a 32-byte seed in hex. Rejects with a `TypeError` if one of them is not 64 hex digits. */
export async function createClientSigner(privateKey: string, cluster: Digest): Promise<ClientSigner> {
  return hasNodeCrypto()
    ? (await nodeHalf()).createSigner(privateKey, cluster)
    : await createWebSigner(privateKey, cluster);
}

/**
 * Checks signatures that were made for `cluster`, or for the context of a later epoch. Many replies share the signature of one root (`replies`), also replies to different
 * clients in one process: a root that was found valid is remembered.
 */
export function createClientVerifier(cluster: Digest, epoch: number = 0): ClientVerifier {
  let verifier = node?.createVerifier(cluster, epoch) ?? (hasNodeCrypto() ? null : createWebVerifier(cluster, epoch));
  const verified: ClientVerifier["verify"] = (...signed) => {
    if (verifier !== null) return verifier.verify(...signed);
    return nodeHalf().then(({ createVerifier }) => (verifier ??= createVerifier(cluster, epoch)).verify(...signed));
  };
  return {
    verify(publicKey, kind, bytes, signature) {
      if (kind !== "replies") return verified(publicKey, kind, bytes, signature);
      const key = [cluster, epoch, publicKey, toHex(bytes), toHex(signature)].join(" ");
      if (validRoots.get(key)) return true;
      const isValid = verified(publicKey, kind, bytes, signature);
      return typeof isValid === "boolean" ? remember(key, isValid) : isValid.then((valid) => remember(key, valid));
    },
  };
}

/** The last signatures of roots that were found valid, with all that was signed. */
const validRoots = new BoundedCache<true>(256);

function remember(key: string, isValid: boolean): boolean {
  if (isValid) validRoots.set(key, true);
  return isValid;
}

/** The SHA-256 of `bytes`. */
export function clientSha256(bytes: Uint8Array): Digest | Promise<Digest> {
  if (node !== null) return node.sha256(bytes);
  return hasNodeCrypto() ? nodeHalf().then(({ sha256 }) => sha256(bytes)) : webSha256(bytes);
}

/** The cluster id: the hash of the genesis. */
export async function clientClusterId(genesis: Genesis): Promise<Digest> {
  return hasNodeCrypto() ? (await nodeHalf()).clusterId(genesis) : await webClusterId(genesis);
}

/** A new random seed, 64 hex digits. */
export function newPrivateKey(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(KEY_BYTES)));
}
