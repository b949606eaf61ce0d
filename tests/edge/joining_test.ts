/** A member of a later epoch in workerd: it is told by variables whom to ask, becomes a member, votes, and leaves. */
import { assertEquals } from "@std/assert";
import { serve } from "../../src/runtime/deno.ts";
import type { ServedReplica } from "../../src/runtime/host/options.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import type { ClusterFile } from "../../src/wire/mod.ts";
import { clusterFile, FOUR, keyOf, memberOf, until } from "../node/_epochs.ts";
import { approved, req } from "../runtime/_over_http.ts";
import { inFolder } from "../tools/folder.ts";
import { freePorts } from "../tools/ports.ts";
import { bundleForWorkerd } from "./_bundle.ts";
import { startWorkerd } from "./_workerd.ts";

Deno.test({
  name: "a Durable Object in workerd joins in the place of a member, its vote counts, and it leaves again",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: () =>
    inFolder(async (folder) => {
      const ports = freePorts(5);
      const at = (i: number) => `http://127.0.0.1:${ports[i]}`;
      const urls = Object.fromEntries(FOUR.map((name, i) => [name, at(i)]));
      const cluster: ClusterFile = { genesis: clusterFile.genesis, urls };
      const served: ServedReplica[] = [];
      for (const [i, self] of FOUR.entries()) {
        const options = {
          cluster,
          self,
          privateKey: keyOf(self).privateKey,
          store: new MemoryStore(),
          port: ports[i]!,
        };
        served.push(await serve({ ...options, hostname: "127.0.0.1", start: "new" }));
      }
      const script = await bundleForWorkerd("examples/cloudflare/worker.ts");
      await using _worker = await startWorkerd({
        script,
        className: "Replica",
        folder,
        port: ports[4]!,
        bindings: {
          PBFT_CLUSTER: JSON.stringify(cluster),
          PBFT_REPLICA: "Eagle",
          PBFT_PRIVATE_KEY: keyOf("Eagle").privateKey,
          PBFT_START: "new",
          PBFT_JOIN: at(2),
          PBFT_LOG: "none",
        },
      });
      // While an object starts anew, its runtime may cut a connection.
      const isAnswered = (i: number, timestamp: number) =>
        req(at(i), timestamp, "INCR n").then(([status]) => status === 200, () => false);
      try {
        const outside = await fetch(`${at(4)}/req`, { method: "POST", body: "{}" });
        assertEquals([outside.status, (await outside.json()).urls], [410, urls]);
        await req(at(1), 1, "INCR n");
        const replicas = ["Ball", "Candy", "Dog", "Eagle"].map(memberOf);
        const change = { replicas, urls: { Eagle: at(4) } };
        const [status, text] = await req(at(2), 1, await approved(served[1]!.epoch, change), "admin");
        assertEquals(status, 200, text);
        await until("the object answers", () => isAnswered(4, 2));
        await served[3]!.close();
        await until("its vote counts", () => isAnswered(1, 3));
        const back = { replicas: ["Ball", "Candy", "Dog", "Apple"].map(memberOf), urls: { Apple: at(0) } };
        const [again, answer] = await req(at(2), 2, await approved(served[1]!.epoch, back), "admin");
        assertEquals(again, 200, answer);
        await until("the object has left", async () => {
          const response = await fetch(`${at(4)}/status`).catch(() => null);
          await response?.body?.cancel();
          return response?.status === 410;
        });
      } finally {
        await Promise.all(served.map((one) => one.close()));
      }
    }),
});
