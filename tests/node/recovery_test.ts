import { assertEquals, assertRejects } from "@std/assert";
import type { Digest, Millis, ReplicaId, SequenceNumber, View } from "../../src/core/messages/ids.ts";
import type { Record } from "../../src/core/records.ts";
import type { Batch, PrePrepare } from "../../src/core/messages/messages.ts";
import { StateTree } from "../../src/core/tree/state_tree.ts";
import { clusterId, sha256 } from "../../src/crypto/mod.ts";
import { withDigest } from "../../src/node/environment.ts";
import type { Version } from "../../src/node/ports.ts";
import { WriteSet } from "../../src/node/storage/record_writer.ts";
import { CorruptStoreError, ForeignStoreError, restore } from "../../src/node/storage/opening.ts";
import { OtherEpochError } from "../../src/node/storage/store_errors.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { encodeBatch, pack, utf8 } from "../../src/wire/mod.ts";
import { Author, genesisOf } from "./_cluster.ts";

const genesis = genesisOf(4);
const cluster = clusterId(genesis);
const identity = { genesis, cluster, self: 1 as ReplicaId };
const primary = new Author(1, cluster);
const backup = new Author(2, cluster);
const client = new Author(9, cluster);

function batchOf(timestamp: number): Batch {
  const requests = [withDigest(client.sign(client.request({ timestamp })))];
  const bytes = encodeBatch(timestamp as Millis, requests);
  return { digest: sha256(bytes), bytes, timestamp: timestamp as Millis, requests };
}

function prePrepare(sequence: number, { digest }: Batch, view = 0) {
  const fields = { replica: 0 as ReplicaId, view: view as View, sequence: sequence as SequenceNumber, digest };
  return primary.sign<PrePrepare>({ kind: "pre-prepare", ...fields });
}

function accepted(sequence: number, batch: Batch, view = 0): Record {
  return { kind: "accepted", prePrepare: prePrepare(sequence, batch, view), batch };
}

function prepared(sequence: number, batch: Batch): Record {
  const vote = prePrepare(sequence, batch);
  const prepare = backup.sign({ ...vote.message, kind: "prepare" as const, replica: 1 as ReplicaId });
  return { kind: "prepared", prePrepare: vote, prepares: [prepare] };
}

function forget(through: number): Record {
  return { kind: "forget", through: through as SequenceNumber };
}

function committed(sequence: number, { digest }: Batch, batch: Batch | null = null): Record {
  return { kind: "committed", sequence: sequence as SequenceNumber, digest, commits: [], batch };
}

/** Opens a store, which may be a new one. */
async function restoreAny(store: MemoryStore, whose = identity) {
  return await restore(store, whose, { start: (await store.load()).version === 0 ? "new" : "resume" });
}

/** Writes records as a node does, one commit each, and reads all back. */
async function roundTrip(store: MemoryStore, ...records: readonly Record[]) {
  const { writer, version } = await restoreAny(store);
  let at: Version = version;
  for (const record of records) {
    const writes = new WriteSet();
    writer.write(record, writes);
    at = await store.commit(writes, at);
  }
  return await restore(store, identity);
}

async function has(store: MemoryStore, ...batches: readonly Batch[]): Promise<readonly boolean[]> {
  return (await store.read(batches.map(({ digest }) => digest))).map((blob) => blob !== null);
}

Deno.test("an empty store becomes this replica's, and restores an empty replica", async () => {
  const { storedState, version, halted } = await restore(new MemoryStore(), identity, { start: "new" });
  assertEquals([version, halted], [1, null]);
  assertEquals(storedState.view as number, 0);
  assertEquals([storedState.accepted, storedState.prepared, storedState.committed, storedState.stable].flat(), []);
  assertEquals([storedState.checkpoint, storedState.blobs.size], [undefined, 0]);
});

Deno.test("records are restored as they were written", async () => {
  const store = new MemoryStore();
  const [one, two, other] = [batchOf(1), batchOf(2), batchOf(3)];
  const checkpoint = backup.sign({
    kind: "checkpoint" as const,
    replica: 1 as ReplicaId,
    sequence: 4 as SequenceNumber,
    digest: one.digest,
  });
  const viewChange = backup.sign({
    kind: "view-change" as const,
    replica: 1 as ReplicaId,
    view: 3 as View,
    stable: [checkpoint],
    prepared: [],
    suspicions: [],
  });
  const { storedState } = await roundTrip(
    store,
    { kind: "view", view: 3 as View, viewChange: viewChange as never, newView: null },
    accepted(2, two),
    accepted(1, one),
    prepared(1, one),
    committed(1, one),
    committed(2, other, other),
    { kind: "stable", certificate: [checkpoint] },
  );
  assertEquals(storedState.view as number, 3);
  assertEquals(storedState.viewChange, viewChange as never);
  assertEquals(storedState.newView, null);
  assertEquals(storedState.accepted.map(({ prePrepare }) => prePrepare.message.sequence as number), [1, 2]);
  assertEquals(storedState.accepted[0], { prePrepare: prePrepare(1, one), batch: one } as never);
  assertEquals(storedState.prepared.length, 1);
  const { kind: _, ...certificate } = prepared(1, one) as Record & { kind: "prepared" };
  assertEquals(storedState.prepared[0], certificate as never);
  const executed = storedState.committed.map(({ sequence, batch }) => [sequence as number, batch.digest]);
  assertEquals(executed, [[1, one.digest], [2, other.digest]]);
  assertEquals(storedState.stable, [checkpoint] as never);
});

Deno.test("forget removes records and bodies up to a number, but not a body that a later number refers to", async () => {
  const store = new MemoryStore();
  const [one, two] = [batchOf(1), batchOf(2)];
  const { storedState } = await roundTrip(
    store,
    accepted(1, one),
    prepared(1, one),
    committed(1, one),
    accepted(2, two),
    accepted(3, one, 1),
    forget(2),
  );
  assertEquals(storedState.accepted.map(({ prePrepare }) => prePrepare.message.sequence as number), [3]);
  assertEquals([storedState.prepared, storedState.committed].flat(), []);
  assertEquals(await has(store, one, two), [true, false]);
  await roundTrip(store, forget(3));
  assertEquals(await has(store, one), [false]);
});

/** What was accepted at a number before, and in which views. */
function former(sequence: number, ...batches: readonly (readonly [Batch, number])[]): Record {
  const bodies = batches.map(([{ digest }, view]) => ({ digest, view: view as View }));
  return { kind: "former", sequence: sequence as SequenceNumber, bodies };
}

Deno.test("the body of a formerly accepted batch stays as long as a record refers to it, and is restored", async () => {
  const store = new MemoryStore();
  const [one, two, three] = [batchOf(1), batchOf(2), batchOf(3)];
  const { storedState } = await roundTrip(
    store,
    accepted(7, one),
    former(7, [one, 0]),
    accepted(7, two, 1),
    former(7, [one, 0], [two, 1]),
    accepted(7, three, 2),
  );
  assertEquals(
    storedState.former,
    [{ sequence: 7, view: 0, batch: one }, { sequence: 7, view: 1, batch: two }] as never,
  );
  assertEquals(await has(store, one, two, three), [true, true, true]);
  // The first is accepted once more; then it is prepared.
  await roundTrip(store, former(7, [two, 1], [three, 2]), accepted(7, one, 3));
  assertEquals(await has(store, one, two, three), [true, true, true]);
  assertEquals((await roundTrip(store, former(7))).storedState.former, []);
  assertEquals(await has(store, one, two, three), [true, false, false]);
  await roundTrip(store, former(7, [one, 3]), accepted(7, two, 4), forget(7));
  assertEquals([await has(store, one, two), (await restore(store, identity)).storedState.former], [[false, false], []]);
});

Deno.test("a body is removed when the last record that refers to it is replaced, not before", async () => {
  const store = new MemoryStore();
  const [one, two] = [batchOf(1), batchOf(2)];
  await roundTrip(store, accepted(1, one), prepared(1, one), accepted(1, two, 1));
  assertEquals(await has(store, one, two), [true, true]);
  await roundTrip(store, prepared(1, two));
  assertEquals(await has(store, one, two), [false, true]);
  await roundTrip(store, accepted(1, two, 2));
  assertEquals(await has(store, two), [true]);
});

Deno.test("a body that is removed and added again in one commit is present", async () => {
  const store = new MemoryStore();
  const one = batchOf(1);
  const { writer, version } = await roundTrip(store, accepted(1, one));
  const writes = new WriteSet();
  for (const record of [forget(1), accepted(2, one)]) writer.write(record, writes);
  await store.commit(writes, version);
  assertEquals(await has(store, one), [true]);
});

Deno.test("a blob that another instance removes while the store is read is not an error", async () => {
  const store = new MemoryStore();
  await roundTrip(store, accepted(1, batchOf(1)), accepted(2, batchOf(2)));
  const other = store.reopen();
  const overtaken = store.reopen();
  let isFirst = true;
  overtaken.read = async (digests) => {
    if (isFirst) await roundTrip(other, forget(1));
    isFirst = false;
    return await other.read(digests);
  };
  const { storedState, version } = await restore(overtaken, identity);
  assertEquals(storedState.accepted.map(({ prePrepare }) => prePrepare.message.sequence as number), [2]);
  assertEquals(version, (await store.load()).version);
});

Deno.test("the whole state of a checkpoint is restored, with its retired lists until they are dropped", async () => {
  const store = new MemoryStore();
  const tree = new StateTree({ hash: sha256, pack });
  const meta = { history: "0".repeat(64) as Digest, agreedTime: 0 as Millis };
  const records: Record[] = [];
  for (const sequence of [4, 8] as SequenceNumber[]) {
    const chunks = Array.from(
      { length: 300 },
      (_, i) => [`m${i}`, utf8(`${sequence} ${i % 2 ? sequence : ""}`)] as const,
    );
    const { root, blobs, retired } = tree.seal(chunks, { ...meta, sequence });
    records.push({ kind: "blobs", blobs }, { kind: "checkpoint", sequence, root, retired });
  }
  const { storedState } = await roundTrip(store, ...records);
  assertEquals(storedState.checkpoint, { sequence: 8 as SequenceNumber, root: tree.root! });
  for (let i = 0; i < 300; i++) assertEquals(storedState.blobs.has(tree.chunk(`m${i}`)!), true);
  assertEquals(storedState.retired.map(({ sequence }) => sequence as number), [8]);
  const [retired] = storedState.retired;
  const drop: Record = { kind: "drop-blobs", digests: retired!.digests, checkpoints: [retired!.sequence] };
  const after = await roundTrip(store, drop);
  assertEquals([after.storedState.retired, after.storedState.blobs.size], [[], storedState.blobs.size]);
  assertEquals(await store.read([retired!.digests[0]!]), [null]);
});

Deno.test("a store of another replica, another key or another cluster is refused", async () => {
  const store = new MemoryStore();
  await restoreAny(store);
  const other = genesisOf(4, { maxNames: 5 });
  const cases = [
    { ...identity, self: 2 as ReplicaId },
    { ...identity, cluster: clusterId(other) },
    { ...identity, genesis: { ...genesis, replicas: genesis.replicas.toReversed() } },
  ];
  for (const wrong of cases) await assertRejects(() => restore(store, wrong), ForeignStoreError, "expected");
});

Deno.test("a store of the same member in another epoch, where it has another number, is one of another epoch", async () => {
  const store = new MemoryStore();
  await restoreAny(store);
  const reversed = { ...genesis, replicas: genesis.replicas.toReversed() };
  const { version } = await store.load();
  const same = { ...identity, genesis: reversed, self: (3 - identity.self) as ReplicaId };
  await assertRejects(() => restore(store, { ...same, epoch: 1 }), OtherEpochError);
  await assertRejects(() => restore(store, same), ForeignStoreError, "replica: expected");
  assertEquals((await store.load()).version, version);
});

Deno.test("two instances that start on one empty store both accept it", async () => {
  const store = new MemoryStore();
  const both = await Promise.all([store, store.reopen()].map((one) => restore(one, identity, { start: "new" })));
  assertEquals(both.map(({ version }) => version), [1, 1]);
});

Deno.test("a damaged store is refused with the reason", async () => {
  const one = batchOf(1);
  const spoil = async (
    records: [string, Uint8Array | null][],
    blobs: [Digest, Uint8Array | null][],
    message: string,
  ) => {
    const store = new MemoryStore();
    const root: Record = { kind: "checkpoint", sequence: 4 as SequenceNumber, root: sha256(utf8("root")), retired: [] };
    const { version } = await roundTrip(store, accepted(1, one), prepared(1, one));
    if (blobs.length === 0 && records.length === 0) {
      const { writer } = await restore(store, identity);
      const writes = new WriteSet();
      writer.write(root, writes);
      await store.commit(writes, version);
    } else await store.commit({ records: new Map(records), blobs: new Map(blobs) }, version);
    await assertRejects(() => restore(store, identity), CorruptStoreError, message);
  };
  await spoil([], [[one.digest, null]], `blob ${one.digest}: expected its bytes, got none`);
  await spoil([], [[one.digest, utf8("other")]], `blob ${one.digest}: expected bytes with that digest`);
  await spoil([], [], "expected its bytes, got none");
  await spoil([["identity", null]], [], "got none");
  await spoil([["view", utf8("garbage")]], [], "view: ");
  await spoil([["stable", pack(1)]], [], "stable: expected a list");
  await spoil([["accepted/0000000000000001", pack(utf8("x"))]], [], "accepted/0000000000000001: frame");
  await spoil([["accepted/1", pack(utf8("x"))]], [], "16 digits");
  const wrongKind = pack([backup.frame({ ...prePrepare(1, one).message, kind: "commit" })]);
  await spoil([["stable", wrongKind]], [], "expected a checkpoint, got a commit");
});
