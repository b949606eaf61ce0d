/** `/readyz` of real processes: 200 only while the replica can take part. */
import { assertEquals, assertMatch } from "@std/assert";
import { type ClusterProcess, eventually, withCluster } from "./_cluster_process.ts";

async function get(cluster: ClusterProcess, name: string, route: string): Promise<[number, string]> {
  const response = await fetch(`${cluster.url(name)}/${route}`);
  const text = await response.text();
  return [response.status, response.ok ? text : JSON.parse(text).detail];
}

Deno.test("/readyz is 200 while a quorum is in reach, and only then, whether the others are dead or hang", async () => {
  await withCluster([], async (cluster) => {
    const ready = async (name: string) => (await get(cluster, name, "readyz"))[0] === 200;
    for (const name of cluster.names) assertEquals(await get(cluster, name, "readyz"), [200, "ready\n"]);

    Deno.kill(cluster.pid("Dog"), "SIGKILL");
    await eventually("Apple knows that Dog is gone", async () => {
      const { peers } = await (await fetch(`${cluster.url("Apple")}/status`)).json();
      return peers.every(({ nodeID, inReach }: { nodeID: string; inReach: boolean }) => inReach === (nodeID !== "Dog"));
    });
    assertEquals(await ready("Apple"), true);

    Deno.kill(cluster.pid("Candy"), "SIGSTOP");
    try {
      await eventually("Apple and Ball are not ready", async () => !(await ready("Apple")) && !(await ready("Ball")));
      const [status, detail] = await get(cluster, "Apple", "readyz");
      assertEquals(status, 503);
      assertMatch(
        detail,
        /^no quorum in reach: expected 2 other members in view \d+, got Ball$|waits for view \d+ to start$/,
      );
      assertEquals(await get(cluster, "Apple", "healthz"), [200, "alive\n"]);
    } finally {
      Deno.kill(cluster.pid("Candy"), "SIGCONT");
    }
    await eventually("all that are left are ready again", async () => {
      return (await Promise.all(["Apple", "Ball", "Candy"].map(ready))).every((isReady) => isReady);
    });
  });
});

Deno.test("a replica alone is not ready: it says what it misses, and /status says the same", async () => {
  await withCluster([], async (cluster) => {
    for (const name of ["Ball", "Candy", "Dog"]) Deno.kill(cluster.pid(name), "SIGKILL");
    await eventually("Apple is not ready", async () => (await get(cluster, "Apple", "readyz"))[0] === 503);
    const { ready, notReady } = await (await fetch(`${cluster.url("Apple")}/status`)).json();
    assertEquals(ready, false);
    assertMatch(notReady, /no quorum in reach|waits for view/);
  });
});
