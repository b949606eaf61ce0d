/** Many unsigned clients at once: no error, and every increment counts once. */
import { assertEquals } from "@std/assert";
import { type ClusterProcess, withCluster } from "./_cluster_process.ts";

const CLIENTS = 50;
/** Increments of each. No client sends two at once, so there are as many batches at least. */
const EACH = 100;

/** Increments at one replica, one after another. */
async function increment(cluster: ClusterProcess, client: number): Promise<void> {
  const name = cluster.names[client % cluster.names.length]!;
  for (let count = 0; count < EACH; count++) {
    // Half of them bring their timestamps, half leave them to the gateway.
    const timestamp = client % 8 < 4 ? { timestamp: count + 1 } : {};
    const answer = await cluster.req(name, { clientID: `client ${client}`, ...timestamp, operation: "INCR n" });
    assertEquals(answer.status, 200, JSON.stringify(answer));
  }
}

Deno.test(`fifty clients at once at all four nodes, ${EACH} INCRs each: no error, and each counts exactly once`, async () => {
  await withCluster([], async (cluster) => {
    await Promise.all(Array.from({ length: CLIENTS }, (_, client) => increment(cluster, client)));
    assertEquals(
      (await cluster.req("Apple", { clientID: "auditor", operation: "GET n" })).result,
      String(CLIENTS * EACH),
    );
    for (const name of cluster.names) {
      const metrics = await (await fetch(`${cluster.url(name)}/metrics`)).text();
      const answered = /pbft_http_requests_total\{route="\/req",method="POST",status="200"\} (\d+)/.exec(metrics);
      const here = Array.from({ length: CLIENTS }, (_, client) => cluster.names[client % cluster.names.length]);
      const clients = here.filter((at) => at === name).length;
      assertEquals(Number(answered?.[1]), clients * EACH + (name === "Apple" ? 1 : 0));
    }
  });
});
