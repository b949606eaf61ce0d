/** A replica that is a cluster by itself, served on a port of the system's choice. */
import { DEFAULT_LIMITS, type Genesis } from "../../src/core/config.ts";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import type { AppOptions } from "../../src/http/mod.ts";
import { type ServedReplica, serveReplica } from "../../src/runtime/deno.ts";
import { MemoryStore } from "../../src/stores/memory.ts";

export type Served = ServedReplica & AsyncDisposable;

/** Starts it. */
export async function serveOne(app: Omit<AppOptions, "timer"> = {}): Promise<Served> {
  const { privateKey, publicKey } = generateKeyPair();
  const genesis: Genesis = {
    name: "test",
    replicas: [{ name: "Apple", publicKey }],
    checkpointInterval: 16,
    logWindow: 32,
    stateMachine: "key-value/1",
    limits: DEFAULT_LIMITS,
  };
  const replica = await serveReplica({
    cluster: { genesis, urls: { Apple: "http://127.0.0.1:9" } },
    self: "Apple",
    privateKey,
    store: new MemoryStore(),
    hostname: "127.0.0.1",
    port: 0,
    app,
  });
  return { ...replica, [Symbol.asyncDispose]: () => replica.close() };
}
