/** Snapshots of replicas in this process: saved into folders, verified, restored, pruned. */
import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import { folderStorage } from "../../src/snapshot/storage/folder.ts";
import { decodeManifest, encodeManifest } from "../../src/snapshot/manifest.ts";
import { nodeSource } from "../../src/snapshot/node_source.ts";
import { pruneSnapshots } from "../../src/snapshot/prune.ts";
import { restoreSnapshot } from "../../src/snapshot/restore.ts";
import { saveSnapshot, type SnapshotSource } from "../../src/snapshot/save.ts";
import { SnapshotError } from "../../src/snapshot/snapshot_error.ts";
import { blobKey, BLOBS, manifestKeys, type SnapshotStorage } from "../../src/snapshot/storage/storage.ts";
import { verifySnapshot } from "../../src/snapshot/verify.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { utf8 } from "../../src/wire/mod.ts";
import { Cluster, genesisOf } from "../node/_cluster.ts";
import { inFolder } from "../tools/folder.ts";

/** A cluster, and what it is asked to write. */
async function running(n = 4) {
  const cluster = await Cluster.open({ n });
  let timestamp = 0;
  const write = async (from: number, to: number, value = "x".repeat(400)) => {
    for (let i = from; i < to; i++) {
      const operation = utf8(`SET key${i} ${value}${i}`);
      const written = cluster.node(0).vouch([{ name: "ada", timestamp: timestamp++, operation }]);
      await cluster.timer.advance(50);
      const answer = await written;
      assert("results" in answer && answer.results[0]!.status === "ok");
    }
    await cluster.timer.advance(500);
  };
  return { cluster, write, source: nodeSource(cluster.node(n > 1 ? 1 : 0)) };
}

async function keysOf(storage: SnapshotStorage, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const key of storage.list(prefix)) keys.push(key);
  return keys.sort();
}

Deno.test("a snapshot is saved from a running replica, and verifies with nothing but the genesis", () =>
  inFolder(async (folder) => {
    const { cluster, write, source } = await running();
    await write(0, 20);
    const saved = await saveSnapshot(source, folderStorage(folder), { genesis: cluster.genesis });
    assertEquals([saved.sequence as number, saved.fetched.blobs > 3], [20, true]);
    await cluster.close();
    const verified = await verifySnapshot(folderStorage(folder), { genesis: cluster.genesis });
    const { sequence, root, cluster: id, agreedTime, blobs } = verified;
    assertEquals([sequence, root, id], [saved.sequence, saved.root, cluster.cluster]);
    assertEquals(blobs, saved.fetched.blobs);
    assertGreater(agreedTime, 0);
  }));

Deno.test("a second snapshot fetches what has changed, and an older one stays whole", () =>
  inFolder(async (folder) => {
    const { cluster, write, source } = await running();
    const storage = folderStorage(folder);
    await write(0, 120);
    const first = await saveSnapshot(source, storage);
    await write(100, 108, "y".repeat(400));
    const second = await saveSnapshot(source, storage);
    assertEquals(second.sequence > first.sequence, true);
    assertLess(second.fetched.bytes, first.fetched.bytes / 2);
    assertEquals((await saveSnapshot(source, storage)).fetched, { blobs: 0, bytes: 0 });
    for (const { sequence, root } of [first, second]) {
      assertEquals((await verifySnapshot(storage, { sequence })).root, root);
    }
    assertEquals((await verifySnapshot(storage)).sequence, second.sequence);
    await assertRejects(() => verifySnapshot(storage, { sequence: 5 }), SnapshotError, "number 5, found 2 others");
    await cluster.close();
  }));

Deno.test("a replica that lost its disk is restored from a snapshot, and recovers from there", () =>
  inFolder(async (folder) => {
    const { cluster, write, source } = await running();
    await write(0, 120);
    const storage = folderStorage(folder);
    const { root, sequence } = await saveSnapshot(source, storage);
    await write(0, 8, "y");
    cluster.crash(2);
    const store = new MemoryStore();
    assertEquals((await restoreSnapshot(storage, store, 2 as ReplicaId)).root, root);
    cluster.stores.set(2 as ReplicaId, store);
    const started = await cluster.start(2);
    assertEquals(started.status().replica.lastExecuted, sequence);
    assertEquals(started.status().replica.recovering, true);
    await write(8, 40, "z");
    for (let i = 0; i < 40 && cluster.node(2).status().replica.recovering; i++) await cluster.timer.advance(5_000);
    const { recovering, lastExecuted, evidence } = cluster.node(2).status().replica;
    assertEquals([recovering, evidence], [false, []]);
    assertEquals(lastExecuted, cluster.node(0).status().replica.lastExecuted);
    assertEquals(cluster.node(2).status().replica.stateRoot, cluster.node(0).status().replica.stateRoot);
    await cluster.close();
  }));

Deno.test("a snapshot is restored into an empty store only, and into that of the right member", () =>
  inFolder(async (folder) => {
    const { cluster, write, source } = await running();
    await write(0, 8);
    const storage = folderStorage(folder);
    await assertRejects(() => restoreSnapshot(storage, new MemoryStore(), 2 as ReplicaId), SnapshotError, "found none");
    await saveSnapshot(source, storage);
    const used = cluster.stores.get(2 as ReplicaId)!.reopen();
    await assertRejects(() => restoreSnapshot(storage, used, 2 as ReplicaId), SnapshotError, "expected an empty store");
    const store = new MemoryStore();
    await restoreSnapshot(storage, store, 2 as ReplicaId);
    await assertRejects(() => cluster.open(3 as ReplicaId, store.reopen()), Error, "belongs to another replica");
    await cluster.close();
  }));

Deno.test("the snapshot of a single member is sound, and is restored as a new cluster only: the member alone would never vote again", () =>
  inFolder(async (folder) => {
    const { cluster, write, source } = await running(1);
    await write(0, 20);
    const storage = folderStorage(folder);
    await saveSnapshot(source, storage);
    await cluster.close();
    await verifySnapshot(storage);
    const store = new MemoryStore();
    await assertRejects(() => restoreSnapshot(storage, store, 0 as ReplicaId), SnapshotError, "pbft init --from");
    assertEquals((await store.load()).version, 0);
  }));

Deno.test("a replica without a stable checkpoint gives no snapshot", () =>
  inFolder(async (folder) => {
    const { cluster, source } = await running();
    await assertRejects(() => saveSnapshot(source, folderStorage(folder)), SnapshotError, "no stable checkpoint yet");
    await cluster.close();
  }));

Deno.test("a save begins anew where the replica has gone on meanwhile, and gives up in the end", () =>
  inFolder(async (folder) => {
    const { cluster, write, source } = await running();
    await write(0, 60);
    let left = 5;
    const leaving: SnapshotSource = {
      head: () => source.head(),
      async read(digests) {
        const blobs = await source.read(digests);
        return left-- > 0 ? [blobs[0]!, ...blobs.slice(1).map(() => null)] : blobs;
      },
    };
    const storage = folderStorage(folder);
    await saveSnapshot(leaving, storage);
    await verifySnapshot(storage, { genesis: cluster.genesis });
    await write(0, 4, "w");
    const gone: SnapshotSource = {
      head: () => source.head(),
      read: (digests) => Promise.resolve(digests.map(() => null)),
    };
    await assertRejects(() => saveSnapshot(gone, storage), SnapshotError, "100 times");
    await cluster.close();
  }));

Deno.test("what a replica lies about a state is found at once, and nothing of it is kept", () =>
  inFolder(async (folder) => {
    const { cluster, write, source } = await running();
    await write(0, 20);
    const head = await source.head();
    const lies: readonly [what: string, source: SnapshotSource, error: string][] = [
      ["other bytes", { ...source, read: () => Promise.resolve([utf8("nothing")]) }, "expected bytes with that digest"],
      ["no blobs", { ...source, read: () => Promise.resolve([]) }, "got 0"],
      ["too many blobs", { ...source, read: () => Promise.resolve([utf8("a"), utf8("b")]) }, "got 2"],
      ["one signature too few", {
        ...source,
        head: () => Promise.resolve({ ...head, certificate: head.certificate.slice(1) }),
      }, "a quorum"],
      ["one for all", {
        ...source,
        head: () => Promise.resolve({ ...head, certificate: head.certificate.map(() => head.certificate[0]!) }),
      }, "each member once"],
      ["another genesis", {
        ...source,
        head: () => Promise.resolve({ ...head, genesis: { ...head.genesis, name: "other" } }),
      }, "genesis: expected that of cluster"],
      ["no frame", { ...source, head: () => Promise.resolve({ ...head, certificate: [utf8("x")] }) }, "certificate[0]"],
    ];
    for (const [what, liar, error] of lies) {
      const storage = folderStorage(`${folder}/${what}`);
      await assertRejects(() => saveSnapshot(liar, storage, { genesis: cluster.genesis }), SnapshotError, error, what);
      assertEquals(await keysOf(storage, ""), [], what);
    }
    await cluster.close();
  }));

Deno.test("a missing, damaged or newer part of a snapshot is named", () =>
  inFolder(async (folder) => {
    const { cluster, write, source } = await running();
    await write(0, 40);
    const storage = folderStorage(folder);
    const { key } = await saveSnapshot(source, storage);
    await cluster.close();
    const blobs = await keysOf(storage, BLOBS);
    for (const blob of blobs) {
      const digest = blob.slice(BLOBS.length);
      const bytes = (await storage.get(blob))!;
      await storage.put(blob, bytes.map((byte, i) => i === 3 ? byte ^ 1 : byte));
      await assertRejects(() => verifySnapshot(storage), SnapshotError, `blob ${digest}: expected bytes with that`);
      await storage.delete(blob);
      await assertRejects(() => verifySnapshot(storage), SnapshotError, `blob ${digest}: expected its bytes, got none`);
      await storage.put(blob, bytes);
    }
    await verifySnapshot(storage);
    const manifest = (await storage.get(key))!;
    assertEquals(encodeManifest(decodeManifest(manifest)), manifest);
    const text = new TextDecoder().decode(manifest);
    for (
      const [changed, error] of [
        ["{", "manifest: "],
        ["null", "format: expected 1 or 2, got undefined"],
        [text.replace('"format": 1', '"format": 3'), "format: expected 1 or 2, got 3"],
        [text.replace('"format": 1', '"format": 2'), "chain: expected a list"],
        [text.replace('"certificate"', '"other"'), "certificate: expected a list"],
        [text.replace('"logWindow"', '"other"'), "genesis"],
        [text.replace(/"certificate": \[\s*"/, "$&%%%"), "certificate[0]"],
      ] as const
    ) {
      await storage.put(key, utf8(changed));
      await assertRejects(() => verifySnapshot(storage), SnapshotError, error);
    }
    await storage.put(key, manifest);
    await assertRejects(
      () => verifySnapshot(storage, { genesis: { ...genesisOf(4), name: "other" } }),
      SnapshotError,
      "genesis: expected that of cluster",
    );
  }));

Deno.test("a save that repairs fetches again whatever is missing or damaged, and nothing else", () =>
  inFolder(async (folder) => {
    const { cluster, write, source } = await running();
    await write(0, 40);
    const storage = folderStorage(folder);
    const { sequence } = await saveSnapshot(source, storage);
    assertEquals((await saveSnapshot(source, storage, { repairs: true })).fetched.blobs, 0);
    const blobs = await keysOf(storage, BLOBS);
    const [other] = blobs;
    for (const blob of blobs) {
      const bytes = (await storage.get(blob))!;
      const elsewhere = (await storage.get(blob === other ? blobs[1]! : other!))!;
      const damages: readonly (() => Promise<void>)[] = [
        () => storage.delete(blob),
        () => storage.put(blob, bytes.slice(0, -1)),
        () => storage.put(blob, new Uint8Array([...bytes, ...bytes])),
        () => storage.put(blob, elsewhere),
      ];
      for (const damage of damages) {
        await damage();
        await assertRejects(() => verifySnapshot(storage), SnapshotError, "blob ");
        const repaired = await saveSnapshot(source, storage, { repairs: true });
        assertEquals([repaired.sequence, repaired.fetched], [sequence, { blobs: 1, bytes: bytes.length }]);
        assertEquals(await storage.get(blob), bytes);
      }
    }
    await verifySnapshot(storage);
    // All at once.
    for (const blob of blobs) await storage.put(blob, utf8("damaged"));
    assertEquals((await saveSnapshot(source, storage, { repairs: true })).fetched.blobs, blobs.length);
    await verifySnapshot(storage);
    await cluster.close();
  }));

Deno.test("old snapshots are removed with what only they have, also if the removal was interrupted", () =>
  inFolder(async (folder) => {
    const { cluster, write, source } = await running();
    const storage = folderStorage(folder);
    await write(0, 60);
    const first = await saveSnapshot(source, storage);
    await write(0, 20, "y");
    const second = await saveSnapshot(source, storage);
    let deletes = 0;
    const interrupted: SnapshotStorage = {
      ...storage,
      delete: (key) => ++deletes > 3 ? Promise.reject(new Error("power off")) : storage.delete(key),
    };
    await assertRejects(() => pruneSnapshots(interrupted, 1), Error, "power off");
    // The blobs of the first state come back: pages that were left may lack chunks that were removed.
    await write(0, 4, "x".repeat(400));
    const third = await saveSnapshot(source, storage);
    assertEquals((await manifestKeys(storage)).length, 2);
    for (const { sequence } of [second, third]) await verifySnapshot(storage, { sequence });
    await assertRejects(() => verifySnapshot(storage, { sequence: first.sequence }), SnapshotError);
    assertEquals((await pruneSnapshots(storage, 1)).snapshots, 1);
    const { blobs, root } = await verifySnapshot(storage);
    assertEquals(root, third.root);
    assertEquals((await keysOf(storage, BLOBS)).length, blobs);
    await assertRejects(() => pruneSnapshots(storage, 0), RangeError, "keep");
    await cluster.close();
  }));

Deno.test("a folder is its owner's alone, and a value that can't be stored leaves nothing", () =>
  inFolder(async (folder) => {
    const storage = folderStorage(`${folder}/backups`);
    await storage.put(blobKey("ab".repeat(32) as never), new Uint8Array(3));
    if (Deno.build.os !== "windows") {
      for (const path of ["backups", "backups/blobs", "backups/blobs/ab"]) {
        assertEquals((await Deno.stat(`${folder}/${path}`)).mode! & 0o077, 0, path);
      }
    }
    // A folder is in its place.
    const key = blobKey("ac".repeat(32) as never);
    await Deno.mkdir(`${folder}/backups/blobs/ac/${"ac".repeat(32)}/x`, { recursive: true });
    await assertRejects(() => storage.put(key, new Uint8Array(3)));
    assertEquals([...Deno.readDirSync(`${folder}/backups/blobs/ac`)].map(({ name }) => name), ["ac".repeat(32)]);
  }));

Deno.test("what a save has left unfinished that was killed is no blob, and pruning removes it", () =>
  inFolder(async (folder) => {
    const storage = folderStorage(folder);
    const key = blobKey("ab".repeat(32) as never);
    await storage.put(key, new Uint8Array(3));
    await Deno.mkdir(`${folder}/snapshots`);
    const unfinished = [`${folder}/blobs/ab/${"ab".repeat(32)}.1.tmp`, `${folder}/snapshots/1.tmp`];
    for (const path of unfinished) await Deno.writeTextFile(path, "half");
    assertEquals([await Array.fromAsync(storage.list("blobs/")), await Array.fromAsync(storage.list("snapshots/"))], [
      [key],
      [],
    ]);
    await storage.tidy!();
    for (const path of unfinished) await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
    assertEquals(await storage.has(key), true);
  }));

Deno.test("a folder takes keys of snapshots only", () =>
  inFolder(async (folder) => {
    const storage = folderStorage(folder);
    for (const key of ["../x", "blobs/../../x", "blobs/a/b", "/etc/passwd", ""]) {
      await assertRejects(async () => await storage.get(key), TypeError, "key: expected");
    }
    assertEquals(await storage.get(blobKey("ab" as never)), null);
  }));
