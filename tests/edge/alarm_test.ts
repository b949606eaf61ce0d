import { assertEquals, assertGreater } from "@std/assert";
import { genesisOf, keyPairOf, NAMES } from "../node/_cluster.ts";
import { bundleForWorkerd } from "./_bundle.ts";
import { startWorkerd } from "./_workerd.ts";

Deno.test({
  name: "a Durable Object that is gone is woken by its alarm, and says where it is",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const folder = await Deno.makeTempDir();
    let heard = 0;
    let called = Promise.withResolvers<void>();
    const peers = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
      await request.arrayBuffer();
      heard++;
      called.resolve();
      return new Response(null, { status: 202 });
    });
    const urls = Object.fromEntries(NAMES.map((name) => [name, `http://127.0.0.1:${peers.addr.port}/${name}`]));
    const options = {
      script: await bundleForWorkerd("examples/cloudflare/worker.ts"),
      className: "Replica",
      folder,
      bindings: {
        PBFT_CLUSTER: JSON.stringify({ genesis: genesisOf(4), urls }),
        PBFT_REPLICA: "Candy",
        PBFT_PRIVATE_KEY: keyPairOf(3).privateKey,
        PBFT_START: "new",
      },
    };
    try {
      {
        await using first = await startWorkerd(options);
        const status = await (await fetch(`${first.url}/status`)).json();
        assertEquals([status.nodeID, status.lastExecuted], ["Candy", 0]);
        await called.promise;
      }
      const before = heard;
      called = Promise.withResolvers<void>();
      // Nobody calls it this time.
      await using second = await startWorkerd(options);
      await Promise.race([
        called.promise,
        new Promise((_, reject) => setTimeout(reject, 90_000, new Error("it sleeps on"))),
      ]);
      assertGreater(heard, before);
      assertEquals(second.url.startsWith("http"), true);
    } finally {
      await peers.shutdown();
      await Deno.remove(folder, { recursive: true });
    }
  },
});
