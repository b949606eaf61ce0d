/** Digest replies of real replicas. */
import { assert, assertEquals } from "@std/assert";
import { Client, verifyReceipt } from "../../src/client/mod.ts";
import { DIGEST_REPLY } from "../../src/wire/mod.ts";
import { WatchedCluster } from "../watch/_watched_cluster.ts";

const LARGE = "x".repeat(50_000);

Deno.test("a client that takes digest replies gets a large result once, with a receipt; a small one whole from all", async () => {
  const cluster = new WatchedCluster();
  await cluster.startAll();
  const answers: { readonly type: string | null; readonly bytes: number }[] = [];
  const counting: typeof fetch = async (input, init) => {
    const response = await cluster.fetch(input, init);
    if (!String(input).endsWith("/requests")) return response;
    const body = await response.arrayBuffer();
    answers.push({ type: response.headers.get("content-type"), bytes: body.byteLength });
    return new Response(body, response);
  };
  const clients = [true, false].map((digestReplies) =>
    new Client({ cluster: cluster.cluster, fetch: counting, digestReplies, retryMs: 20_000 })
  );
  try {
    await clients[0]!.invoke(`SET large ${LARGE}`);
    assert(answers.every(({ type }) => type !== DIGEST_REPLY));
    for (const [i, client] of clients.entries()) {
      await client.invoke("GET small");
      answers.length = 0;
      // Two of them share a signature, so that a path leads to what is signed.
      const outcomes = await Promise.all([client.submit("GET large"), clients[1 - i]!.submit("GET small")]);
      assertEquals(outcomes[0].json(), LARGE);
      const { voters, result } = await verifyReceipt(cluster.cluster, outcomes[0].receipt);
      assertEquals([voters.length, result.value.length], [2, LARGE.length + 2]);
      const bytes = answers.reduce((sum, answer) => sum + answer.bytes, 0);
      const digests = answers.filter(({ type }) => type === DIGEST_REPLY);
      if (i === 1) assertEquals([digests.length, bytes > 2 * LARGE.length], [0, true]);
      else assert(digests.length === 1 && digests[0]!.bytes < 600 && bytes < 1.1 * LARGE.length, `${bytes} bytes`);
    }
  } finally {
    for (const client of clients) client.close();
    await cluster.stopAll();
  }
});
