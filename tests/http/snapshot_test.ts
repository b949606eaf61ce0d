/** The routes from which a snapshot is saved. */
import { assertEquals, assertMatch } from "@std/assert";
import type { Digest } from "../../src/core/messages/ids.ts";
import { type AppOptions, createApp } from "../../src/http/mod.ts";
import { decodeManifest, proveHead } from "../../src/snapshot/manifest.ts";
import { pack, unpack, utf8 } from "../../src/wire/mod.ts";
import { ManualTimer } from "../client/manual_timer.ts";
import { Cluster } from "../node/_cluster.ts";
import { problemOf } from "./helpers.ts";

const TOKEN = "a-token-of-24-characters";

/** Asks a replica that has executed so many batches, as if from an address; `null`: the server does not tell it. */
async function asking(batches: number, options: Partial<AppOptions> = {}) {
  const cluster = await Cluster.open();
  for (let i = 0; i < batches; i++) {
    const written = cluster.node(0).vouch([{ name: "ada", timestamp: i, operation: utf8(`SET k${i} ${i}`) }]);
    await cluster.timer.advance(50);
    await written;
  }
  await cluster.timer.advance(500);
  const app = createApp(cluster.node(0), { timer: new ManualTimer(), ...options });
  const ask = (path: string, hostname: string | null = "127.0.0.1", init: RequestInit = {}) => {
    const headers = { host: "127.0.0.1:1111", ...init.headers };
    const request = new Request(`http://127.0.0.1:1111${path}`, { ...init, headers });
    return Promise.resolve(app.fetch(request, hostname === null ? undefined : { remoteAddr: { hostname } }));
  };
  const blobs = (body: Uint8Array, type = "application/cbor") =>
    ask("/snapshot/blobs", "127.0.0.1", {
      method: "POST",
      body: body as Uint8Array<ArrayBuffer>,
      headers: { "content-type": type },
    });
  return { cluster, ask, blobs };
}

Deno.test("a snapshot's head proves itself, and its blobs are given in the order in which they are asked for", async () => {
  const { cluster, ask, blobs } = await asking(8);
  const response = await ask("/snapshot");
  assertEquals([response.status, response.headers.get("content-type")], [200, "application/json"]);
  const { root, sequence } = await proveHead(decodeManifest(new Uint8Array(await response.arrayBuffer())), cluster);
  assertEquals(sequence as number, 8);
  const answer = await blobs(pack(["0".repeat(64) as Digest, root]));
  assertEquals(answer.status, 200);
  const [missing, page] = unpack(new Uint8Array(await answer.arrayBuffer())) as Uint8Array[];
  const [stored] = await cluster.stores.get(0 as never)!.reopen().read([root]);
  assertEquals([missing!.length, page], [0, stored]);
  await cluster.close();
});

Deno.test("before the first stable checkpoint there is no snapshot", async () => {
  const { cluster, ask } = await asking(0);
  await problemOf(await ask("/snapshot"), 503, "unavailable");
  await cluster.close();
});

Deno.test("the state is shown to nobody but the own machine, members, and readers with a token or address", async () => {
  const { cluster, ask } = await asking(4, { readers: "everybody" });
  for (const from of ["203.0.113.7", null]) await problemOf(await ask("/snapshot", from), 403, "not-a-reader");
  for (const from of ["203.0.113.7", null]) {
    await problemOf(await ask("/snapshot/blobs", from, { method: "POST" }), 403, "not-a-reader");
  }
  await cluster.close();
  const named = await asking(4, { readers: { addresses: ["198.51.100.4"], token: TOKEN } });
  await (await named.ask("/snapshot", "198.51.100.4")).body!.cancel();
  const authorization = { headers: { authorization: `Bearer ${TOKEN}` } };
  const response = await named.ask("/snapshot", "203.0.113.7", authorization);
  assertEquals(response.status, 200);
  await response.body!.cancel();
  await named.cluster.close();
});

Deno.test("a wrong list of digests is refused with its field", async () => {
  const { cluster, blobs } = await asking(4);
  const digest = "a".repeat(64) as Digest;
  for (
    const body of [
      new Uint8Array(0),
      pack("a"),
      pack([]),
      pack([1]),
      pack(["A".repeat(64)]),
      pack([[digest]]),
      pack(new Array(257).fill(digest)),
    ]
  ) {
    const problem = await problemOf(await blobs(body), 400, "malformed");
    assertEquals(problem.field, "digests");
  }
  await problemOf(await blobs(pack([digest]), "application/json"), 415, "unsupported-media-type");
  await problemOf(await blobs(new Uint8Array(100_000)), 413, "too-large");
  await cluster.close();
});

Deno.test("a member of a later epoch gives the chain too, once it has the state at which the epoch starts", async () => {
  const { cluster } = await asking(8);
  const root = "a".repeat(64) as Digest;
  let wanted = [root];
  const later: Record<string, unknown> = {
    epoch: { number: 1, start: { sequence: 4, root } },
    past: { genesis: cluster.genesis, links: [utf8("link")] },
    stableCertificate: () => [],
    wantedState: () => wanted,
  };
  const node = new Proxy(cluster.node(0), {
    get: (target, name) => {
      if (Object.hasOwn(later, name)) return later[name as string];
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const app = createApp(node, { timer: new ManualTimer() });
  const ask = () => {
    const request = new Request("http://127.0.0.1:1111/snapshot", { headers: { host: "127.0.0.1:1111" } });
    return app.fetch(request, { remoteAddr: { hostname: "127.0.0.1" } });
  };
  const problem = await problemOf(await ask(), 503, "unavailable");
  assertMatch(String(problem.detail), /still fetching the state/);
  wanted = [];
  const response = await ask();
  const { chain, certificate } = decodeManifest(new Uint8Array(await response.arrayBuffer()));
  assertEquals([chain, certificate], [[utf8("link")], []]);
  await cluster.close();
});
