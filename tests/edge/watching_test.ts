/** A client that watches in a Worker and under Node: the flags page does so in a browser, and tests/watch under Deno. */
import { assertEquals } from "@std/assert";
// deno-lint-ignore no-import-prefix -- in the import map it would be downloaded by everybody who runs a replica
import { Miniflare } from "npm:miniflare@4.20260730.0";
import { KeyValue } from "../../src/machines/mod.ts";
import { startReplicas } from "../examples/_replicas.ts";
import { bundleForNode, bundleForWorkerd } from "./_bundle.ts";
import { nodeOf } from "./_runtimes.ts";

const keyValue = Object.assign(() => new KeyValue(), { version: "key-value/1" });
const SEEN = ["1 signed by 2", "2 signed by 2", "null signed by 2"];

Deno.test({
  name: "a Worker watches a key, writes meanwhile and resumes; also while a replica is stopped",
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    await using replicas = await startReplicas(keyValue);
    const miniflare = new Miniflare({
      modules: true,
      script: await bundleForWorkerd("tests/edge/_watching_worker.ts"),
      compatibilityDate: "2026-07-01",
      host: "127.0.0.1",
      port: 0,
    });
    try {
      const url = await miniflare.ready;
      const watched = async (key: string) => {
        const response = await fetch(new URL(`?key=${key}`, url), {
          method: "POST",
          body: JSON.stringify(replicas.cluster),
        });
        const text = await response.text();
        assertEquals(response.status, 200, text);
        return JSON.parse(text);
      };
      assertEquals(await watched("a"), SEEN);
      await replicas.stop(0);
      assertEquals(await watched("b"), SEEN);
    } finally {
      await miniflare.dispose();
    }
  },
});

Deno.test("a program under Node 20 watches a key, writes meanwhile and resumes, and ends", async () => {
  await using replicas = await startReplicas(keyValue);
  const program = await Deno.makeTempFile({ suffix: ".mjs" });
  try {
    await Deno.writeTextFile(program, await bundleForNode("tests/edge/_watching_main.ts"));
    const { code, stdout, stderr } = await new Deno.Command(await nodeOf(20, 16), {
      args: [program],
      env: { PBFT_CLUSTER: JSON.stringify(replicas.cluster) },
      stdin: "null",
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assertEquals([code, out!.trim()], [0, JSON.stringify(SEEN)], err);
  } finally {
    await Deno.remove(program);
  }
});
