/** Four replicas of an application's machine in this process, each on a port of its own. */
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import type { StateMachine } from "../../src/core/state_machine.ts";
import { serve, type ServedReplica } from "../../src/runtime/deno.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import type { ClusterFile } from "../../src/wire/mod.ts";
import { freePorts } from "../tools/ports.ts";

const NAMES = ["Apple", "Ball", "Candy", "Dog"];

export interface Replicas extends AsyncDisposable {
  readonly cluster: ClusterFile;
  /** Stops a replica for good. */
  stop(index: number): Promise<void>;
}

/** Starts them. `corsOrigins`: pages of these origins may ask. */
export async function startReplicas(
  machine: { (): StateMachine; readonly version: string },
  corsOrigins: readonly string[] = [],
): Promise<Replicas> {
  const members = NAMES.map((name) => ({ name, ...generateKeyPair() }));
  const replicas = members.map(({ name, publicKey }) => ({ name, publicKey }));
  const rules = { checkpointInterval: 16, logWindow: 64, stateMachine: machine.version, limits: DEFAULT_LIMITS };
  const ports = freePorts(NAMES.length);
  const urls = Object.fromEntries(NAMES.map((name, i) => [name, `http://127.0.0.1:${ports[i]}`]));
  const cluster: ClusterFile = { genesis: { name: "application", replicas, ...rules }, urls };
  const served: ServedReplica[] = await Promise.all(members.map(({ name: self, privateKey }) => {
    const identity = { cluster, self, privateKey, store: new MemoryStore() };
    return serve({ ...identity, start: "new", stateMachine: machine, observers: [], app: { corsOrigins } });
  }));
  return {
    cluster,
    stop: (index) => served[index]!.close(),
    async [Symbol.asyncDispose]() {
      await Promise.all(served.map((replica) => replica.close()));
    },
  };
}
