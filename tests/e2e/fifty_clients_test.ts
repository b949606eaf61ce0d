/** Many unsigned clients at once: no error, and every increment counts once. */
import { assert, assertEquals } from "@std/assert";
import { type ClusterProcess, withCluster } from "./_cluster_process.ts";

const CLIENTS = 50;
const DURATION_MS = 30_000;
/** So long every client asks without a pause; then it waits before it asks again, and the other tests have a share of the cores. */
const FULL_LOAD_MS = 8_000;
const THINK_MS = 200;

/** Increments at one replica for the whole time; gives how often. */
async function increment(cluster: ClusterProcess, client: number, start: number): Promise<number> {
  const name = cluster.names[client % cluster.names.length]!;
  let count = 0;
  while (performance.now() < start + DURATION_MS) {
    // Half of them bring their timestamps, half leave them to the gateway.
    const timestamp = client % 8 < 4 ? { timestamp: count + 1 } : {};
    const answer = await cluster.req(name, { clientID: `client ${client}`, ...timestamp, operation: "INCR n" });
    assertEquals(answer.status, 200, JSON.stringify(answer));
    count++;
    if (performance.now() > start + FULL_LOAD_MS) await new Promise((resolve) => setTimeout(resolve, THINK_MS));
  }
  return count;
}

Deno.test("fifty clients at all four nodes for 30 s: no error, and every INCR counts exactly once", async () => {
  await withCluster([], async (cluster) => {
    const start = performance.now();
    const counts = await Promise.all(Array.from({ length: CLIENTS }, (_, client) => increment(cluster, client, start)));
    assert(counts.every((count) => count > 0), `${counts}`);
    const acknowledged = counts.reduce((sum, count) => sum + count, 0);
    assertEquals(
      (await cluster.req("Apple", { clientID: "auditor", operation: "GET n" })).result,
      String(acknowledged),
    );
    for (const name of cluster.names) {
      const metrics = await (await fetch(`${cluster.url(name)}/metrics`)).text();
      const answered = /pbft_http_requests_total\{route="\/req",method="POST",status="200"\} (\d+)/.exec(metrics);
      const here = counts.filter((_, client) => cluster.names[client % cluster.names.length] === name);
      assertEquals(Number(answered?.[1]), here.reduce((sum, count) => sum + count, 0) + (name === "Apple" ? 1 : 0));
    }
  });
});
