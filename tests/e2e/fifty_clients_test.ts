/** Many unsigned clients at once: no error, and every increment counts once. */
import { assert, assertEquals } from "@std/assert";
import { type ClusterProcess, withCluster } from "./_cluster_process.ts";

const CLIENTS = 50;
const DURATION_MS = 30_000;

/** Increments at one replica until the time is over; gives how often. */
async function increment(cluster: ClusterProcess, client: number, until: number): Promise<number> {
  const name = cluster.names[client % cluster.names.length]!;
  let count = 0;
  while (performance.now() < until) {
    // Half of them bring their timestamps, half leave them to the gateway.
    const timestamp = client % 8 < 4 ? { timestamp: count + 1 } : {};
    const answer = await cluster.req(name, { clientID: `client ${client}`, ...timestamp, operation: "INCR n" });
    assertEquals(answer.status, 200, JSON.stringify(answer));
    count++;
  }
  return count;
}

Deno.test("fifty clients at all four nodes for 30 s: no error, and every INCR counts exactly once", async () => {
  await withCluster([], async (cluster) => {
    const until = performance.now() + DURATION_MS;
    const counts = await Promise.all(Array.from({ length: CLIENTS }, (_, client) => increment(cluster, client, until)));
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
