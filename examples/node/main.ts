/**
 * One replica under Node or Bun; see the README beside this file.
 *
 *     node main.ts pbft/cluster.json Dog pbft/Dog/key dog.db [port]
 */
import { MemoryStore, parseClusterText } from "@pbft/edge";
import { chainFromVariables, policyFromVariables, serve, startFromVariables, terminationSignal } from "@pbft/edge/node";
import { readFileSync } from "node:fs";
import process from "node:process";

const [clusterPath, name, keyPath, state, port] = process.argv.slice(2);
if (!clusterPath || !name || !keyPath || !state) {
  console.error("usage: node main.ts CLUSTER_FILE NAME KEY_FILE STATE_FILE|memory [PORT]");
  process.exit(2);
}

const variable = (name: string) => process.env[name];
const replica = await serve({
  cluster: parseClusterText(readFileSync(clusterPath, "utf8")),
  self: name,
  privateKey: readFileSync(keyPath, "utf8").trim(),
  store: state === "memory" ? new MemoryStore() : state,
  // PBFT_START=new: this member has never run; recover: what it had is lost. In memory it is, at each start but the first.
  start: startFromVariables(variable),
  // PBFT_JOIN: a running member, for one that is not in the genesis.
  ...chainFromVariables(variable),
  // It stops by itself once it was removed, and the others do not need it any more.
  stopsWhenRemoved: true,
  app: policyFromVariables(variable),
  signal: terminationSignal(),
  // All addresses, IPv6 and IPv4.
  hostname: "::",
  ...(port && { port: Number(port) }),
});
console.log(`${name} serves ${replica.url}`);
await replica.closed;
process.exit(0);
