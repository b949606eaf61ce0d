import { assert, assertEquals, assertRejects } from "@std/assert";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import type { Archive, Loaded, Store } from "../../src/node/ports.ts";
import { serve, type ServeOptions } from "../../src/runtime/deno.ts";
import { openReplica } from "../../src/runtime/nodejs.ts";
import { Client } from "../../src/client/mod.ts";
import { KeyValue } from "../../src/machines/key_value.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { clusterOfOne } from "../tools/cluster_of_one.ts";
import { freePort } from "../tools/ports.ts";

/** A cluster of one. */
function options(): ServeOptions {
  return { ...clusterOfOne(), store: new MemoryStore(), hostname: "127.0.0.1", port: 0 };
}

async function text(response: Response): Promise<[number, string]> {
  return [response.status, await response.text()];
}

Deno.test("a replica is served until it is closed", async () => {
  const replica = await serve(options());
  assertEquals(await text(await fetch(`${replica.url}/readyz`)), [200, "ready\n"]);
  const response = await fetch(`${replica.url}/req`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ clientID: "ada", operation: "INCR n" }),
  });
  assertEquals((await response.json()).result, 1);
  await replica.close();
  await replica.closed;
  await assertRejects(() => fetch(`${replica.url}/readyz`));
});

Deno.test("a replica that is given an archive hands over what it has executed, whichever way it is run", async () => {
  for (const open of [serve, openReplica]) {
    const executed = new Set<number>();
    const all = Promise.withResolvers<void>();
    const archive: Archive = {
      put(batches) {
        for (const { sequence } of batches) executed.add(sequence);
        if (executed.size === 16) all.resolve();
        return Promise.resolve();
      },
    };
    const { node, close } = await open({ ...options(), archive });
    for (let timestamp = 1; timestamp <= 16; timestamp++) {
      await node.vouch([{ name: "ada", timestamp, operation: new TextEncoder().encode("INCR n") }]);
    }
    await all.promise;
    await close();
  }
});

Deno.test("a served replica limits by the connection's address, whatever a caller writes into its headers", async () => {
  const app = { addressLimit: { perSecond: 0.001, burst: 2 }, readers: "everybody" } as const;
  const replica = await serve({ ...options(), app });
  const statuses: number[] = [];
  for (const i of [1, 2, 3]) {
    const headers = { "x-forwarded-for": `203.0.113.${i}`, "cf-connecting-ip": `203.0.113.${i}` };
    statuses.push((await text(await fetch(`${replica.url}/status`, { headers })))[0]);
  }
  assertEquals(statuses, [200, 200, 429]);
  assertEquals((await text(await fetch(`${replica.url}/readyz`)))[0], 200);
  await replica.close();
});

Deno.test("a replica closes when its signal aborts, though somebody still listens to its events", async () => {
  const controller = new AbortController();
  const replica = await serve({ ...options(), signal: controller.signal });
  const events = await fetch(`${replica.url}/events`);
  controller.abort();
  await replica.closed;
  await events.text();
});

Deno.test("a replica whose signal has aborted already is closed at once", async () => {
  const replica = await serve({ ...options(), signal: AbortSignal.abort() });
  await replica.closed;
});

Deno.test("while the store opens, the replica says that it is starting", async () => {
  const opening = Promise.withResolvers<void>();
  const port = freePort();
  const store: Store = new MemoryStore();
  const load = store.load.bind(store);
  store.load = async (): Promise<Loaded> => {
    await opening.promise;
    return await load();
  };
  const starting = serve({ ...options(), store, port });
  const response = await fetch(`http://127.0.0.1:${port}/readyz`);
  assertEquals([response.status, response.headers.get("retry-after")], [503, "1"]);
  assert((await response.json()).detail.includes("starting"));
  opening.resolve();
  const replica = await starting;
  assertEquals((await text(await fetch(`${replica.url}/readyz`)))[0], 200);
  await replica.close();
});

Deno.test("a taken port is an error, and the store is not touched", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const store: Store = new MemoryStore();
  let loads = 0;
  store.load = () => (loads++, Promise.reject(new Error("not now")));
  await assertRejects(() => serve({ ...options(), store, port }), Deno.errors.AddrInUse);
  listener.close();
  assertEquals(loads, 0);
});

Deno.test("who is no member, or has another's key, is not served, and its port is free again", async () => {
  await assertRejects(() => serve({ ...options(), self: "Zebra" }), TypeError, "expected one of Apple");
  const { privateKey } = generateKeyPair();
  const port = freePort();
  await assertRejects(() => serve({ ...options(), privateKey, port }), TypeError, "privateKey");
  await (await serve({ ...options(), port })).close();
});

Deno.test("a wrong key, a wrong setting or another state machine leaves no store behind, whichever way a replica is run", async () => {
  const folder = await Deno.makeTempDir();
  const { privateKey } = generateKeyPair();
  const stateMachine = () => Object.assign(new KeyValue(), { version: "other/1" });
  const wrong = [{ privateKey }, { settings: { viewTimeoutMs: 0 } }, { stateMachine }];
  for (const open of [serve, openReplica]) {
    for (const part of wrong) {
      await assertRejects(() => open({ ...options(), ...part, store: `${folder}/state.db` }));
      assertEquals([...Deno.readDirSync(folder)], []);
    }
  }
  await Deno.remove(folder);
});

Deno.test("votes go by sockets where the peers take them, and by POST where they don't", async () => {
  const names = ["Apple", "Ball", "Candy", "Dog"];
  const keys = names.map(() => generateKeyPair());
  const urls = Object.fromEntries(names.map((name) => [name, `http://127.0.0.1:${freePort()}`]));
  const { cluster: { genesis } } = options();
  const replicas = names.map((name, i) => ({ name, publicKey: keys[i]!.publicKey }));
  const cluster = { genesis: { ...genesis, replicas }, urls };
  const served = await Promise.all(names.map((self, i) =>
    serve({
      cluster,
      self,
      privateKey: keys[i]!.privateKey,
      store: new MemoryStore(),
      hasSockets: self !== "Dog",
    })
  ));
  const client = new Client({ cluster });
  const countAll = () =>
    Promise.all(served.map(async ({ url }) => {
      const lines = (await (await fetch(`${url}/metrics`)).text()).split("\n");
      const count = (method: string, code: number) =>
        Number(
          lines.find((line) =>
            line.startsWith("pbft_http_requests_total{") && line.includes('"/messages"') &&
            line.includes(`"${method}"`) && line.includes(`"${code}"`)
          )?.split(" ").at(-1) ?? 0,
        );
      return { opened: count("GET", 101), refused: count("GET", 405), posts: count("POST", 202) };
    }));
  // A socket that opens late, or that seems not to deliver because the machine is busy, is replaced by POST for a while.
  let counts = await countAll();
  for (let round = 1; round <= 20; round++) {
    for (let i = 0; i < 30; i++) await client.invoke("INCR n");
    const before = counts;
    counts = await countAll();
    const posts = counts.map((count, i) => count.posts - before[i]!.posts);
    if (posts[3]! > 2 * Math.max(...posts.slice(0, 3))) break;
    assert(round < 20, JSON.stringify(counts));
  }
  client.close();
  // From each replica that has sockets to each that takes them.
  assertEquals(counts.map(({ opened }) => opened >= 2), [true, true, true, false], JSON.stringify(counts));
  assertEquals(counts[3]!.opened, 0);
  assert(counts[3]!.refused >= 3);
  await Promise.all(served.map((replica) => replica.close()));
});
