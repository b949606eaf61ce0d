/** Snapshots of a cluster that has changed its members and its machine: the proof is the chain, and the certificate of the last epoch. */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import type { Checkpoint } from "../../src/core/messages/messages.ts";
import type { Digest, ReplicaId, SequenceNumber } from "../../src/core/messages/ids.ts";
import { createSigner } from "../../src/crypto/mod.ts";
import { audit, type AuditOptions } from "../../src/snapshot/audit/audit.ts";
import { decodeManifest, encodeManifest, proveHead, type SnapshotHead } from "../../src/snapshot/manifest.ts";
import { pruneSnapshots } from "../../src/snapshot/prune.ts";
import { findOrigin } from "../../src/cli/genesis/origin.ts";
import { saveSnapshot, type SnapshotSource } from "../../src/snapshot/save.ts";
import { folderStorage } from "../../src/snapshot/storage/folder.ts";
import { restoreSnapshot } from "../../src/snapshot/restore.ts";
import { SnapshotError } from "../../src/snapshot/snapshot_error.ts";
import { blobKey, BLOBS, manifestKeys } from "../../src/snapshot/storage/storage.ts";
import { openSnapshot, verifySnapshot } from "../../src/snapshot/verify.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { decodeLink, type Epoch, firstEpoch } from "../../src/wire/epochs/mod.ts";
import { encodeFrame, encodeMessage, utf8 } from "../../src/wire/mod.ts";
import { clusterFile, FOUR, keyOf, until } from "../node/_epochs.ts";
import { linkOf, operationFor } from "../wire/_epochs.ts";
import { inFolder } from "../tools/folder.ts";
import { Bucket } from "./_bucket.ts";
import { past, PRESENT, VERSIONS } from "./_epochs.ts";

const { past: { storage, cluster }, saved, chain } = await past();
await cluster.alike(PRESENT);
await cluster.close();
const { genesis } = clusterFile;
const keys = await manifestKeys(storage);
const heads = await Promise.all(keys.map(async (key) => decodeManifest((await storage.get(key))!)));
const { epochs } = await openSnapshot(storage, { genesis, chain });

/** The same storage with a manifest in the place of another one. */
function withManifest(key: string, manifest: Uint8Array): Bucket {
  const changed = new Bucket();
  for (const [name, value] of storage.values) changed.values.set(name, value);
  changed.values.set(key, manifest);
  return changed;
}

/** A certificate of these members of an epoch, with the keys of these names. */
function certificate(epoch: Epoch, sequence: number, digest: Digest, names: readonly string[]): readonly Uint8Array[] {
  return names.map((name, replica) => {
    const message: Checkpoint = {
      kind: "checkpoint",
      replica: replica as ReplicaId,
      sequence: sequence as SequenceNumber,
      digest,
    };
    const bytes = encodeMessage(message);
    const signature = createSigner(keyOf(name).privateKey, epoch.context, epoch.number).sign("checkpoint", bytes);
    return encodeFrame({ message, bytes, signature });
  });
}

Deno.test("snapshots of every epoch verify from the genesis, and from a later epoch that is trusted", async () => {
  assertEquals(saved.map(({ epoch }) => epoch), [0, 1, 1, 2, 2]);
  assertEquals(keys.length, 5);
  for (const [i, { sequence, root, epoch }] of saved.entries()) {
    for (let known = 0; known <= chain.length; known++) {
      const verified = await verifySnapshot(storage, { genesis, chain: chain.slice(0, known), sequence });
      assertEquals([verified.root, verified.epoch.number], [root, epoch], `snapshot ${i}, known ${known}`);
    }
  }
  assertEquals(heads.map(({ certificate }) => certificate.length > 0), [true, false, true, false, true]);
  const { epoch: { genesis: present } } = await verifySnapshot(storage, { genesis });
  assertEquals([present.stateMachine, present.replicas.map(({ name }) => name)], ["key-value/2", PRESENT]);
});

Deno.test("a manifest of epoch 0 is as it was, one of a later epoch has a format that earlier versions refuse", () => {
  const jsonOf = (head: SnapshotHead) => JSON.parse(new TextDecoder().decode(encodeManifest(head)));
  assertEquals(Object.keys(jsonOf(heads[0]!)), ["format", "genesis", "certificate"]);
  assertEquals(heads.map((head) => jsonOf(head).format), [1, 2, 2, 2, 2]);
});

Deno.test("every part of a manifest counts: a snapshot with another one is refused with the reason", async () => {
  const [, , head, , last] = heads as [SnapshotHead, SnapshotHead, SnapshotHead, SnapshotHead, SnapshotHead];
  const [first, second] = chain as [Uint8Array, Uint8Array];
  const { sequence, root } = saved[2]!;
  const [zero, one] = epochs as [Epoch, Epoch];
  const flipped = (bytes: Uint8Array) => bytes.map((byte, i) => i === bytes.length - 1 ? byte ^ 1 : byte);
  const wrong: readonly [what: string, head: SnapshotHead, error: string][] = [
    ["no chain", { ...head, chain: [] }, "signature, got one that is not valid"],
    ["a link is missing", { ...last, chain: [second] }, "chain: links[0]"],
    ["a link too many", { ...head, chain }, "signature, got one that is not valid"],
    ["links in another order", { ...last, chain: [second, first] }, "chain: links[0]"],
    ["a link twice", { ...last, chain: [first, first] }, "chain: links[1]"],
    ["a changed link", { ...head, chain: [flipped(first)] }, "chain: links[0]"],
    ["other rules", { ...head, genesis: { ...genesis, logWindow: 64 } }, "genesis: expected that of cluster"],
    ["fewer signers", { ...head, certificate: head.certificate.slice(1) }, "of a quorum of members"],
    [
      "the certificate of epoch 0",
      { ...head, certificate: heads[0]!.certificate },
      "signature, got one that is not valid",
    ],
    ["the keys of epoch 0", { ...head, certificate: certificate(zero, sequence, root, FOUR) }, "expected Apple's"],
    [
      "one key of epoch 0 in epoch 1",
      { ...head, certificate: certificate(one, sequence, root, FOUR).slice(1) },
      "certificate[2]: expected Eagle's signature",
    ],
    ["no certificate in epoch 0", { ...head, chain: [], certificate: [] }, "of a quorum of members"],
    [
      "a number that the epoch before has ordered",
      { ...head, certificate: certificate(one, 8, root, PRESENT) },
      "of a quorum of members",
    ],
    ["no certificate", { ...head, certificate: [] }, "expected the manifest of another state"],
    ["that of another snapshot", last, "expected the manifest of another state"],
  ];
  for (const [what, manifest, error] of wrong) {
    const forged = withManifest(keys[2]!, encodeManifest(manifest));
    await assertRejects(() => verifySnapshot(forged, { genesis, sequence }), SnapshotError, error, what);
  }
});

Deno.test("a byte of a manifest that is changed changes nothing that is believed, or is refused", async () => {
  const key = keys[2]!;
  const bytes = storage.values.get(key)!;
  for (let at = 0; at < bytes.length; at += 37) {
    const forged = withManifest(key, bytes.map((byte, i) => i === at ? byte ^ 4 : byte));
    const { sequence, root } = saved[2]!;
    const found = await openSnapshot(forged, { genesis, sequence }).catch((error) => error as Error);
    if (found instanceof Error) assert(found instanceof SnapshotError, `byte ${at}: ${found}`);
    else assertEquals([found.sequence, found.root, found.epoch.number], [sequence, root, 1], `byte ${at}`);
  }
});

Deno.test("old keys, all of them, make no snapshot for somebody who knows a later epoch", async () => {
  const zero = firstEpoch(clusterFile, cluster.cluster);
  const { root } = saved[0]!;
  const operation = await operationFor(zero, { checkpointInterval: 16, logWindow: 64 });
  const forged = await linkOf(zero, operation, { sequence: 64 });
  const late = { genesis, certificate: certificate(zero, 800, root, FOUR) };
  const sequence = epochs[1]!.start!.sequence;
  const other = { genesis, certificate: certificate(zero, sequence, root, FOUR) };
  const branch = { genesis, chain: [forged], certificate: [] };
  for (const head of [late, other, branch]) assertEquals((await proveHead(head, { genesis })).cluster, cluster.cluster);
  const known = { genesis, chain: chain.slice(0, 1) };
  await assertRejects(() => proveHead(late, known), SnapshotError, "where epoch 0 ended, got 800");
  await assertRejects(() => proveHead(other, known), SnapshotError, "at the end of epoch 0");
  await assertRejects(() => proveHead(branch, known), SnapshotError, "chain: expected the configuration");
  await assertRejects(() => proveHead(late, { genesis, chain: [forged] }), SnapshotError, "where epoch 0 ended");
  await assertRejects(
    () => proveHead(late, { chain: [utf8("x")] }),
    SnapshotError,
    "the chain that is trusted: links[0]",
  );
});

Deno.test("a member that lost its disk is restored from a snapshot of the present epoch, or of an earlier one", async () => {
  const { past: running, saved } = await past();
  const { cluster, storage: own } = running;
  const links = cluster.member("Ball").linksAfter(0);
  for (const [i, known] of [[4, []], [3, links], [2, links], [0, links]] as const) {
    await cluster.crash("Candy");
    const store = new MemoryStore();
    await restoreSnapshot(own, store, 2 as ReplicaId, { genesis, chain: known, sequence: saved[i]!.sequence });
    // The machine of epoch 2 can't read a state of before: its blobs are only a part of what is fetched.
    assertEquals((await store.load()).records.has("checkpoint"), i >= 3);
    cluster.stores.set("Candy", store);
    const candy = await cluster.open("Candy", { stateMachine: VERSIONS });
    assertEquals([candy.epoch.number, candy.node!.status().replica.recovering], [2, true]);
    await until("Candy votes", async () => {
      await running.write(2, "Apple");
      return !cluster.node("Candy").status().replica.recovering;
    });
    await cluster.alike(PRESENT);
    const roots = () => new Set(PRESENT.map((name) => cluster.node(name).status().replica.stateRoot));
    await until("roots are equal", () => roots().size === 1);
    assertEquals(await cluster.vouch("Candy", "z", i + 1, "GET migrated"), 'ok "yes"');
  }
  assertEquals(cluster.failures, []);
  await cluster.close();
  await assertRejects(
    () => restoreSnapshot(storage, new MemoryStore(), 7 as ReplicaId),
    SnapshotError,
    "self: expected 0",
  );
});

const auditOptions = (more: Partial<AuditOptions> = {}): AuditOptions => ({
  genesis,
  stateMachine: VERSIONS,
  storage,
  store: new MemoryStore(),
  ...more,
});

Deno.test("an audit executes the whole past over epochs and versions of the machine, and compares every root", async () => {
  const report = await audit(auditOptions());
  assertEquals(report.ended, epochs.slice(1).map(({ start }) => start!.sequence));
  assertEquals(
    report.compared,
    [...new Set(saved.map(({ sequence }) => sequence))].filter((at) => at <= report.through),
  );
  assert(report.compared.length >= 4);
  const { through, history } = report;
  assertEquals((await audit(auditOptions({ chain }))).history, history);
  for (const { sequence } of saved.slice(0, 4)) {
    const later = await audit(auditOptions({ from: sequence }));
    assertEquals([later.from, later.through, later.history], [sequence + 1, through, history]);
  }
});

Deno.test("an audit without the machine of an epoch, or with another migration, says so", async () => {
  await assertRejects(
    () => audit(auditOptions({ stateMachine: VERSIONS["key-value/1"] })),
    SnapshotError,
    "lacks a version",
  );
  const other = {
    ...VERSIONS,
    "key-value/2": {
      create: VERSIONS["key-value/2"].create,
      migrate: { "key-value/1": (chunks: ReadonlyMap<string, Uint8Array>) => chunks },
    },
  };
  await assertRejects(
    () => audit(auditOptions({ stateMachine: other })),
    SnapshotError,
    "the state machine is not the one",
  );
});

Deno.test("old snapshots are removed, and the newest ones of later epochs stay whole", async () => {
  const own = withManifest(keys[0]!, storage.values.get(keys[0]!)!);
  await pruneSnapshots(own, 2);
  assertEquals((await manifestKeys(own)).length, 2);
  assertEquals((await verifySnapshot(own, { genesis })).root, saved.at(-1)!.root);
  assertNotEquals(own.values.size, storage.values.size);
});

Deno.test("a checkpoint that closes its epoch is a snapshot too, and its state is that of the next version", () =>
  inFolder(async (folder) => {
    const own = folderStorage(folder);
    for (const [key, value] of storage.values) if (key.startsWith(BLOBS)) await own.put(key, value);
    const { certificate: closing } = decodeLink(chain[1]!);
    await own.put(keys[3]!, encodeManifest({ genesis, chain: chain.slice(0, 1), certificate: closing }));
    await own.put(keys[2]!, storage.values.get(keys[2]!)!);
    const { epoch, certificate, sequence } = await verifySnapshot(own, { genesis, chain });
    assertEquals([epoch.number, certificate.length, sequence], [1, 3, saved[3]!.sequence]);
    const { rules, origin } = await findOrigin({ from: folder });
    assertEquals([rules.stateMachine, rules.checkpointInterval, origin.root], ["key-value/2", 4, saved[3]!.root]);
    const before = await findOrigin({ from: folder, sequence: String(saved[2]!.sequence) });
    assertEquals(before.rules.stateMachine, "key-value/1");
    assertEquals(before.rules.replicas.map(({ name }) => name), PRESENT);
    const store = new MemoryStore();
    await restoreSnapshot(own, store, 2 as ReplicaId, { genesis });
    assertEquals((await store.load()).records.has("lost-disk"), true);
    // Whoever knows the epoch after it has the state at once. That of the checkpoint before must be made the next version's.
    for (const [sequence, isPresent] of [[saved[3]!.sequence, true], [saved[2]!.sequence, false]] as const) {
      const later = new MemoryStore();
      await restoreSnapshot(own, later, 2 as ReplicaId, { genesis, chain, sequence });
      assertEquals((await later.load()).records.has("checkpoint"), isPresent, `at ${sequence}`);
    }
  }));

Deno.test("a storage takes snapshots of one cluster, and those of a member that lags an epoch are not taken", async () => {
  const source: SnapshotSource = {
    head: () => Promise.resolve(heads[0]!),
    read: (digests) => Promise.all(digests.map((digest) => storage.get(blobKey(digest)))),
  };
  assertEquals((await saveSnapshot(source, new Bucket(), { genesis })).epoch, 0);
  await assertRejects(
    () => saveSnapshot(source, new Bucket(), { genesis, chain: chain.slice(0, 1) }),
    SnapshotError,
    "expected a checkpoint of epoch 1 or later, got one of epoch 0",
  );
  const other = { ...genesis, name: "other" };
  const taken = withManifest(keys.at(-1)!, encodeManifest({ genesis: other, certificate: [] }));
  await assertRejects(
    () => saveSnapshot(source, taken, { genesis }),
    SnapshotError,
    "the storage has snapshots of cluster",
  );
});
