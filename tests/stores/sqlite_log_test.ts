/** The log inside a SQLite file: it stays short, and nothing that is needed is lost when it is shortened. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { type Digest, digest } from "../../src/core/messages/ids.ts";
import { CorruptStoreError } from "../../src/node/storage/store_errors.ts";
import { StoreConflictError, type Writes } from "../../src/node/ports.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { openFile } from "../../src/stores/sqlite/file.ts";
import { changesOf, Log, type LogLimits } from "../../src/stores/sqlite/log.ts";
import { SqliteStore } from "../../src/stores/sqlite.ts";
import { Random } from "../../src/testing/random.ts";
import { inFolder } from "../tools/folder.ts";

const SHORT: LogLimits = { rows: 20, bytes: 4_000, movedBytes: 300, removedRows: 4 };

/** One instance on a file, as `SqliteStore` makes it, with a short log and without waiting for the disk. */
async function openLog(path: string, limits: LogLimits) {
  const database = await openFile(path);
  database.exec("PRAGMA synchronous = OFF");
  const log = new Log(database, path, limits);
  const inTransaction = <T>(run: () => T): T => {
    database.exec("BEGIN IMMEDIATE");
    try {
      const result = run();
      database.exec("COMMIT");
      return result;
    } catch (error) {
      log.reset();
      database.exec("ROLLBACK");
      throw error;
    }
  };
  return {
    load: () => inTransaction(() => log.load()),
    read: (digests: readonly Digest[]) => inTransaction(() => log.read(digests)),
    commit(writes: Writes, expected: number) {
      const changes = changesOf(writes);
      if (log.isPlain(changes, expected)) return log.append(changes, expected);
      return inTransaction(() => log.commit(changes, expected));
    },
    /** A commit that fails when all its statements have run. */
    fail(writes: Writes, expected: number) {
      try {
        inTransaction(() => {
          log.commit(changesOf(writes), expected);
          throw new Error("power cut");
        });
      } catch (error) {
        assertEquals((error as Error).message, "power cut");
      }
    },
    rows: () => database.prepare("SELECT count(*) AS n, sum(length(records) + length(blobs)) AS bytes FROM log").get()!,
    close: () => database.close(),
  };
}

const NAMES = Array.from({ length: 30 }, (_, i) => `record/${i}`);
const DIGESTS = Array.from({ length: 40 }, (_, i) => digest(i.toString(16).padStart(64, "0")));

/** A random commit. The bytes of a digest are always the same. */
function drawWrites(random: Random): Writes {
  const records = new Map<string, Uint8Array | null>();
  for (let left = random.int(0, 4); left > 0; left--) {
    const value = random.chance(0.2) ? null : new Uint8Array(random.int(0, 120)).fill(random.int(0, 255));
    records.set(random.pick(NAMES), value);
  }
  const blobs = new Map<Digest, Uint8Array | null>();
  // Sometimes more than fit into the log.
  for (let left = random.chance(0.1) ? 20 : random.int(0, 3); left > 0; left--) {
    const at = random.int(0, DIGESTS.length - 1);
    blobs.set(DIGESTS[at]!, random.chance(0.4) ? null : new Uint8Array(at * 9).fill(at));
  }
  return { records, blobs };
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  Deno.test(`sqlite: instances with a log that is shortened at every turn give what a store in memory gives (${seed})`, () =>
    inFolder(async (folder) => {
      const random = new Random(seed);
      const path = `${folder}/replica.db`;
      const model = new MemoryStore();
      const instances = [await openLog(path, SHORT), await openLog(path, SHORT)];
      let version = 0;
      for (let step = 0; step < 600; step++) {
        const at = random.chance(0.9) ? 0 : 1;
        const writes = drawWrites(random);
        if (random.chance(0.02)) instances[at]!.fail(writes, version);
        if (random.chance(0.02)) {
          instances[at]!.close();
          instances[at] = await openLog(path, SHORT);
        }
        assertEquals(instances[at]!.commit(writes, version), ++version);
        await model.commit(writes, version - 1);
        if (random.chance(0.1)) {
          const reader = instances[random.int(0, 1)]!;
          const asked = Array.from({ length: 8 }, () => random.pick(DIGESTS));
          assertEquals(reader.read(asked), await model.read(asked));
          assertEquals(reader.load(), await model.load());
        }
        for (const other of [version - 1, version + 1]) {
          if (!random.chance(0.05)) continue;
          let found: unknown;
          try {
            instances[1 - at]!.commit(writes, other);
          } catch (error) {
            found = error;
          }
          assert(found instanceof StoreConflictError && found.found === version, String(found));
        }
      }
      assertEquals(instances[0]!.read(DIGESTS), await model.read(DIGESTS));
      const { n, bytes } = instances[0]!.rows() as { n: number; bytes: number };
      assert(n <= 2 * SHORT.rows && bytes <= 4 * SHORT.bytes, `${n} rows of ${bytes} bytes`);
      for (const instance of instances) instance.close();
    }));
}

Deno.test("sqlite: the log of a replica that commits for ever stays short, with records that never change in it", () =>
  inFolder(async (folder) => {
    const log = await openLog(`${folder}/replica.db`, { ...SHORT, rows: 100, bytes: 100_000, removedRows: 16 });
    log.commit({ records: new Map([["identity", new Uint8Array(300).fill(7)]]), blobs: new Map() }, 0);
    let size = 0;
    for (let version = 1; version < 5_000; version++) {
      const body = digest(version.toString(16).padStart(64, "0"));
      const records = new Map([[`accepted/${version % 50}`, new Uint8Array(400)]]);
      log.commit({ records, blobs: new Map([[body, new Uint8Array(200)]]) }, version);
      if (version > 60) {
        const old = digest((version - 60).toString(16).padStart(64, "0"));
        log.commit({ records: new Map(), blobs: new Map([[old, null]]) }, ++version);
      }
      if (version % 500 === 0) size = Math.max(size, log.rows().n as number);
    }
    assert(size <= 150, `${size} rows`);
    assertEquals(log.load().records.get("identity"), new Uint8Array(300).fill(7));
    log.close();
  }));

Deno.test("sqlite: large values that are needed for ever do not keep the log long", () =>
  inFolder(async (folder) => {
    const log = await openLog(`${folder}/replica.db`, SHORT);
    const large = new Uint8Array(3 * SHORT.bytes).fill(5);
    const body = digest("5".padStart(64, "0"));
    log.commit({ records: new Map([["view", large]]), blobs: new Map([[body, large]]) }, 0);
    for (let version = 1; version < 300; version++) {
      log.commit({ records: new Map([["clock", new Uint8Array(50)]]), blobs: new Map() }, version);
    }
    // The record stays in the log, and is moved whenever the log is shortened.
    assert(log.rows().n as number <= 2 * SHORT.rows, `${log.rows().n} rows`);
    assertEquals([log.read([body])[0], log.load().records.get("view")], [large, large]);
    log.close();
  }));

Deno.test("sqlite: a row whose bytes have rotted is refused with its number, and the file is named", () =>
  inFolder(async (folder) => {
    const path = `${folder}/replica.db`;
    const store = await SqliteStore.open(path);
    for (let i = 0; i < 3; i++) {
      await store.commit({ records: new Map([["a", new Uint8Array(100).fill(i)]]), blobs: new Map() }, i);
    }
    await store.close();
    for (
      const [column, value] of [["records", new Uint8Array(100).fill(9)], ["names", new TextEncoder().encode("[]")]]
    ) {
      await Deno.copyFile(path, `${folder}/copy`);
      const database = new DatabaseSync(`${folder}/copy`);
      database.prepare(`UPDATE log SET ${column} = ? WHERE version = 2`).run(value as Uint8Array);
      database.close();
      const damaged = await SqliteStore.open(`${folder}/copy`);
      const { message } = await assertRejects(() => damaged.load(), CorruptStoreError);
      assertStringIncludes(message, `${folder}/copy: row 2 of its log has a wrong checksum`);
      await assertRejects(() => damaged.commit({ records: new Map(), blobs: new Map() }, 3), CorruptStoreError);
      await damaged.close();
      await Deno.remove(`${folder}/copy`);
    }
    const database = new DatabaseSync(path);
    database.exec("DELETE FROM log WHERE version = 2");
    database.close();
    const damaged = await SqliteStore.open(path);
    await assertRejects(() => damaged.load(), CorruptStoreError, "row 3 of its log follows a gap");
    await damaged.close();
  }));
