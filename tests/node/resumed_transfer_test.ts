import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import type { Digest, ReplicaId } from "../../src/core/messages/ids.ts";
import { clusterId } from "../../src/crypto/mod.ts";
import { entriesOf, readPage, readRoot } from "../../src/core/tree/state_tree.ts";
import type { StateMachine } from "../../src/core/state_machine.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { ReplicaNode } from "../../src/node/node.ts";
import type { Store, Transport, Version, Writes } from "../../src/node/ports.ts";
import { RecordReader } from "../../src/node/storage/record_reader.ts";
import { loadedWhole } from "../../src/testing/machine/loaded_whole.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { decodeFrame, unpack } from "../../src/wire/mod.ts";
import { Author, genesisOf, keyPairOf } from "./_cluster.ts";
import { ManualTimer } from "./_manual_timer.ts";

const CHUNK_SIZE = 64;
const COLD = 3;

/** A store whose contents can be looked at. */
class OpenStore implements Store {
  readonly blobs = new Set<Digest>();
  readonly store = new MemoryStore();

  load(): ReturnType<Store["load"]> {
    return this.store.load();
  }

  read(digests: readonly Digest[]): ReturnType<Store["read"]> {
    return this.store.read(digests);
  }

  async commit(writes: Writes, expected: Version): Promise<Version> {
    const version = await this.store.commit(writes, expected);
    for (const [digest, bytes] of writes.blobs) bytes ? this.blobs.add(digest) : this.blobs.delete(digest);
    return version;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Three replicas that run, and one that is started by each message, and stopped when that is done. */
class HalfColdCluster {
  readonly timer = new ManualTimer();
  readonly genesis = { ...genesisOf(4), stateMachine: new KeyValue({ chunkSize: CHUNK_SIZE }).version };
  readonly cluster = clusterId(this.genesis);
  readonly stores = this.genesis.replicas.map(() => new OpenStore());
  readonly nodes: ReplicaNode[] = [];
  readonly ada = new Author(9, this.cluster);
  readonly dead = new Set<number>();
  isColdUp = false;
  starts = 0;
  blobsServed = 0;
  #timestamp = 0;

  constructor(readonly createMachine: () => StateMachine) {}

  async open(self: number): Promise<ReplicaNode> {
    const transport: Transport = {
      deliver: async (to, frames) => {
        for (const frame of frames) {
          const { message } = decodeFrame(frame).signed;
          if (message.kind === "blobs" && to === COLD) this.blobsServed += message.blobs.length;
        }
        if (this.dead.has(to)) throw new Error("connection refused");
        if (to !== COLD) return void await this.nodes[to]!.receive(frames);
        if (!this.isColdUp) throw new Error("connection refused");
        await this.visit((node) => node.receive(frames));
      },
    };
    return await ReplicaNode.open({
      self: self as ReplicaId,
      genesis: this.genesis,
      store: this.stores[self]!,
      transport,
      timer: this.timer,
      privateKey: keyPairOf(self + 1).privateKey,
      stateMachine: this.createMachine,
      persistInputs: self === COLD,
      start: "new",
      seed: self + 100 * this.starts,
    });
  }

  async visit<T>(run: (node: ReplicaNode) => Promise<T>): Promise<T> {
    this.starts++;
    const node = await this.open(COLD);
    try {
      return await run(node);
    } finally {
      void node.sent().then(() => node.close());
    }
  }

  async execute(operations: readonly string[]): Promise<void> {
    const timestamp = operations.length === 0 ? 1 : ++this.#timestamp;
    const session = operations.length === 0 ? 0 : 1;
    const frame = this.ada.frame(
      this.ada.request({ session, timestamp, lowestUnanswered: timestamp, operations }),
    );
    const answers = this.nodes.map((node) => node.submit(frame));
    await this.timer.advance(50);
    for (const answer of await Promise.all(answers)) assert(answer instanceof Uint8Array);
  }

  async coldStatus(): Promise<ReturnType<ReplicaNode["status"]>> {
    const node = await this.open(COLD);
    await this.timer.idle();
    const status = node.status();
    await node.close();
    return status;
  }
}

/** Blobs that nothing names: no checkpoint, no batch, no list of what may go. */
async function leaked({ stores, genesis }: HalfColdCluster, id: number): Promise<readonly Digest[]> {
  const { store, blobs } = stores[id]!;
  const reader = new RecordReader((await store.load()).records, genesis);
  const known = new Set<Digest>([
    ...reader.accepted().map(({ message }) => message.digest),
    ...reader.prepared().map(({ prePrepare }) => prePrepare.message.digest),
    ...reader.committed().map(({ digest }) => digest),
    ...reader.retired().flatMap(({ digests }) => digests),
    ...reader.fetched().digests,
  ]);
  const { root } = reader.checkpoint()!;
  const read = async (digest: Digest) => unpack((await store.read([digest]))[0]!);
  known.add(root);
  for (const [, page] of readRoot(await read(root)).pages) {
    known.add(page);
    for (const [, chunk] of entriesOf(readPage(await read(page)))) {
      known.add(chunk);
      assert((await store.read([chunk]))[0] !== null, "every chunk of the checkpoint is there");
    }
  }
  return [...blobs].filter((digest) => !known.has(digest));
}

const lazyLoading = () => new KeyValue({ chunkSize: CHUNK_SIZE });

const whole = () => loadedWhole(lazyLoading());

for (const [name, createMachine] of [["loaded by need", lazyLoading], ["loaded whole", whole]] as const) {
  Deno.test(`the transfer of a state ${name} continues on a host that stops after each message, and leaves no records behind`, async () => {
    const cluster = new HalfColdCluster(createMachine);
    const { timer } = cluster;
    for (let id = 0; id < COLD; id++) cluster.nodes.push(await cluster.open(id));
    await cluster.execute([]);
    for (let at = 0; at < 40; at++) {
      await cluster.execute(Array.from({ length: 30 }, (_, i) => `SET user:${30 * at + i} value`));
    }
    const target = cluster.nodes[0]!.status().replica.lowWatermark as number;
    assertGreater(target, 30);
    cluster.isColdUp = true;
    let ticks = 0;
    for (; ticks < 200 && ((await cluster.coldStatus()).replica.lastExecuted as number) < target; ticks++) {
      await timer.advance(200);
      // It moves on while the transfer is under way.
      if (ticks % 10 === 5) await cluster.execute([`SET user:${ticks} other`]);
    }
    const chunks = cluster.stores[0]!.blobs.size;
    assertGreater(chunks, 300);
    assertLess(ticks, 60);
    assertLess(cluster.blobsServed, 1.5 * chunks);
    assertEquals((await cluster.coldStatus()).halted, undefined);
    for (let i = 0; i < 20; i++) {
      await cluster.execute([`SET user:${i} again`, `DEL user:${100 + i}`, `SET user:${i % 2} ${i % 3}`]);
      await timer.advance(300);
    }
    for (let i = 0; i < 10; i++) await timer.advance(500);
    const roots = new Set(cluster.nodes.map((node) => node.status().replica.stateRoot));
    const cold = await cluster.coldStatus();
    assertEquals([cold.replica.stateRoot, cold.replica.transferring], [[...roots][0]!, false]);
    for (const id of [0, COLD]) assertEquals(await leaked(cluster, id), [], `replica ${id}`);
    const { records } = await cluster.stores[COLD]!.load();
    assertEquals([...records.keys()].filter((key) => key.startsWith("fetched/")), []);
    for (const node of cluster.nodes) await node.close();
  });
}

Deno.test("a host that is restarted for each message, and so forgets failures, still asks others than a dead peer", async () => {
  const cluster = new HalfColdCluster(lazyLoading);
  const { timer } = cluster;
  for (let id = 0; id < COLD; id++) cluster.nodes.push(await cluster.open(id));
  await cluster.execute([]);
  for (let at = 0; at < 40; at++) await cluster.execute([`SET user:${at} value`]);
  const target = cluster.nodes[1]!.status().replica.lowWatermark as number;
  assertGreater(target, 30);
  cluster.dead.add(0);
  await cluster.nodes[0]!.close();
  cluster.isColdUp = true;
  let ticks = 0;
  for (; ticks < 200 && ((await cluster.coldStatus()).replica.lastExecuted as number) < target; ticks++) {
    await timer.advance(1_000);
  }
  assertLess(ticks, 100);
  for (const node of cluster.nodes.slice(1)) await node.close();
});
