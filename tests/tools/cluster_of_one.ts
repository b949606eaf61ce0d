import { DEFAULT_LIMITS, type Genesis } from "../../src/core/config.ts";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import type { ClusterFile } from "../../src/wire/mod.ts";

/** A cluster file with one member, Apple, and its private key. */
export function clusterOfOne(): { readonly cluster: ClusterFile; readonly self: "Apple"; readonly privateKey: string } {
  const { privateKey, publicKey } = generateKeyPair();
  const genesis: Genesis = {
    name: "test",
    replicas: [{ name: "Apple", publicKey }],
    checkpointInterval: 16,
    logWindow: 32,
    stateMachine: "key-value/1",
    limits: DEFAULT_LIMITS,
  };
  return { cluster: { genesis, urls: { Apple: "http://127.0.0.1:9" } }, self: "Apple", privateKey };
}
