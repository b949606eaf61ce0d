/** Blobs that a store has lost or changed: found by reading the state again, or when they are needed, and fetched from the others. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import type { Digest, ReplicaId } from "../../src/core/messages/ids.ts";
import type { ReplicaEvent } from "../../src/core/events.ts";
import { sha256 } from "../../src/crypto/mod.ts";
import type { HostEvent } from "../../src/node/host_event.ts";
import type { Store } from "../../src/node/ports.ts";
import { startScrubbing } from "../../src/node/repair/scrub.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { Cluster } from "./_cluster.ts";

/** The store of a replica whose disk rots: reads of some blobs give other bytes, or none, until they are written again. */
class RottenStore implements Store {
  readonly rotten = new Map<Digest, "changed" | "gone">();
  readonly written = new Set<Digest>();

  constructor(public store: MemoryStore) {}

  load() {
    return this.store.load();
  }

  async read(digests: readonly Digest[]) {
    const blobs = await this.store.read(digests);
    return blobs.map((blob, i) => {
      const rot = this.rotten.get(digests[i]!);
      return rot === undefined || blob === null
        ? blob
        : rot === "gone"
        ? null
        : blob.map((byte, at) => at === 0 ? byte ^ 1 : byte);
    });
  }

  commit(...[writes, expected]: Parameters<Store["commit"]>) {
    for (const [digest, bytes] of writes.blobs) {
      if (bytes === null) continue;
      this.written.add(digest);
      this.rotten.delete(digest);
    }
    return this.store.commit(writes, expected);
  }

  close() {
    return this.store.close();
  }
}

const DOG = 3 as ReplicaId;

async function running() {
  let start: "new" | "resume" = "new";
  const events: ReplicaEvent[] = [];
  const hostEvents: HostEvent[] = [];
  const cluster = await Cluster.open({
    node: (id) => {
      if (id !== DOG) return {};
      return {
        observers: [{
          onEvent: (event) => void events.push(event),
          onHostEvent: (event) => void hostEvents.push(event),
        }],
        start,
      };
    },
  });
  // The store of Dog is exchanged for one that may rot.
  cluster.crash(DOG);
  const store = new MemoryStore();
  cluster.stores.set(DOG, store);
  const disk = new RottenStore(store);
  const dog = await cluster.open(DOG, disk);
  cluster.network.nodes.set(DOG, dog);
  cluster.network.down.delete(DOG);
  start = "resume";
  const restart = async () => {
    cluster.crash(DOG);
    await cluster.timer.advance(100);
    disk.store = disk.store.reopen();
    const again = await cluster.open(DOG, disk);
    cluster.network.nodes.set(DOG, again);
    cluster.network.down.delete(DOG);
    await cluster.timer.advance(1_000);
    return again;
  };
  let timestamp = 0;
  const ask = async (text: string) => {
    const answer = cluster.node(0).vouch([{ name: "ada", timestamp: ++timestamp, operation: utf8(text) }]);
    await cluster.timer.advance(100);
    const settled = await answer;
    assert("results" in settled, JSON.stringify(settled));
  };
  const write = async (from: number, to: number) => {
    for (let i = from; i < to; i++) await ask(`SET key${String(i).padStart(4, "0")} ${"x".repeat(1_000)}`);
    await cluster.timer.advance(1_000);
  };
  /** The pages and chunks of Dog's last checkpoint. */
  const blobs = async () => [...await stateBlobs(store, cluster.node(DOG).status().replica.stateRoot!)];
  return { cluster, dog, disk, events, hostEvents, ask, write, blobs, restart };
}

/** The digests of a state: pages and chunks, without the root. */
async function stateBlobs(store: Store, root: Digest): Promise<ReadonlySet<Digest>> {
  const found = new Set<Digest>();
  const text = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);
  const pending = [root];
  while (pending.length > 0) {
    const [bytes] = await store.read([pending.pop()!]);
    if (!bytes) continue;
    for (const [digest] of text(bytes).matchAll(/[0-9a-f]{64}/g)) {
      if (found.has(digest as Digest)) continue;
      const [blob] = await store.read([digest as Digest]);
      if (!blob || sha256(blob) !== digest) continue;
      found.add(digest as Digest);
      pending.push(digest as Digest);
    }
  }
  return found;
}

Deno.test("a replica reads its state again, and fetches what its disk has lost or changed", async () => {
  const { cluster, dog, disk, events, hostEvents, write, blobs } = await running();
  const stop = new AbortController();
  startScrubbing({ everyMs: 60_000, ...dog.scrubbed, signal: stop.signal });
  await write(0, 60);
  const state = await blobs();
  assertGreater(state.length, 10);
  const [changed, gone] = [state.slice(0, 5), state.slice(5, 9)];
  for (const digest of changed) disk.rotten.set(digest, "changed");
  for (const digest of gone) disk.rotten.set(digest, "gone");
  disk.written.clear();
  for (let i = 0; i < 4; i++) await cluster.timer.advance(60_000);
  assertEquals(disk.rotten.size, 0);
  assertEquals([...disk.written].filter((digest) => [...changed, ...gone].includes(digest)).length, 9);
  const repaired = events.flatMap((event) => event.kind === "repaired" ? [event.blobs] : []);
  assertEquals(repaired.reduce((sum, count) => sum + count, 0), 9);
  assertEquals(new Set(hostEvents.map(({ kind }) => kind)), new Set(["state-damaged"]));
  hostEvents.length = 0;
  await cluster.timer.advance(120_000);
  assertEquals([hostEvents, dog.status().halted, dog.status().inputFaults], [[], undefined, 0]);
  stop.abort();
  await cluster.close();
});

Deno.test("reading again takes as long as its rate says, and stops with its signal", async () => {
  const reads: number[] = [];
  const { cluster, dog, disk, write } = await running();
  await write(0, 60);
  const read = disk.read.bind(disk);
  disk.read = (digests) => {
    reads.push(cluster.timer.now());
    return read(digests);
  };
  const stop = new AbortController();
  startScrubbing({ everyMs: 1_000, bytesPerSecond: 1_000, ...dog.scrubbed, signal: stop.signal });
  await cluster.timer.advance(90_000);
  const duration = reads.at(-1)! - reads[0]!;
  assertGreater(duration, 50_000); // 60 kB and more
  stop.abort();
  reads.length = 0;
  await cluster.timer.advance(60_000);
  assertEquals(reads, []);
  await cluster.close();
});

Deno.test("a replica that needs a damaged part of its state fetches it and goes on, without a halt", async () => {
  const { cluster, disk, events, write, ask, blobs, restart } = await running();
  await write(0, 60);
  const state = await blobs();
  const again = await restart();
  for (const digest of state) disk.rotten.set(digest, "changed");
  for (let i = 0; i < 60; i += 7) await ask(`SET key${String(i).padStart(4, "0")} y`);
  await write(60, 70);
  await cluster.timer.advance(5_000);
  const { halted, replica: { lastExecuted, stateRoot } } = again.status();
  const other = cluster.node(0).status().replica;
  assertEquals([halted, lastExecuted, stateRoot], [undefined, other.lastExecuted, other.stateRoot]);
  assert(events.some(({ kind }) => kind === "repaired"));
  await cluster.close();
});
