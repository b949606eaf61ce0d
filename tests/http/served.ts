/** A replica that is a cluster by itself, served on a port of the system's choice. */
import type { AppOptions } from "../../src/http/mod.ts";
import { serve, type ServedReplica } from "../../src/runtime/deno.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { clusterOfOne } from "../tools/cluster_of_one.ts";

export type Served = ServedReplica & AsyncDisposable;

/** Starts it. */
export async function serveOne(app: Omit<AppOptions, "timer"> = {}): Promise<Served> {
  const replica = await serve({
    ...clusterOfOne(),
    store: new MemoryStore(),
    hostname: "127.0.0.1",
    port: 0,
    app,
  });
  return { ...replica, [Symbol.asyncDispose]: () => replica.close() };
}
