/**
 * SHA-256 for replicas, synchronous, through `node:crypto`.
 * @module
 */
import type { Genesis } from "../core/config.ts";
import type { Digest } from "../core/messages/ids.ts";
import { encodeGenesis } from "../wire/genesis.ts";
import { nodeCrypto } from "./node_crypto.ts";

/** `hash` is the one-call form. It is twice as fast for short inputs, and exists in Node 20.12 and later. */
type Hashing = Pick<ReturnType<typeof nodeCrypto>, "createHash"> & Partial<Pick<ReturnType<typeof nodeCrypto>, "hash">>;

/** The SHA-256 of `bytes`. */
export function sha256(bytes: Uint8Array): Digest {
  const crypto: Hashing = nodeCrypto();
  return (crypto.hash?.("sha256", bytes, "hex") ?? crypto.createHash("sha256").update(bytes).digest("hex")) as Digest;
}

/**
 * The cluster id: the hash of the genesis.
 * @throws {TypeError} or {@linkcode RangeError} if the genesis cannot be encoded.
 */
export function clusterId(genesis: Genesis): Digest {
  return sha256(encodeGenesis(genesis));
}
