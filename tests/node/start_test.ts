import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import { generateKeyPair } from "../../src/crypto/mod.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { type NodeOptions, ReplicaNode } from "../../src/node/node.ts";
import { StoreConflictError } from "../../src/node/ports.ts";
import { StartError } from "../../src/node/storage/store_errors.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { genesisOf, keyPairOf } from "./_cluster.ts";
import { ManualTimer } from "./_manual_timer.ts";

async function open(options: Partial<NodeOptions>): Promise<ReplicaNode> {
  return await ReplicaNode.open({
    self: 1 as ReplicaId,
    genesis: genesisOf(4),
    store: new MemoryStore(),
    transport: { deliver: () => Promise.resolve() },
    timer: new ManualTimer(),
    privateKey: keyPairOf(2).privateKey,
    stateMachine: () => new KeyValue(),
    seed: 1,
    ...options,
  });
}

async function isEmpty(store: MemoryStore): Promise<boolean> {
  const { version, records } = await store.load();
  return version === 0 && records.size === 0;
}

Deno.test("resume refuses an empty store, the error names the alternatives, and nothing is written", async () => {
  for (const start of [undefined, "resume"] as const) {
    for (const persistInputs of [false, true]) {
      const store = new MemoryStore();
      const { message } = await assertRejects(() => open({ store, start, persistInputs }), StartError);
      assertStringIncludes(message, 'start it as "new" (--start new, PBFT_START=new)');
      assertStringIncludes(message, 'as "recover" (--start recover, PBFT_START=recover)');
      assertStringIncludes(message, "Ball");
      assertEquals([message.includes("\n"), await isEmpty(store)], [false, true]);
    }
  }
});

Deno.test("the store of a new replica is resumed from then on, and start `new` refuses it", async () => {
  const store = new MemoryStore();
  await (await open({ store: store.reopen(), start: "new" })).close();
  const node = await open({ store: store.reopen() });
  assertEquals(node.status().replica.recovering, false);
  await node.close();
  const { version } = await store.load();
  const { message } = await assertRejects(() => open({ store: store.reopen(), start: "new" }), StartError);
  assertStringIncludes(message, 'start it as "resume"');
  assertEquals((await store.load()).version, version);
});

Deno.test("a host that runs several instances may pass `new` each time", async () => {
  const store = new MemoryStore();
  for (let i = 0; i < 3; i++) {
    const node = await open({ store: store.reopen(), start: "new", persistInputs: true });
    assertEquals(node.status().replica.recovering, false);
    await node.close();
  }
});

Deno.test("a replica started with `recover` does not vote, whether its store is empty or not", async () => {
  const used = new MemoryStore();
  await (await open({ store: used.reopen(), start: "new" })).close();
  for (const store of [new MemoryStore(), used]) {
    for (const said of [{ start: "recover" }, {}] as const) {
      const node = await open({ store: store.reopen(), ...said });
      assertEquals(node.status().replica.recovering, true);
      await node.close();
    }
  }
});

Deno.test("an unknown kind of start is refused, and the error names it", async () => {
  const start = "fresh" as NodeOptions["start"];
  await assertRejects(() => open({ start }), TypeError, 'start: expected new, resume or recover, got "fresh"');
});

Deno.test("a key made in this process starts as new on its first empty store only", async () => {
  const { privateKey, publicKey } = generateKeyPair();
  const genesis = genesisOf(4);
  const replicas = genesis.replicas.map((member, i) => i === 1 ? { ...member, publicKey } : member);
  const own = { privateKey, genesis: { ...genesis, replicas } };
  const store = new MemoryStore();
  await (await open({ ...own, store: store.reopen() })).close();
  await (await open({ ...own, store: store.reopen() })).close();
  await assertRejects(() => open(own), StartError);
});

Deno.test("a store that is emptied while its replica runs stops it, and does not count as new", async () => {
  const store = new MemoryStore();
  const timer = new ManualTimer();
  const node = await open({ store, start: "new", timer, persistInputs: true });
  const emptied = new MemoryStore();
  Object.assign(store, { load: () => emptied.load(), commit: () => Promise.reject(new StoreConflictError(1, 0)) });
  await Promise.all([node.wake(), timer.advance(60_000)]);
  assertStringIncludes(node.status().halted ?? "", "the store is empty");
  assertEquals(await isEmpty(emptied), true);
  await node.close();
});
