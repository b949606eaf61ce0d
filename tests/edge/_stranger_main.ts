/** A replica that is a cluster by itself, under Node, on a port of the system's choice, which it prints. */
import { serve } from "@hono/node-server";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import { MemoryStore, openReplica } from "../../src/runtime/nodejs.ts";

const { privateKey, publicKey } = generateKeyPair();
const genesis = {
  name: "test",
  replicas: [{ name: "Apple", publicKey }],
  checkpointInterval: 16,
  logWindow: 32,
  stateMachine: "key-value/1",
  limits: DEFAULT_LIMITS,
};
const replica = await openReplica({
  cluster: { genesis, urls: { Apple: "http://127.0.0.1:9" } },
  self: "Apple",
  privateKey,
  store: new MemoryStore(),
  start: "new",
  app: { bodyTimeoutMs: 500 },
});
serve({ fetch: replica.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => console.log(port));
