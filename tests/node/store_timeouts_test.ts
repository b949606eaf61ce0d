import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { ClientId, Digest, ReplicaId } from "../../src/core/messages/ids.ts";
import type { Query } from "../../src/core/messages/messages.ts";
import { StoreGoneError } from "../../src/node/storage/store_errors.ts";
import type { HostEvent } from "../../src/node/host_event.ts";
import { decodeFrame, fromUtf8, utf8 } from "../../src/wire/mod.ts";
import { readiness } from "../../src/http/routes/status.ts";
import { Cluster } from "./_cluster.ts";
import { Bench, greeting, type Script, viewRecord } from "./_fake_core.ts";

const record: Script = (input, env) =>
  input.kind === "status" ? { records: [viewRecord(input.status.message.executed)], messages: [greeting(env)] } : {};

Deno.test("a commit that never returns times out: the replica reports it, is not ready, and continues once the store works", async () => {
  const failures: string[] = [];
  const onHostEvent = (event: HostEvent) => {
    if (event.kind === "store-failed") failures.push(event.reason);
    if (event.kind === "store-works") failures.push("it works");
  };
  const bench = await Bench.open(record, { observers: [{ onHostEvent }] });
  const { node, timer, store } = bench;
  store.holding = true;
  const answer = node.receive([bench.statusFrame(1)]);
  const woken = node.wake();
  await timer.advance(14_000);
  assertEquals([node.status().storeError, bench.sent.of.length], [undefined, 0]);
  await timer.advance(1_000);
  const message = "StoreTimeoutError: the store has not answered commit() for 15000 ms";
  assertEquals(node.status().storeError, message);
  assertEquals(readiness(node), { ready: false, reason: `commits to the store fail: ${message}` });
  await woken;
  assertEquals(failures, [message]);
  store.letGo(); // the commit that was given up is made after all: those who came after it find a conflict
  await timer.advance(5_000);
  assertEquals([await answer, node.status().storeError, bench.sent.to(1)], [[null], undefined, 1]);
  assertEquals(failures, [message, "it works"]);
  await node.close();
});

Deno.test("a read that never returns times out, and so does the load after it, until the store answers again", async () => {
  const wanted = "a".repeat(64) as Digest;
  const bench = await Bench.open((input) => input.kind === "status" ? { loads: [wanted] } : {});
  const { node, timer, store } = bench;
  const [load, read] = [store.load.bind(store), store.read.bind(store)];
  Object.assign(store, { load: () => new Promise(() => {}), read: () => new Promise(() => {}) });
  void node.receive([bench.statusFrame(1)]);
  await timer.advance(15_000);
  assertMatch(node.status().storeError!, /has not answered read\(\) for 15000 ms/);
  await timer.advance(20_000);
  assertMatch(node.status().storeError!, /has not answered load\(\) for 15000 ms/);
  assertEquals(readiness(node).ready, false);
  Object.assign(store, { load, read });
  await timer.advance(30_000);
  const { storeError, isReloading } = node.status();
  assertEquals([storeError, isReloading], [undefined, undefined], "a commit has shown that it works");
  await node.close();
});

Deno.test("a store whose file is gone stops the replica within seconds, with the reason", async () => {
  const bench = await Bench.open(record);
  const { node, timer } = bench;
  await node.close();
  const store = Object.assign(bench.store, { check: () => Promise.resolve() });
  await bench.start(record, { start: "resume" });
  await timer.advance(5_000);
  assertEquals(bench.node.status().halted, undefined);
  store.check = () => Promise.reject(new StoreGoneError("the file was removed"));
  await timer.advance(1_000);
  assertStringIncludes(bench.node.status().halted!, "the file was removed");
  assertEquals((await bench.node.receive([bench.statusFrame(1)]))[0]?.reason, "unavailable");
  await bench.node.close();
  assertEquals((await store.load()).records.has("halted"), false, "with its file back it may go on");
  assertEquals(timer.alarmsInMs, []);
});

for (const persistInputs of [true, false]) {
  Deno.test(`of two instances on one store the one that is behind answers no query, ${persistInputs ? "on the edge" : "in processes"}`, async () => {
    const cluster = await Cluster.open({ node: () => ({ persistInputs }) });
    const write = async (value: string, timestamp: number) => {
      const written = cluster.node(0).vouch([{ name: "ada", timestamp, operation: utf8(`SET n ${value}`) }]);
      await cluster.timer.advance(400);
      await written;
    };
    const ask = async (id: number) => {
      const author = cluster.author(9);
      const query: Query = {
        kind: "query",
        client: author.publicKey as ClientId,
        nonce: 1,
        operations: [utf8("GET n")],
      };
      const answer = nodes[id]!.query(author.frame(query));
      await cluster.timer.advance(400);
      const got = await answer;
      const message = got instanceof Uint8Array ? decodeFrame(got).signed.message : null;
      return message?.kind === "query-reply" ? fromUtf8(message.results[0]!.value) : JSON.stringify(got);
    };
    await write("old", 1);
    const before = cluster.node(2);
    const after = await cluster.open(2 as ReplicaId, cluster.stores.get(2 as ReplicaId)!.reopen(), 77);
    const nodes = [before, after];
    cluster.network.nodes.set(2 as ReplicaId, after);
    cluster.network.down.add(3 as ReplicaId);
    await write("new", 2);
    assertEquals([await ask(1), await ask(0)], ['"new"', '"new"']);
    await Promise.all([cluster.close(), before.close()]);
  });
}

Deno.test("a query costs no commit where the store can tell its version", async () => {
  const cluster = await Cluster.open();
  const author = cluster.author(9);
  const query: Query = { kind: "query", client: author.publicKey as ClientId, nonce: 1, operations: [utf8("GET n")] };
  const { version } = await cluster.stores.get(2 as ReplicaId)!.load();
  const answer = cluster.node(2).query(author.frame(query));
  await cluster.timer.advance(100);
  assertEquals(await answer instanceof Uint8Array, true);
  assertEquals((await cluster.stores.get(2 as ReplicaId)!.load()).version, version);
  await cluster.close();
});
