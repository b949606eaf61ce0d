/**
 * Signatures and hashes for replicas, synchronous, through `node:crypto`. Clients use `client.ts`.
 * @module
 */
export type { Signer, Verifier } from "../node/ports.ts";
export type { KeyPair } from "./ed25519.ts";
export { isNewKey, useKey } from "./new_keys.ts";
export { createSharedKeys, type SharedKey, type SharedKeys } from "./shared_keys.ts";
export { clusterId, sha256 } from "./sha256.ts";
export { createSigner, createVerifier, generateKeyPair, importKeyPair } from "./signatures.ts";
