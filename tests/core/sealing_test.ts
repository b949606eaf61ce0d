/** Checkpoints in slices: what they come to, how large a slice is, and what is left of one that was interrupted. */
import { assert, assertEquals } from "@std/assert";
import type { Digest, SequenceNumber } from "../../src/core/messages/ids.ts";
import type { Ready } from "../../src/core/io.ts";
import { entriesOf, readPage, readRoot } from "../../src/core/tree/state_tree.ts";
import type { StateMachine } from "../../src/core/state_machine.ts";
import { wrap } from "../../src/core/wrap.ts";
import { encodeOperation, KeyValue, type KeyValueOperation } from "../../src/machines/mod.ts";
import { loadedWhole } from "../../src/testing/machine/loaded_whole.ts";
import { Random } from "../../src/testing/random.ts";
import { TestClient } from "./_client.ts";
import { Cluster, type Options } from "./_cluster.ts";
import type { Disk } from "./_disk.ts";
import { unpack } from "./_messages.ts";

const WHOLE = Number.MAX_SAFE_INTEGER;
/** The fewest bytes: one chunk, or one page, in each slice. */
const LEAST = 1;
const CHUNK_SIZE = 64;
const text = new TextDecoder();

/** Key-value machines in small chunks: with slices, and as those who do not know of them. */
const MACHINES: { readonly [name: string]: () => StateMachine } = {
  "that freezes": () => new KeyValue({ chunkSize: CHUNK_SIZE }),
  "that gives all at once": () => {
    return wrap<StateMachine>(new KeyValue({ chunkSize: CHUNK_SIZE }), { freezeChanges: undefined });
  },
  "that is loaded whole": () => loadedWhole(new KeyValue({ chunkSize: CHUNK_SIZE })),
};

function clusterOf(checkpointSliceBytes: number, options: Options = {}): Cluster {
  return new Cluster({ machine: MACHINES["that freezes"]!, ...options, settings: { checkpointSliceBytes } });
}

/** Sets, changes back and removes keys, so that chunks are split and merged, and old ones come again. */
function operation(random: Random): string {
  const key = `key-${random.int(0, 120)}`;
  const drawn = random.int(0, 9);
  const one: KeyValueOperation = drawn < 3
    ? { op: "del", key }
    : { op: "set", key, value: "v".repeat(random.pick([1, 1, 20, 80])) };
  return text.decode(encodeOperation(one));
}

/** The digests that the root names, itself among them. @throws if one is not on the disk. */
function named(disk: Disk, root: Digest): Set<Digest> {
  const found = new Set([root]);
  const bytesOf = (digest: Digest) => {
    const bytes = disk.blobs.get(digest);
    assert(bytes, `blob ${digest.slice(0, 8)} is stored`);
    found.add(digest);
    return unpack(bytes);
  };
  for (const [, page] of readRoot(bytesOf(root)).pages) {
    for (const [, chunk] of entriesOf(readPage(bytesOf(page)))) bytesOf(chunk);
  }
  return found;
}

/** The disk has the blobs of its checkpoint, drops none of them, and has no other that is neither retired nor noted. */
function assertNoLeak(disk: Disk): void {
  if (!disk.checkpoint) return;
  const known = named(disk, disk.checkpoint.root);
  const listed = [...disk.retired].filter(([, digests]) => digests.some((digest) => known.has(digest)));
  assertEquals(listed.map(([sequence]) => sequence), [], "lists of blobs to drop that the checkpoint names");
  for (const digests of [...disk.retired.values(), disk.fetched]) for (const digest of digests) known.add(digest);
  const left = [...disk.blobs.keys()].filter((digest) => !known.has(digest));
  assertEquals(left.length, 0, `of ${disk.blobs.size} blobs so many have no name`);
}

function rootsOf(cluster: Cluster, id = 0): Map<SequenceNumber, Digest> {
  return new Map(cluster.events.flatMap(({ replica, event }) => {
    return replica === id && event.kind === "checkpoint-taken" ? [[event.sequence, event.root] as const] : [];
  }));
}

function bytesOf({ records }: Ready): number {
  const blobs = records.flatMap((record) => record.kind === "blobs" ? [...record.blobs.values()] : []);
  return blobs.reduce((sum, { length }) => sum + length, 0);
}

for (const [name, machine] of Object.entries(MACHINES)) {
  Deno.test(`checkpoints in slices have the roots of whole ones, with a machine ${name}`, () => {
    const [whole, ...sliced] = [WHOLE, LEAST, 700].map((bytes) => {
      const cluster = clusterOf(bytes, { n: 1, machine });
      const random = new Random(7);
      const ada = new TestClient(cluster, 1);
      // The time decides on the root, and retries of the test's client depend on it.
      for (let i = 1; i <= 300; i++) {
        cluster.now = 2_000_000 + 1_000 * i;
        const request = ada.request(Array.from({ length: random.int(1, 6) }, () => operation(random)), {
          session: i === 1 ? 0 : 1,
        });
        cluster.submit(request);
        assert(cluster.accepted(request.digest), `request ${i} is executed`);
        if (i % 3 === 0) cluster.runFor(3);
      }
      cluster.runFor(5_000);
      assertNoLeak(cluster.host(0).disk);
      assertEquals(cluster.host(0).disk.fetched.size, 0);
      return rootsOf(cluster);
    });
    assert(whole!.size > 30);
    for (const roots of sliced) assertEquals(roots, whole);
  });
}

Deno.test("no step stores more than its share of a checkpoint, and what was executed meanwhile is not in it", () => {
  const [slice, chunk, K] = [400, 4 * CHUNK_SIZE, 32];
  const cluster = clusterOf(slice, { n: 1, checkpointInterval: K });
  const ada = new TestClient(cluster, 1).open();
  let most = 0;
  const sizes: number[] = [];
  cluster.onStep = (_host, _input, ready) => {
    const bytes = bytesOf(ready);
    if (bytes > 0) sizes.push(bytes);
    most = Math.max(most, bytes);
  };
  for (let i = 1; i < 3 * K; i++) {
    const sets = Array.from({ length: 20 }, (_, n) => `SET key-${i * 20 + n} ${"v".repeat(30)}`);
    ada.call(sets);
  }
  cluster.runFor(20_000);
  const all = sizes.reduce((sum, bytes) => sum + bytes, 0);
  // The largest of three checkpoints within three eighths of K numbers, in whole slices, and a session's chunk.
  assert(all > 60_000, `${all} bytes were stored in all`);
  assert(most < 2 * slice + all / 2 / (3 * K / 8) + chunk + 4_000, `one step stored ${most} of ${all} bytes`);
  assert(sizes.length > 60, `${sizes.length} steps stored something`);
  assertEquals(cluster.host(0).replica!.status().lowWatermark, 3 * K);
});

Deno.test("an idle cluster completes its checkpoint, and the message leaves when all of it is stored", () => {
  const cluster = clusterOf(LEAST);
  const ada = new TestClient(cluster, 1).open();
  let messages = 0;
  cluster.filter = (from, _to, message) => {
    if (message.kind !== "checkpoint") return true;
    const { disk } = cluster.host(from);
    if (message.replica === from && disk.checkpoint?.sequence === message.sequence) {
      named(disk, message.digest);
      messages++;
    }
    return true;
  };
  for (let i = 1; i < 8; i++) ada.call(Array.from({ length: 10 }, (_, n) => `SET k${i}-${n} ${"v".repeat(40)}`));
  cluster.runUntil(() => cluster.hosts.every(({ replica }) => replica!.status().lastExecuted === 8));
  assertEquals(cluster.host(0).replica!.status().stateRoot, null, "it takes more than a slice");
  cluster.runFor(5_000);
  for (const { replica, disk } of cluster.hosts) {
    assertEquals(replica!.status().lowWatermark, 8);
    assertEquals(disk.fetched.size, 0);
  }
  assert(messages >= 12);
});

Deno.test("a checkpoint that is interrupted is taken anew, and leaves nothing behind", () => {
  let [interrupted, transfers] = [0, 0];
  for (let seed = 1; seed <= 12; seed++) {
    const random = new Random(seed);
    const machine = random.pick(Object.values(MACHINES));
    const cluster = clusterOf(random.pick([LEAST, LEAST, 300]), {
      seed,
      machine,
      checkpointInterval: random.pick([1, 2, 8]),
    });
    const ada = new TestClient(cluster, 1).open();
    for (let i = 0; i < 40; i++) {
      ada.call(Array.from({ length: random.int(1, 8) }, () => operation(random)));
      if (random.int(0, 2) > 0) continue;
      const id = random.int(1, 3);
      if (cluster.host(id).disk.fetched.size > 0) interrupted++;
      if (random.int(0, 2) > 0) cluster.restart(id);
      else {
        // The others go on without it, perhaps beyond its window.
        cluster.filter = (from, to) => from !== id && to !== id;
        for (let n = random.int(1, 24); n > 0; n--) ada.call([operation(random)]);
        cluster.filter = () => true;
      }
      if (random.int(0, 1) > 0) cluster.runFor(random.int(1, 600));
    }
    cluster.runFor(8_000);
    transfers += cluster.events.filter(({ event }) => event.kind === "state-transfer").length;
    const [first] = cluster.hosts;
    for (const { id, replica, disk } of cluster.hosts) {
      const { lastExecuted, history, lowWatermark, stateRoot } = replica!.status();
      const expected = first!.replica!.status();
      assertEquals(
        [lastExecuted, history, lowWatermark, stateRoot],
        [expected.lastExecuted, expected.history, expected.lowWatermark, expected.stateRoot],
        `seed ${seed}: replica ${id} is where the first is`,
      );
      assertNoLeak(disk);
      assertEquals(disk.fetched.size, 0, `seed ${seed}: replica ${id} has noted nothing that it does not need`);
    }
    for (const sequence of rootsOf(cluster).keys()) {
      assertEquals(new Set(cluster.hosts.flatMap(({ id }) => rootsOf(cluster, id).get(sequence) ?? [])).size, 1);
    }
  }
  assert(interrupted > 5, `${interrupted} checkpoints were interrupted`);
  assert(transfers > 5, `${transfers} transfers`);
});

Deno.test("old blobs are dropped many at a time, as the index of a store has them in no order", () => {
  const [slice, K] = [64 * 1024, 32];
  const cluster = clusterOf(slice, { n: 1, checkpointInterval: K });
  const ada = new TestClient(cluster, 1).open();
  const drops: number[] = [];
  cluster.onStep = (_host, _input, { records }) => {
    const count = records.reduce((sum, record) => sum + (record.kind === "drop-blobs" ? record.digests.length : 0), 0);
    if (count > 0) drops.push(count);
  };
  for (let i = 0; i < 4 * K; i++) {
    ada.call(Array.from({ length: 40 }, (_, n) => `SET key-${(i * 40 + n) * 7 % 400} ${i}-${"v".repeat(30)}`));
  }
  const all = drops.reduce((sum, count) => sum + count, 0);
  assert(all > 400, `${all} blobs were dropped`);
  const lists = 3;
  assert(drops.length <= all / (slice / 512) + lists, `${all} blobs were dropped in ${drops.length} steps`);
});

Deno.test("a blob that a state transfer has fetched is not dropped with those of a former checkpoint", () => {
  const K = 16;
  const cluster = clusterOf(LEAST, { checkpointInterval: K });
  const ada = new TestClient(cluster, 1).open();
  const through = (sequence: number, value: string) => {
    ada.call(Array.from({ length: 40 }, (_, i) => `SET key-${i} ${value.repeat(50)}`));
    while (cluster.host(0).replica!.status().lastExecuted < sequence) ada.call(["SET other x"]);
    cluster.runFor(2_000);
  };
  through(K, "a");
  through(2 * K, "b");
  cluster.crash(2);
  // What the checkpoint before has replaced is dropped once the next one is stable, which names it again.
  through(3 * K, "a");
  assertEquals(cluster.host(2).disk.checkpoint!.sequence, 2 * K);
  assert(cluster.host(2).disk.retired.get(2 * K)!.length > 20);
  // Few at a time, and the last ones first: some are stored before what is dropped in slices has come to them.
  cluster.serves = (_from, blobs) => blobs.toReversed().slice(0, 4);
  cluster.start(2);
  const { disk } = cluster.host(2);
  let most = 0;
  cluster.onStep = (host) => {
    if (host.id !== 2) return;
    most = Math.max(most, disk.fetched.size);
    for (const digest of disk.fetched) {
      assert(disk.blobs.has(digest), `the fetched blob ${digest.slice(0, 8)} is stored`);
    }
  };
  cluster.runFor(10_000);
  assert(most > 20, `${most} blobs were fetched`);
  assertNoLeak(disk);
  cluster.restart(2);
  cluster.runFor(1_000);
  const [there, here] = [0, 2].map((id) => cluster.host(id).replica!.status());
  assertEquals([here!.lastExecuted, here!.history], [there!.lastExecuted, there!.history]);
});
