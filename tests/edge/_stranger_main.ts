/** A replica that is a cluster by itself, under Node, on a port of the system's choice, which it prints. */
import { serve } from "@hono/node-server";
import { openReplica } from "../../src/runtime/nodejs.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { clusterOfOne } from "../tools/cluster_of_one.ts";

const replica = await openReplica({
  ...clusterOfOne(),
  store: new MemoryStore(),
  start: "new",
  app: { bodyTimeoutMs: 500 },
});
serve({ fetch: replica.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => console.log(port));
