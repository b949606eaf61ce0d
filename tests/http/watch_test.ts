import { assert, assertEquals } from "@std/assert";
import { ChangeLog } from "../../src/node/watching/change_log.ts";
import { harness, problemOf } from "./helpers.ts";
import { WatchedCluster } from "../watch/_watched_cluster.ts";

async function withReplica(
  act: (ask: (query: string, init?: RequestInit) => Promise<Response>) => Promise<void>,
): Promise<void> {
  const cluster = new WatchedCluster();
  await cluster.startAll();
  try {
    await act((query, init) => cluster.fetch(`http://replica-0.test/watch${query}`, init));
  } finally {
    await cluster.stopAll();
  }
}

Deno.test("GET /watch wants one key, one prefix or batches, and a number to begin at", async () => {
  await withReplica(async (ask) => {
    const refused: readonly (readonly [query: string, says: string])[] = [
      ["", "one of the parameters"],
      ["?key=a&prefix=b", "one of the parameters"],
      ["?key=a&from=-1", "from: expected a positive integer"],
      ["?key=a&from=1e3", "from: expected a positive integer"],
      [`?key=${"k".repeat(3_000)}`, "at most 2048 characters"],
    ];
    for (const [query, says] of refused) {
      const response = await ask(query);
      assertEquals(response.status, 400, query);
      assert((await response.text()).includes(says), query);
    }
    const head = await ask("?key=a", { method: "HEAD" });
    assertEquals([head.status, await head.text()], [200, ""]);
  });
});

Deno.test("there are at most 256 streams at once, and what ends makes room", async () => {
  await withReplica(async (ask) => {
    const ended = Array.from({ length: 256 }, () => new AbortController());
    const streams = await Promise.all(ended.map(({ signal }) => ask("?batches", { signal })));
    assertEquals(streams.every(({ status }) => status === 200), true);
    const refused = await ask("?batches");
    assertEquals(refused.status, 429);
    assert(refused.headers.has("retry-after"));
    await refused.body?.cancel();
    await Promise.all(streams.slice(0, 2).map(({ body }) => body!.cancel()));
    for (const each of ended) each.abort();
    for (let status = 429; status !== 200;) {
      const again = new AbortController();
      const response = await ask("?batches", { signal: again.signal });
      status = response.status;
      if (status !== 200) await response.body?.cancel();
      again.abort();
    }
  });
});

Deno.test("a replica that stops opens no stream", async () => {
  const ended = new AbortController();
  const { app, node } = harness({ signal: ended.signal });
  const changes = new ChangeLog();
  Object.assign(node, { changes, signChanges: () => new Uint8Array(64) });
  const open = await app.request("/watch?batches");
  ended.abort();
  assertEquals(await open.text(), "", "what is open ends");
  await problemOf(await app.request("/watch?batches"), 503, "unavailable");
});
