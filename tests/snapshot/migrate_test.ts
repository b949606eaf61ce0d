/** A cluster of a newer version of the machine begins with a snapshot of an older one. */
import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { CliError } from "../../src/cli/cli_error.ts";
import { main } from "../../src/cli/mod.ts";
import type { Genesis } from "../../src/core/config.ts";
import type { Migrate } from "../../src/core/epochs/migrate.ts";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import { migrateSnapshot } from "../../src/snapshot/migration/migrate.ts";
import { restoreOrigin } from "../../src/snapshot/restore.ts";
import { SnapshotError } from "../../src/snapshot/snapshot_error.ts";
import { folderStorage } from "../../src/snapshot/storage/folder.ts";
import { verifySnapshot } from "../../src/snapshot/verify.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { parseClusterFile, utf8 } from "../../src/wire/mod.ts";
import { clusterFile, FOUR, Members, urlsOf } from "../node/_epochs.ts";
import { inFolder } from "../tools/folder.ts";
import { TWO_VERSIONS } from "../tools/two_versions.ts";
import { Bucket, SyncBucket } from "./_bucket.ts";
import { past, VERSIONS } from "./_epochs.ts";

const { past: parent, saved } = await past();
await parent.cluster.close();
const { genesis: parentGenesis } = clusterFile;
/** A snapshot of epoch 1, which has version 1. */
const old = saved[2]!;
const to = "key-value/2";
const choice = { genesis: parentGenesis, sequence: old.sequence, to, stateMachine: VERSIONS };

function copyOf<B extends Bucket>(storage: Bucket, copy: B = new Bucket() as B): B {
  for (const [key, value] of storage.values) copy.values.set(key, value);
  return copy;
}

/** The versions, with another migration to the second one. */
function versionsWith(migrate: Migrate) {
  return { ...VERSIONS, [to]: { ...VERSIONS[to], migrate: { "key-value/1": migrate } } };
}

Deno.test("everybody makes the same state of a snapshot, and a cluster of the next version begins with it", async () => {
  const [storage, other] = [copyOf(parent.storage), copyOf(parent.storage, new SyncBucket())];
  const { made, ...migrated } = await migrateSnapshot(storage, choice);
  assertEquals([migrated.sequence, migrated.from, migrated.to], [old.sequence, "key-value/1", to]);
  assertNotEquals(migrated.root, old.root);
  assert(made.blobs > 0 && made.bytes > 0);
  assertEquals((await migrateSnapshot(other, choice)).root, migrated.root);
  assertEquals(storage.values, other.values);
  assertEquals((await migrateSnapshot(storage, choice)).root, migrated.root, "once more, into the same place");
  assertEquals((await verifySnapshot(storage, { sequence: old.sequence })).root, old.root);

  const { cluster } = await verifySnapshot(storage);
  const origin = { cluster, sequence: migrated.sequence, root: migrated.root };
  const genesis: Genesis = { ...parentGenesis, stateMachine: to, origin };
  const members = new Members();
  for (const [id, name] of FOUR.entries()) {
    const store = new MemoryStore();
    // Dog fetches the state from the others.
    if (name !== "Dog") {
      await restoreOrigin(storage, store, id as ReplicaId, { genesis, start: "new" });
      members.stores.set(name, store);
    }
    await members.open(name, { cluster: { genesis, urls: urlsOf(FOUR) }, stateMachine: VERSIONS });
  }
  assertEquals(members.node("Apple").status().replica.stateRoot, origin.root);
  assertEquals(await members.vouch("Apple", "z", 1, "GET migrated"), 'ok "yes"');
  assertMatch(await members.vouch("Apple", "z", 2, "GET key40"), /^ok ("v+40"|null)$/);
  // The table of clients is the old one: nothing is executed again.
  assertEquals(await members.vouch("Ball", "a", 1, "SET key1 again"), "refused timestamp-reused");
  assertMatch(await members.vouch("Apple", "z", 3, "GET key1"), /^ok "v+\d+"$/);
  await members.alike(FOUR);
  assertEquals(members.failures, []);
  await members.close();
});

Deno.test("without the migration, or with one that is not sound, nothing is made, and the reason is said", async () => {
  const storage = copyOf(parent.storage);
  const before = storage.values.size;
  let runs = 0;
  const drifting: Migrate = (chunks) => {
    const next = VERSIONS[to].create();
    next.restore(chunks);
    next.execute(utf8(`SET drift ${++runs}`));
    return new Map([...chunks, ...next.takeChanges()]);
  };
  const failing: Migrate = () => {
    throw new Error("no such thing");
  };
  function* midway(chunks: ReadonlyMap<string, Uint8Array>): Generator<[string, Uint8Array]> {
    for (const one of chunks) {
      yield one;
      throw new Error("in the middle");
    }
  }
  const { "key-value/1": first } = VERSIONS;
  const ends = saved[3]!; // its checkpoint closes epoch 1, so its state is that of version 2 already
  const wrong: readonly [given: Partial<Parameters<typeof migrateSnapshot>[1]>, error: string][] = [
    [{ stateMachine: first }, `expected version ${to}, and how it is made of key-value/1, got key-value/1`],
    [{ to: "bank/1" }, "expected version bank/1, and how it is made of key-value/1, got key-value/1 and key-value/2"],
    [{ to: "key-value/1" }, "expected another version than key-value/1"],
    [{ sequence: ends.sequence }, "expected another version than key-value/2"],
    [{ sequence: ends.sequence, to: "key-value/1" }, "expected version key-value/1, and how it is made of key-value/2"],
    [{ stateMachine: versionsWith(failing) }, `fails on the state at ${old.sequence}: no such thing`],
    [{ stateMachine: versionsWith(() => new Map([["k", new Uint8Array([255])]])) }, "fails on the state at"],
    [{ stateMachine: versionsWith((chunks) => [...chunks].slice(1)) }, "is not one of this state"],
    [{ stateMachine: versionsWith(midway) }, `fails on the state at ${old.sequence}: in the middle`],
    [{ stateMachine: versionsWith(drifting) }, "gives another state the second time: it is not deterministic"],
    [{ genesis: { ...parentGenesis, name: "other" } }, "genesis: expected that of cluster"],
    [{ sequence: 1 }, "expected a snapshot of number 1"],
  ];
  for (const [given, error] of wrong) {
    for (const place of [storage, copyOf(storage, new SyncBucket())]) {
      await assertRejects(() => migrateSnapshot(place, { ...choice, ...given }), SnapshotError, error);
      assertEquals(place.values.size, before, error);
    }
  }
  // A disk that is full: the root is stored last, so a second run finishes it.
  let puts = 0;
  const { root } = await migrateSnapshot(copyOf(parent.storage), choice);
  const full = copyOf(parent.storage);
  const put = full.put.bind(full);
  full.put = (...args) => ++puts > 1 ? Promise.reject(new Error("ENOSPC")) : put(...args);
  await assertRejects(() => migrateSnapshot(full, choice), Error, "ENOSPC");
  assertEquals(full.values.has(`blobs/${root}`), false);
  puts = -Infinity;
  assertEquals((await migrateSnapshot(full, choice)).root, root);
});

Deno.test("chunks are read when the migration asks for them, and stored before it has given all", async () => {
  const storage = copyOf(parent.storage, new SyncBucket());
  const CHUNKS = 60;
  /** What happens, in order. */
  const said: string[] = [];
  const { getSync, put } = storage;
  storage.getSync = (key) => (said.push("read"), getSync.call(storage, key));
  storage.put = (...args) => (said.push("put"), put.apply(storage, args));
  /** Chunks of the machine: more than may be in memory at once. */
  function* larger(chunks: ReadonlyMap<string, Uint8Array>): Generator<[string, Uint8Array]> {
    assertEquals([chunks.size > 1, chunks.has("no such chunk"), chunks.get("no such chunk")], [true, false, undefined]);
    const next = VERSIONS[to].create();
    for (let i = 0; i < CHUNKS; i++) next.execute(utf8(`SET ${"k".repeat(i + 1)} ${String(i % 10).repeat(60_000)}`));
    yield* next.takeChanges() as Iterable<[string, Uint8Array]>;
    said.push("given");
  }
  await migrateSnapshot(storage, { ...choice, stateMachine: versionsWith(larger) });
  assert(said.filter((what) => what === "put").length > CHUNKS);
  assert(said.indexOf("put") < said.lastIndexOf("given"), said.join(" "));

  said.length = 0;
  const copied: string[] = [];
  await migrateSnapshot(copyOf(storage, Object.assign(new SyncBucket(), { getSync: storage.getSync })), {
    ...choice,
    stateMachine: versionsWith(function* (chunks) {
      for (const [id, chunk] of chunks) {
        copied.push(said.join(" "));
        yield [id, chunk];
      }
    }),
  });
  assertEquals(copied.slice(0, 3), ["read", "read read", "read read read"]);
});

Deno.test("init --from makes a genesis of the next version, whose root snapshot migrate finds on every copy", () =>
  inFolder(async (folder) => {
    const [one, two] = [`${folder}/one`, `${folder}/two`];
    for (const [key, value] of parent.storage.values) {
      if (key.startsWith("batches/")) continue;
      for (const path of [one, two]) await folderStorage(path).put(key, value);
    }
    const file = `${folder}/old.json`;
    const machine = `${folder}/both.js`;
    await Deno.writeTextFile(file, JSON.stringify(clusterFile));
    await Deno.writeTextFile(machine, TWO_VERSIONS);
    const run = async (...args: string[]) => {
      const lines: string[] = [];
      assertEquals(await main([...args, "--quiet"], (line) => lines.push(line)), 0);
      return lines.join("\n");
    };
    const refused = async (...args: string[]) => (await assertRejects(() => run(...args), CliError)).message;
    const members = FOUR.map((name, i) => `${name}=http://127.0.0.1:${i + 1}`);
    const from = ["--from", one, "--sequence", String(old.sequence), "--cluster", file, "--folder", `${folder}/new`];
    const next = ["--machine", to, "--migrate", machine];
    assertMatch(await refused("init", ...members, ...from, "--machine", to), /--migrate FILE makes its state \(see/);
    assertMatch(
      await refused("init", ...members, ...from, "--migrate", machine),
      /^--migrate: expected --machine NAME\/VERSION too/,
    );
    assertMatch(
      await refused("init", ...members, ...next, "--folder", `${folder}/new`),
      /^--migrate: expected --from FOLDER too/,
    );
    assertMatch(
      await refused("init", ...members, ...from, "--machine", "key-value/3", "--migrate", machine),
      /^migration: expected version key-value\/3/,
    );
    const text = await run("init", ...members, ...from, ...next);
    const { genesis } = parseClusterFile(JSON.parse(await Deno.readTextFile(`${folder}/new/cluster.json`)));
    const { root, sequence } = genesis.origin!;
    assertEquals([genesis.stateMachine, sequence], [to, old.sequence]);
    assert(text.includes(`, migrated from key-value/1 to ${to}: everybody finds the root ${root} by`), text);

    const at = ["--cluster", file, "--sequence", String(old.sequence), "--to", to, "--machine", machine];
    const found = JSON.parse(await run("snapshot", "migrate", two, ...at, "--json"));
    assertEquals([found.root, found.from, found.to], [root, "key-value/1", to]);
    const state = ["--new", "--name", "Apple", "--state", `${folder}/apple.db`, "--cluster", `${folder}/new`];
    await run("snapshot", "restore", two, ...state);
    assertMatch(await refused("snapshot", "migrate", two, ...at.slice(0, -2)), /--machine/);
  }));
