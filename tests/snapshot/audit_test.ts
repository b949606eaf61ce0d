/** Audits: archived batches are executed again and compared with snapshots. */
import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { sha256 } from "../../src/crypto/mod.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { storageArchive } from "../../src/snapshot/storage/archive.ts";
import { audit, type AuditOptions } from "../../src/snapshot/audit/audit.ts";
import { nodeSource } from "../../src/snapshot/node_source.ts";
import { saveSnapshot } from "../../src/snapshot/save.ts";
import { SnapshotError } from "../../src/snapshot/snapshot_error.ts";
import { folderStorage } from "../../src/snapshot/storage/folder.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { pack, unpack, utf8 } from "../../src/wire/mod.ts";
import { Cluster, genesisOf, NAMES, resultsIn } from "../node/_cluster.ts";
import { inFolder } from "../tools/folder.ts";
import { Bucket } from "./_bucket.ts";

/** Has a cluster write, and keeps its archive and snapshots. */
async function past() {
  const storage = new Bucket();
  const cluster = await Cluster.open({ node: (id) => id === 1 ? { archive: storageArchive(storage) } : {} });
  const client = cluster.author(9);
  const submit = async (...fields: Parameters<typeof client.request>) => {
    const frame = client.frame(client.request(...fields));
    const answers = cluster.ids.map((id) => cluster.node(id).submit(frame));
    await cluster.timer.advance(300);
    return resultsIn(await answers[0]!);
  };
  const session = Number((await submit())[0]!.replace("ok ", ""));
  for (let i = 1; i <= 30; i++) {
    const operations = [`SET k${i} ${"v".repeat(300)}${i}`, "INCR n", i % 7 === 0 ? "nonsense" : "GET n"];
    await submit({ session, timestamp: i, lowestUnanswered: i, operations });
    const written = cluster.node(2).vouch([{ name: "ada", timestamp: i, operation: utf8(`DEL k${i - 3}`) }]);
    await cluster.timer.advance(100);
    await written;
    if (i % 10 === 0) await saveSnapshot(nodeSource(cluster.node(1)), storage);
  }
  await cluster.timer.advance(1_000);
  const last = await saveSnapshot(nodeSource(cluster.node(1)), storage);
  await cluster.close();
  const options = (): AuditOptions => ({
    genesis: cluster.genesis,
    stateMachine: () => new KeyValue(),
    storage,
    store: new MemoryStore(),
  });
  return { storage, options, last };
}

const { storage, options, last } = await past();
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const batches = [...storage.values.keys()].filter((key) => key.startsWith("batches/")).sort();

Deno.test("an audit executes the whole past again, and comes to the root of every snapshot", async () => {
  const { from, through, compared } = await audit(options());
  assertEquals([from as number, through, compared.length], [1, last.sequence, 3]);
  assertEquals(compared.at(-1), last.sequence);
});

Deno.test("an audit that forgets the state at each checkpoint, and reads it again by need, comes to the same", async () => {
  const whole = await audit(options());
  let loads = 0;
  const counting = () => {
    const machine = new KeyValue();
    const { load } = machine.lazyLoading;
    machine.lazyLoading.load = (chunks) => {
      loads++;
      load(chunks);
    };
    return machine;
  };
  assertEquals(await audit({ ...options(), stateMachine: counting, memoryBytes: 1 }), whole);
  assertEquals(loads > 10, true, `${loads}`);
});

Deno.test("pbft snapshot audit keeps the state in a temporary file, and leaves nothing of it", async () => {
  await inFolder(async (folder) => {
    const backups = folderStorage(`${folder}/backups`);
    for (const [key, value] of storage.values) await backups.put(key, value);
    const urls = Object.fromEntries(NAMES.map((name, i) => [name, `http://127.0.0.1:${i + 1}`]));
    await Deno.writeTextFile(`${folder}/cluster.json`, JSON.stringify({ genesis: options().genesis, urls }));
    // A process of its own: variables of this one belong to all tests that run beside this test.
    const auditIn = async (temporary: string) => {
      const args = ["snapshot", "audit", `${folder}/backups`, "--cluster", `${folder}/cluster.json`, "--quiet"];
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "src/cli/mod.ts", ...args],
        env: { TMPDIR: temporary },
        stdin: "null",
      }).output();
      return { code, said: text(stdout), error: text(stderr) };
    };
    await Deno.mkdir(`${folder}/tmp`);
    const said = `executed 1 to ${last.sequence} again; the state is that of 3 snapshots on the way\n`;
    assertEquals(await auditIn(`${folder}/tmp`), { code: 0, said, error: "" });
    await backups.put(batches[7]!, utf8("x"));
    const damaged = await auditIn(`${folder}/tmp`);
    assertEquals(damaged.code !== 0, true);
    assertStringIncludes(damaged.error, "batch 8: expected an archived batch");
    assertEquals([...Deno.readDirSync(`${folder}/tmp`)], []);
    const homeless = await auditIn(`${folder}/none`);
    assertEquals(homeless.code !== 0, true);
    assertStringIncludes(homeless.error, "the state needs a temporary file in");
    assertMatch(homeless.error, /TMPDIR/);
  });
});

Deno.test("an audit starts from a snapshot", async () => {
  const { compared: [first, second] } = await audit(options());
  const report = await audit({ ...options(), from: first! });
  assertEquals([report.from as number, report.compared[0]], [first! + 1, second]);
  assertEquals(report.history, (await audit(options())).history);
  await assertRejects(() => audit({ ...options(), from: 3 }), SnapshotError, "number 3");
});

Deno.test("a blob of a snapshot that is missing or damaged is named, with its snapshot", async () => {
  const { blobs } = await audit(options());
  const keys = [...storage.values.keys()].filter((key) => key.startsWith("blobs/"));
  assertEquals(blobs, keys.length);
  for (const key of [keys[0]!, keys.at(-1)!, keys[keys.length >> 1]!]) {
    const bytes = storage.values.get(key)!;
    try {
      storage.values.set(key, bytes.map((byte, i) => i === bytes.length >> 1 ? byte ^ 1 : byte));
      const { message } = await assertRejects(() => audit(options()), SnapshotError, key.slice("blobs/".length));
      assertMatch(message, /^the snapshot at \d+: blob [0-9a-f]{64}: expected bytes with that digest/);
      storage.values.delete(key);
      await assertRejects(() => audit(options()), SnapshotError, "expected its bytes, got none");
    } finally {
      storage.values.set(key, bytes);
    }
  }
});

/** A key-value machine that errs in one operation. */
class Other extends KeyValue {
  override execute(operation: Uint8Array): Uint8Array {
    const text = new TextDecoder().decode(operation);
    return super.execute(text === "DEL k20" ? utf8("DEL k21") : operation);
  }
}

Deno.test("an audit with a state machine that does otherwise names the first snapshot that differs", async () => {
  await assertRejects(
    () => audit({ ...options(), stateMachine: () => new Other() }),
    SnapshotError,
    "or is not deterministic",
  );
  const version = () => Object.assign(new KeyValue(), { version: "key-value/9" });
  await assertRejects(() => audit({ ...options(), stateMachine: version }), TypeError, "expected version key-value/1");
});

type Row = [number, string, Uint8Array, Uint8Array[]];

Deno.test("a batch that is missing, damaged, or not proven is named", async () => {
  const key = batches[7]!;
  const bytes = storage.values.get(key)!;
  const [sequence, digest, batch, commits] = unpack(bytes) as Row;
  const other = unpack(storage.values.get(batches[8]!)!) as Row;
  const wrong: readonly [value: Uint8Array | null, error: string][] = [
    [null, "batch 8: expected an archived batch, the next one is 9"],
    [utf8("x"), "batch 8: expected an archived batch, got other bytes"],
    [pack([sequence, digest, batch, [7]]), "batch 8: expected an archived batch, got other bytes"],
    [
      pack([sequence, digest, batch, [utf8("x"), utf8("y"), utf8("z")]]),
      "batch 8: expected an archived batch, got other",
    ],
    [pack([sequence, sha256(utf8("x")), utf8("x"), commits]), "batch 8: not proven: a commit is for another batch"],
    [pack([sequence, digest, batch.slice(1), commits]), `batch 8: expected bytes with the digest ${digest}`],
    [pack([sequence, digest, batch, commits.slice(1)]), "batch 8: not proven: expected a quorum"],
    [
      pack([sequence, digest, batch, [commits[0]!, commits[0]!, commits[0]!]]),
      "batch 8: not proven: expected a quorum",
    ],
    [pack([sequence, digest, batch, other[3]]), "batch 8: not proven: a commit is for another batch"],
    [pack([sequence, other[1], other[2], other[3]]), "batch 8: not proven: a commit is for another batch"],
    [pack([sequence, digest, batch, commits.map((frame) => flipped(frame))]), "batch 8: not proven"],
  ];
  try {
    for (const [value, error] of wrong) {
      if (value) storage.values.set(key, value);
      else storage.values.delete(key);
      await assertRejects(() => audit(options()), SnapshotError, error);
    }
  } finally {
    storage.values.set(key, bytes);
  }
  // A file of somebody else's is in nobody's way.
  storage.values.set("batches/notes.txt", utf8("x"));
  assertEquals((await audit(options())).through, last.sequence);
  storage.values.delete("batches/notes.txt");
  await assertRejects(
    () => audit({ ...options(), genesis: { ...genesisOf(4), name: "other" } }),
    SnapshotError,
    "expected that of cluster",
  );
});

/** A frame with one bit of its signature flipped. */
function flipped(frame: Uint8Array): Uint8Array {
  return frame.map((byte, i) => i === frame.length - 1 ? byte ^ 1 : byte);
}
