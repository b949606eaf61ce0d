import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { FORMAT } from "../../src/node/storage/identity.ts";
import { ReplicaNode } from "../../src/node/node.ts";
import type { Store } from "../../src/node/ports.ts";
import { NewerStoreError } from "../../src/node/storage/store_errors.ts";
import { DenoKvStore, SqliteStore } from "../../src/runtime/deno.ts";
import type { MemoryStore } from "../../src/stores/memory.ts";
import { parseClusterFile, utf8 } from "../../src/wire/mod.ts";
import { ManualTimer } from "../node/_manual_timer.ts";
import { Cluster } from "../node/_cluster.ts";
import { pack } from "../../src/wire/mod.ts";

/** What was kept of each release: see released/make.ts. */
const RELEASED = new URL("released/", import.meta.url).pathname;

interface Kept {
  readonly cluster: unknown;
  readonly members: readonly { readonly name: string; readonly path: string; readonly privateKey: string }[];
  readonly view: number;
  readonly executed: number;
}

for (const format of Array.from(Deno.readDirSync(RELEASED)).filter(({ isDirectory }) => isDirectory)) {
  const folder = `${RELEASED}${format.name}`;
  const kept: Kept = JSON.parse(Deno.readTextFileSync(`${folder}/stores.json`));
  const cluster = parseClusterFile(kept.cluster);
  for (const { name, path, privateKey } of kept.members) {
    Deno.test(`a store of format ${format.name} (${path}) opens, with everything that its replica had stored`, async () => {
      const copy = `${await Deno.makeTempDir()}/${path}`;
      await Deno.copyFile(`${folder}/${path}`, copy);
      const isKv = path.endsWith(".kv");
      const timer = new ManualTimer();
      const node = await ReplicaNode.open({
        self: cluster.genesis.replicas.findIndex((member) => member.name === name) as ReplicaId,
        genesis: cluster.genesis,
        store: isKv ? await DenoKvStore.open(copy, { prefix: [name] }) : await SqliteStore.open(copy),
        transport: { deliver: () => Promise.reject(new Error("nobody is there")) },
        timer,
        privateKey,
        stateMachine: () => new KeyValue(),
        persistInputs: isKv,
        seed: 1,
      });
      // What the store kept beside its records is executed again as it is read, and a real database answers when it does.
      const isThere = () => node.status().replica.lastExecuted >= kept.executed;
      for (const end = Date.now() + 20_000; !isThere() && Date.now() < end;) await timer.idle();
      const { halted, storeError, replica } = node.status();
      assertEquals([halted, storeError, replica.recovering], [undefined, undefined, false]);
      assertEquals([replica.view, replica.active], [kept.view, true] as never);
      assertEquals(replica.lastExecuted >= kept.executed, true, `${replica.lastExecuted} of ${kept.executed}`);
      await node.close();
      await Deno.remove(copy.slice(0, -path.length), { recursive: true });
    });
  }
}

Deno.test("a store of a newer format is refused in one line, by a restart and by a recovery, and left unchanged", async () => {
  const cluster = await Cluster.open();
  const vouched = cluster.node(0).vouch([{ name: "ada", timestamp: 1, operation: utf8("INCR n") }]);
  await cluster.timer.advance(400);
  await vouched;
  await cluster.close();
  const store: Store & MemoryStore = cluster.stores.get(2 as ReplicaId)!.copy();
  const { version } = await store.load();
  await store.commit({ records: new Map([["format", pack(FORMAT + 1)]]), blobs: new Map() }, version);
  const before = await store.load();
  for (const start of ["resume", "recover"] as const) {
    const options = { self: 2 as ReplicaId, genesis: cluster.genesis, timer: cluster.timer, start };
    const open = () =>
      ReplicaNode.open({
        ...options,
        store: store.reopen(),
        transport: cluster.network.transportOf(2 as ReplicaId),
        privateKey: "3".padStart(64, "0"),
        stateMachine: () => new KeyValue(),
      });
    const { message } = await assertRejects(open, NewerStoreError);
    assertStringIncludes(message, `expected format ${FORMAT} at most, got ${FORMAT + 1}`);
    assertEquals(message.includes("\n"), false);
    assertEquals(await store.load(), before);
  }
});
