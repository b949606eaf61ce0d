import { assert, assertEquals } from "@std/assert";
import { DEFAULT_LIMITS } from "../../src/core/config.ts";
import { keyPairOf } from "../node/_cluster.ts";
import { bundleForWorkerd } from "./_bundle.ts";
import { startWorkerd } from "./_workerd.ts";

const N = 19;

Deno.test({
  name: "a Durable Object among 19 has six connections open at a time, and gives back those of peers that never answer",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const folder = await Deno.makeTempDir();
    const reached = new Set<string>();
    const all = Promise.withResolvers<void>();
    const over = Promise.withResolvers<void>();
    let open = 0;
    let mostOpen = 0;
    // Nobody ever answers.
    const peers = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
      mostOpen = Math.max(mostOpen, ++open);
      const closed = new Promise<void>((resolve) => request.signal.addEventListener("abort", () => resolve()));
      await request.arrayBuffer().catch(() => {});
      const [, name] = new URL(request.url).pathname.split("/");
      reached.add(name!);
      if (reached.size === N - 1) all.resolve();
      await Promise.race([closed, over.promise]);
      open--;
      return new Response(null, { status: 202 });
    });
    const replicas = Array.from({ length: N }, (_, i) => ({ name: `R${i}`, publicKey: keyPairOf(i + 1).publicKey }));
    const urls = Object.fromEntries(replicas.map(({ name }) => [name, `http://127.0.0.1:${peers.addr.port}/${name}`]));
    const genesis = {
      name: "nineteen",
      replicas,
      checkpointInterval: 4,
      logWindow: 16,
      stateMachine: "key-value/1",
      limits: DEFAULT_LIMITS,
    };
    try {
      await using workerd = await startWorkerd({
        script: await bundleForWorkerd("examples/cloudflare/worker.ts"),
        className: "Replica",
        folder,
        bindings: {
          PBFT_CLUSTER: JSON.stringify({ genesis, urls }),
          PBFT_REPLICA: `R${N - 1}`,
          PBFT_PRIVATE_KEY: keyPairOf(N).privateKey,
          PBFT_START: "new",
        },
      });
      const { status, body } = await fetch(`${workerd.url}/status`);
      await body?.cancel();
      assertEquals(status, 200);
      await Promise.race([
        all.promise,
        new Promise((_, reject) => setTimeout(reject, 60_000, new Error(`only ${reached.size} peers were reached`))),
      ]);
      // Six, and six of which the server has not seen yet that the object has aborted them. Without a bound all 18 are open.
      assert(mostOpen <= 12, `${mostOpen} were open`);
      over.resolve();
    } finally {
      over.resolve();
      await peers.shutdown();
      await Deno.remove(folder, { recursive: true });
    }
  },
});
