/**
 * One replica under Node or Bun; see the README beside this file.
 *
 *     node main.ts pbft/cluster.json Dog pbft/Dog/key dog.db [port]
 */
import { serve } from "@hono/node-server";
import { MemoryStore, openReplica, policyFromVariables, serverBounds, startFromVariables } from "@pbft/edge/node";
import { parseClusterText } from "@pbft/edge/client";
import { readFileSync } from "node:fs";
import process from "node:process";

const [clusterPath, name, keyPath, state, port] = process.argv.slice(2);
if (!clusterPath || !name || !keyPath || !state) {
  console.error("usage: node main.ts CLUSTER_FILE NAME KEY_FILE STATE_FILE|memory [PORT]");
  process.exit(2);
}

const cluster = parseClusterText(readFileSync(clusterPath, "utf8"));
const replica = await openReplica({
  cluster,
  self: name,
  privateKey: readFileSync(keyPath, "utf8").trim(),
  store: state === "memory" ? new MemoryStore() : state,
  // PBFT_START=new: this member has never run; recover: what it had is lost. In memory it is, at each start but the first.
  start: startFromVariables((name) => process.env[name]),
  app: policyFromVariables((name) => process.env[name]),
});
const url = new URL(cluster.urls[name]!);
const { serverOptions, maxConnections } = serverBounds();
// Without a host name it listens on all addresses, IPv6 and IPv4.
const server = serve({ fetch: replica.fetch, port: Number(port ?? (url.port || 80)), serverOptions });
if ("maxConnections" in server) server.maxConnections = maxConnections;
console.log(`${name} serves port ${port ?? url.port}`);

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    server.close();
    await replica.close();
    process.exit(0);
  });
}
