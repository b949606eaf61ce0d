/** A cluster that begins with a snapshot of another one: after its total loss, or as a copy. */
import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { CliError } from "../../src/cli/cli_error.ts";
import { main } from "../../src/cli/mod.ts";
import { ProofError, verifyArchived } from "../../src/client/mod.ts";
import type { Genesis } from "../../src/core/config.ts";
import type { ReplicaId } from "../../src/core/messages/ids.ts";
import { simulatedObjectStorage } from "../../src/cli/simulation/simulated_object.ts";
import { clusterId } from "../../src/crypto/mod.ts";
import { ReplicaObject } from "../../src/runtime/cloudflare.ts";
import { audit } from "../../src/snapshot/audit/audit.ts";
import { nodeSource } from "../../src/snapshot/node_source.ts";
import { restoreOrigin, restoreSnapshot } from "../../src/snapshot/restore.ts";
import { saveSnapshot } from "../../src/snapshot/save.ts";
import { SnapshotError } from "../../src/snapshot/snapshot_error.ts";
import { archivedNumbers, readArchived, storageArchive } from "../../src/snapshot/storage/archive.ts";
import { folderStorage } from "../../src/snapshot/storage/folder.ts";
import { blobKey, BLOBS } from "../../src/snapshot/storage/storage.ts";
import { verifySnapshot } from "../../src/snapshot/verify.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { encodeGenesis, parseClusterFile, parseGenesis } from "../../src/wire/mod.ts";
import { clusterFile, FOUR, keyOf, Members, until, urlsOf } from "../node/_epochs.ts";
import { inFolder } from "../tools/folder.ts";
import { Bucket } from "./_bucket.ts";
import { past, VERSIONS } from "./_epochs.ts";

const { past: parent, saved } = await past();
assertEquals(await parent.cluster.vouch("Ball", "counter", 7, "INCR n"), "ok 1");
await parent.write(4);
await parent.cluster.alike(["Apple", "Ball", "Candy", "Eagle"]);
const last = await saveSnapshot(nodeSource(parent.cluster.node("Ball")), parent.storage);
await parent.cluster.close();
assert(last.sequence > saved.at(-1)!.sequence);
const { storage } = parent;
const { cluster } = await verifySnapshot(storage);
const origin = { cluster, sequence: last.sequence, root: last.root };
const genesis: Genesis = { ...clusterFile.genesis, stateMachine: "key-value/2", origin };
const file = { genesis, urls: urlsOf(FOUR) };

/** The members of the new cluster. Those that are named have the snapshot. */
async function begun(restored: readonly string[], own = new Bucket()): Promise<Members> {
  const members = new Members();
  for (const [id, name] of FOUR.entries()) {
    const store = new MemoryStore();
    if (restored.includes(name)) await restoreOrigin(storage, store, id as ReplicaId, { genesis, start: "new" });
    if (restored.includes(name)) members.stores.set(name, store);
    const archive = name === "Ball" ? { archive: storageArchive(own) } : {};
    await members.open(name, { cluster: file, stateMachine: VERSIONS, ...archive });
  }
  return members;
}

Deno.test("after a total loss the members begin with the state of the snapshot, and go on from its number", async () => {
  const members = await begun(FOUR);
  const { sequence } = origin;
  assertEquals(members.node("Apple").status().replica.lastExecuted, sequence);
  assertEquals(members.node("Apple").status().replica.recovering, false);
  assertEquals(await members.vouch("Apple", "z", 1, "GET migrated"), 'ok "yes"');
  // What the old cluster has executed is not executed again: its table of clients is a part of the state.
  assertEquals(await members.vouch("Ball", "counter", 7, "INCR n"), "ok 1");
  assertEquals(await members.vouch("Ball", "counter", 8, "INCR n"), "ok 2");
  assert(members.node("Candy").status().replica.lastExecuted > sequence);
  await members.alike(FOUR);
  assertEquals(members.member("Apple").epoch.number, 0);
  assertEquals(members.failures, []);
  await members.close();
});

Deno.test("a member without the snapshot fetches the state from those that have it", async () => {
  const members = await begun(["Apple", "Ball", "Candy"]);
  assertEquals(await members.vouch("Ball", "counter", 8, "INCR n"), "ok 2");
  await members.alike(FOUR);
  const roots = () => new Set(FOUR.map((name) => members.node(name).status().replica.stateRoot));
  for (let i = 9; i < 20; i++) await members.vouch("Dog", "counter", i, "INCR n");
  await until("roots are equal", () => roots().size === 1);
  assertEquals(members.failures, []);
  await members.close();
});

Deno.test("the new cluster has epochs, snapshots and audits of its own, and its proofs are not the old one's", async () => {
  const own = new Bucket();
  const members = await begun(FOUR, own);
  const first = await saveSnapshot(nodeSource(members.node("Ball")), own, { genesis });
  assertEquals([first.sequence, first.root], [origin.sequence, origin.root]);
  const operation = await members.operation(members.member("Ball").epoch, { checkpointInterval: 4 });
  for (let i = 8; i < 20; i++) await members.vouch("Ball", "counter", i, "INCR n");
  assert((await members.vouch("Ball", "admin", 77, operation)).startsWith("ok"));
  await members.reached(1, FOUR);
  for (let i = 20; i < 30; i++) await members.vouch("Ball", "counter", i, "INCR n");
  await until("it is stable", () => members.node("Ball").stableCertificate().length > 0);
  const later = await saveSnapshot(nodeSource(members.node("Ball")), own, { genesis });
  await members.close();
  assertEquals((await verifySnapshot(own, { genesis })).root, later.root);
  const report = await audit({ genesis, stateMachine: VERSIONS, storage: own, store: new MemoryStore() });
  assertEquals([report.from, report.ended.length], [origin.sequence + 1, 1]);
  assert(report.through >= later.sequence);

  await assertRejects(() => verifySnapshot(own, clusterFile), SnapshotError, "expected that of cluster");
  await assertRejects(() => verifySnapshot(storage, { genesis }), SnapshotError, "expected that of cluster");
  const [number] = await archivedNumbers(own);
  const batch = await readArchived(own, number!);
  assertEquals((await verifyArchived(file, batch)).sequence, number);
  await assertRejects(() => verifyArchived(clusterFile, batch), ProofError);
  const oldest = await readArchived(storage, (await archivedNumbers(storage))[0]!);
  assertEquals((await verifyArchived(clusterFile, oldest)).sequence as number, 1);
  await assertRejects(() => verifyArchived(file, oldest), ProofError, "sequence: expected");

  // One that lost its disk comes back by a snapshot of the new cluster.
  const store = new MemoryStore();
  await restoreSnapshot(own, store, 3 as ReplicaId, { genesis });
  assertEquals((await store.load()).records.has("lost-disk"), true);
});

Deno.test("a member begins with no other state than the genesis says, and a wrong one leaves nothing", async () => {
  const restore = (given: Genesis, from = storage, store = new MemoryStore()) =>
    restoreOrigin(from, store, 0 as ReplicaId, { genesis: given, start: "new" });
  const other = saved[0]!;
  const wrong: readonly [given: Genesis, error: string][] = [
    [{ ...genesis, origin: { ...origin, root: other.root } }, `expected the state at ${origin.sequence}, got that at`],
    [{ ...genesis, origin: { ...origin, sequence: other.sequence } }, `expected the state at ${other.sequence}, got`],
    [{ ...genesis, origin: { ...origin, root: "0".repeat(64) as never } }, "expected its bytes, got none"],
    [clusterFile.genesis, "genesis.origin: expected a state"],
  ];
  for (const [given, error] of wrong) {
    const store = new MemoryStore();
    await assertRejects(() => restore(given, storage, store), SnapshotError, error);
    assertEquals((await store.load()).version, 0);
  }
  const damaged = new Bucket();
  for (const [key, value] of storage.values) damaged.values.set(key, value);
  const blob = [...damaged.values.keys()].find((key) => key.startsWith(BLOBS) && key === blobKey(origin.root))!;
  damaged.values.set(blob, damaged.values.get(blob)!.map((byte, i) => i === 9 ? byte ^ 1 : byte));
  const store = new MemoryStore();
  await assertRejects(() => restore(genesis, damaged, store), SnapshotError, "expected bytes with that digest");
  assertEquals((await store.load()).version, 0);
  // A power failure in the middle leaves a store that the same call fills.
  let puts = 0;
  const commit = store.commit.bind(store);
  store.commit = (...args) => ++puts === 2 ? Promise.reject(new Error("power off")) : commit(...args);
  await assertRejects(() => restore(genesis, storage, store), Error, "power off");
  await restore(genesis, storage, store);
  await assertRejects(() => restore(genesis, storage, store), SnapshotError, "expected a store without a state");
  // A member that has lost its disk votes in nothing in which it may have voted.
  const lost = new MemoryStore();
  await restoreOrigin(storage, lost, 0 as ReplicaId, { genesis, start: "recover" });
  assert((await lost.load()).records.has("lost-disk"));
});

Deno.test("the origin is a part of the cluster's id, and a genesis without one has the id that it always had", () => {
  const { origin: _, ...without } = genesis;
  assertEquals(encodeGenesis(without)[0], 0x82);
  const ids = [
    without,
    genesis,
    { ...genesis, origin: { ...origin, cluster: "0".repeat(64) } },
    { ...genesis, origin: { ...origin, sequence: origin.sequence + 1 } },
    { ...genesis, origin: { ...origin, root: "1".repeat(64) } },
  ].map((one) => clusterId(parseGenesis(JSON.parse(JSON.stringify(one)))));
  assertEquals(new Set(ids).size, 5);
  assertNotEquals(ids[1], cluster);
  const wrong: readonly [origin: unknown, error: string][] = [
    [null, "cluster.genesis.origin: expected an object"],
    [{}, "cluster.genesis.origin.cluster: expected a value"],
    [{ ...origin, more: 1 }, "cluster.genesis.origin: expected only"],
    [{ ...origin, cluster: "x" }, "cluster.genesis.origin.cluster: expected 64"],
    [{ ...origin, sequence: 0 }, "cluster.genesis.origin.sequence: expected an integer of at least 1"],
    [{ ...origin, sequence: 2 ** 53 - 1 }, "cluster.genesis.origin.sequence: expected at most"],
    [{ ...origin, root: origin.root.toUpperCase() }, "cluster.genesis.origin.root: expected 64"],
  ];
  for (const [given, error] of wrong) {
    assertThrows(() => parseClusterFile({ ...file, genesis: { ...genesis, origin: given } }), TypeError, error);
  }
});

Deno.test("init makes a genesis of a snapshot, and refuses one that is not sound, or of another cluster", () =>
  inFolder(async (folder) => {
    const backups = `${folder}/backups`;
    for (const [key, value] of storage.values) {
      if (!key.startsWith("batches/")) await folderStorage(backups).put(key, value);
    }
    const members = FOUR.map((name, i) => `${name}=http://127.0.0.1:${23_000 + i}`);
    const init = async (...args: string[]) => {
      const lines: string[] = [];
      await main(["init", ...members, ...args], (line) => lines.push(line));
      return lines.join("\n");
    };
    const refused = async (...args: string[]) => (await assertRejects(() => init(...args), CliError)).message;
    const [old, other] = [`${folder}/old.json`, `${folder}/other.json`];
    await Deno.writeTextFile(old, JSON.stringify(clusterFile));
    await Deno.writeTextFile(other, JSON.stringify({ ...clusterFile, genesis: { ...clusterFile.genesis, name: "x" } }));
    const from = ["--from", backups];
    assertMatch(await refused("--folder", `${folder}/a`, "--sequence", "8"), /^--sequence: expected --from FOLDER too/);
    assertMatch(await refused("--folder", `${folder}/a`, "--from", folder), /^expected a snapshot in the storage/);
    assertMatch(
      await refused("--folder", `${folder}/a`, ...from, "--cluster", other),
      /^genesis: expected that of cluster/,
    );
    assertMatch(
      await refused("--folder", `${folder}/a`, ...from, "--machine", "key-value/1"),
      /^--machine: expected key-value\/2/,
    );
    assertMatch(await init("--folder", `${folder}/a`, ...from), /nobody has vouched for it: compare this id/);
    assertMatch(
      await init("--folder", `${folder}/b`, ...from, "--cluster", old),
      /the cluster begins with the state at \d+, of 20\S+Z, of cluster [0-9a-f]{64}\n/,
    );
    const made = parseClusterFile(JSON.parse(await Deno.readTextFile(`${folder}/b/cluster.json`)));
    const { name, stateMachine, checkpointInterval, logWindow } = made.genesis;
    assertEquals([name, stateMachine, checkpointInterval, logWindow], ["test", "key-value/2", 4, 32]);
    assertEquals(made.genesis.origin, origin);
    const at = ["--name", "Apple", "--state", `${folder}/apple.db`, "--cluster", `${folder}/b`];
    assertEquals(await main(["snapshot", "restore", backups, "--new", ...at, "--quiet"], () => {}), 0);
    await assertRejects(
      () => main(["snapshot", "restore", backups, "--new", ...at], () => {}),
      CliError,
      "exists already",
    );
    const blob = `${backups}/blobs/${origin.root.slice(0, 2)}/${origin.root}`;
    await Deno.writeTextFile(blob, "rotten");
    assertMatch(
      await refused("--folder", `${folder}/c`, ...from),
      /^blob [0-9a-f]{64}: expected bytes with that digest/,
    );
    await assertRejects(() => Deno.stat(`${folder}/c`));
  }));

// An object lives on after a request, and so does its timer.
const livesOn = { sanitizeOps: false, sanitizeResources: false };

Deno.test("a Durable Object begins with the snapshot in its bucket, and needs it once", livesOn, async () => {
  const disk = { ...simulatedObjectStorage(), setAlarm: () => Promise.resolve() };
  const context = { storage: disk, waitUntil: () => {} };
  const urls = Object.fromEntries(FOUR.map((name, i) => [name, `http://127.0.0.1:${i + 1}`]));
  const env = {
    PBFT_CLUSTER: JSON.stringify({ ...file, urls }),
    PBFT_REPLICA: "Apple",
    PBFT_PRIVATE_KEY: keyOf("Apple").privateKey,
    PBFT_LOG: "none",
  } as ConstructorParameters<typeof ReplicaObject>[1];
  const status = async (bucket: Bucket | null, start?: string) => {
    const options = { stateMachine: VERSIONS, ...(bucket && { origin: bucket }) };
    const object = new ReplicaObject(context, { ...env, ...(start && { PBFT_START: start }) }, options);
    const answer = await object.fetch(new Request("http://127.0.0.1:1/status"));
    return { status: answer.status, ...await answer.json() };
  };
  const empty = await status(new Bucket(), "new");
  assertEquals(empty.status, 503);
  assertMatch(empty.detail, /^the replica can't be opened: blob [0-9a-f]{64}: expected its bytes, got none/);
  assertMatch((await status(storage)).detail, /expected the records of Apple/);
  const begun = await status(storage, "new");
  assertEquals([begun.status, begun.lastExecuted, begun.stateRoot], [200, origin.sequence, origin.root]);
  const again = await status(null);
  assertEquals([again.status, again.lastExecuted], [200, origin.sequence]);
});
