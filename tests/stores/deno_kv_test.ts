import { assert, assertEquals, assertGreater, assertGreaterOrEqual, assertRejects } from "@std/assert";
import { type Digest, digest } from "../../src/core/messages/ids.ts";
import { type Store, StoreConflictError, type Writes } from "../../src/node/ports.ts";
import { DenoKvStore, type KvDatabase } from "../../src/stores/deno_kv.ts";
import { strictKv } from "./_kv_faults.ts";
import { testStore } from "./conformance.ts";
import { inFolder } from "../tools/folder.ts";

const CHILD = new URL("./_committing_kv_child.ts", import.meta.url).pathname;

testStore("deno kv", async () => {
  const folder = await Deno.makeTempDir();
  const instances: Store[] = [];
  const reopen = async () => {
    const store = new DenoKvStore(strictKv(await Deno.openKv(`${folder}/kv`)));
    instances.push(store);
    return store;
  };
  return {
    store: await reopen(),
    reopen,
    async close() {
      for (const store of instances) await store.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
});

async function withKv(run: (kv: KvDatabase) => Promise<void>): Promise<void> {
  const kv = await Deno.openKv(":memory:");
  try {
    await run(kv);
  } finally {
    kv.close();
  }
}

/** Every commit of it is too large for one operation. */
function large(value: number, options: { records?: number } = {}): Writes {
  const { records = 2_000 } = options;
  return {
    records: new Map(Array.from({ length: records }, (_, i) => [`record/${i}`, Uint8Array.of(value)])),
    blobs: new Map([[name(1), new Uint8Array(900_000).fill(value)], [name(2), new Uint8Array(70_000).fill(value)]]),
  };
}

function name(index: number): Digest {
  return digest(index.toString(16).padStart(64, "0"));
}

/** The value that all of it has. @throws if it has several. */
async function valueOf(store: Store): Promise<number | null> {
  const { version, records } = await store.load();
  const blobs = await store.read([name(1), name(2)]);
  const values = new Set([...records.values(), ...blobs].map((bytes) => bytes && bytes[0]!));
  assertEquals(values.size, 1, `at version ${version}: ${[...values]}`);
  assertEquals(blobs.map((blob) => blob?.length), version === 0 ? [undefined, undefined] : [900_000, 70_000]);
  return [...values][0]!;
}

async function keys(kv: KvDatabase): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of kv.list({ prefix: ["pbft"] }, { batchSize: 500 })) found.push(key.slice(1, 3).join("/"));
  return found;
}

for (const records of [0, 2_000]) {
  Deno.test(`deno kv: whenever a process ends in a commit of ${records} records and 970,000 bytes, all of it counts or nothing`, async () => {
    let ended = false;
    for (let at = 1; !ended; at++) {
      for (const side of ["before", "after"] as const) {
        await withKv(async (kv) => {
          const first = new DenoKvStore(strictKv(kv));
          await first.commit(large(1), 0);
          const dying = new DenoKvStore(strictKv(kv, {
            [side]: (commit: number) => {
              if (commit >= at) throw new Error("the process has ended");
            },
          }));
          let committed = false;
          try {
            committed = await dying.commit(large(2, { records }), 1) === 2;
          } catch (error) {
            assertEquals((error as Error).message, "the process has ended");
          }
          if (at > 40) throw new Error("never ends");
          const next = new DenoKvStore(strictKv(kv));
          if (records === 0) {
            const { version } = await next.load();
            const [blob] = await next.read([name(1)]);
            assertEquals([blob!.length, blob![0]], [900_000, version]);
          } else assertEquals(await valueOf(next), (await next.load()).version);
          const { version } = await next.load();
          assert(version === 2 || !committed);
          // Another commit, and what the dead one left is gone: only what is in use is there.
          await next.commit(large(3), version);
          await next.load();
          const used = ["a/head", "a/large", "a/record", "blob", "piece"];
          const left = (await keys(kv)).filter((key) => !used.some((prefix) => key.startsWith(prefix)));
          assertEquals(left, []);
          assertEquals((await keys(kv)).filter((key) => key.startsWith("piece")).length, 19);
          ended = committed;
        });
      }
    }
  });
}

Deno.test("deno kv: a commit of several megabytes in small values is within the limits at each of its steps", () =>
  withKv(async (kv) => {
    const store = new DenoKvStore(strictKv(kv));
    const values = (value: number) => ({
      records: new Map(Array.from({ length: 300 }, (_, i) => [`record/${i}`, new Uint8Array(1_000).fill(value)])),
      blobs: new Map(Array.from({ length: 400 }, (_, i) => [name(i), new Uint8Array(9_000 + 130 * i).fill(value)])),
    });
    assertEquals(await store.commit(values(1), 0), 1);
    assertEquals(await store.commit(values(2), 1), 2);
    const next = new DenoKvStore(strictKv(kv));
    const { version, records } = await next.load();
    assertEquals([version, records.size, records.get("record/299")], [2, 300, new Uint8Array(1_000).fill(2)]);
    assertEquals((await next.read([name(399)]))[0], new Uint8Array(60_870).fill(2));
  }));

Deno.test("deno kv: an instance that finds a commit half carried out finishes it", () =>
  withKv(async (kv) => {
    await new DenoKvStore(kv).commit(large(1), 0);
    const dying = strictKv(kv, {
      before: (commit) => {
        // A mark, two operations of pieces and plan, then the commit counts; one part of the plan is carried out.
        if (commit > 5) throw new Error("the process has ended");
      },
    });
    assertEquals(await new DenoKvStore(dying).commit(large(2), 1), 2);
    assertGreater((await keys(kv)).filter((key) => key.startsWith("plan")).length, 2);
    assertEquals(await valueOf(new DenoKvStore(kv)), 2);
    assertEquals((await keys(kv)).filter((key) => key.startsWith("plan") || key.startsWith("a/mark")), []);
  }));

Deno.test("deno kv: a large commit that loses changes nothing and leaves nothing", () =>
  withKv(async (kv) => {
    await new DenoKvStore(kv).commit(large(1), 0);
    const winner = new DenoKvStore(kv);
    const loser = new DenoKvStore(strictKv(kv, {
      async before(commit) {
        if (commit === 3) await winner.commit(large(2), 1);
      },
    }));
    const { expected, found } = await assertRejects(() => loser.commit(large(7), 1), StoreConflictError);
    assertEquals([expected, found], [1, 2]);
    assertEquals(await valueOf(winner), 2);
    assertEquals((await keys(kv)).filter((key) => key.startsWith("plan") || key.startsWith("a/mark")), []);
    assertEquals((await keys(kv)).filter((key) => key.startsWith("piece")).length, 19);
  }));

Deno.test("deno kv: an instance that looks gets what another one has committed, and nothing if none has", () =>
  withKv(async (kv) => {
    const [one, other] = [new DenoKvStore(kv), new DenoKvStore(kv)];
    const write = (value: number) => ({ records: new Map([["a", Uint8Array.of(value)]]), blobs: new Map() });
    assertEquals(await one.newer(0), null);
    await other.commit(write(1), 0);
    const found = await one.newer(0);
    assertEquals([found?.version, found?.records.get("a")], [1, Uint8Array.of(1)]);
    assertEquals(await one.newer(1), null);
    // With both at work, it finds it in the log.
    await one.commit(write(2), 1);
    await assertRejects(() => other.commit(write(9), 1), StoreConflictError);
    await other.commit(write(3), 2);
    assertEquals((await one.newer(2))?.records.get("a"), Uint8Array.of(3));
  }));

Deno.test("deno kv: a commit whose outcome is unknown is looked up, not made twice", () =>
  withKv(async (kv) => {
    let locked = 0;
    const store = new DenoKvStore(strictKv(kv, {
      after: () => {
        if (locked++ < 3) throw new TypeError("database is locked");
      },
    }));
    assertEquals(await store.commit({ records: new Map([["a", Uint8Array.of(1)]]), blobs: new Map() }, 0), 1);
    assertEquals((await store.load()).version, 1);
    assertGreaterOrEqual(locked, 3);
  }));

Deno.test("deno kv: other errors of the database reach the caller", () =>
  withKv(async (kv) => {
    const store = new DenoKvStore(strictKv(kv, {
      before: () => {
        throw new TypeError("disk I/O error");
      },
    }));
    await assertRejects(() => store.commit({ records: new Map(), blobs: new Map() }, 0), TypeError, "disk I/O error");
  }));

Deno.test("deno kv: replicas with two prefixes in one database do not affect each other", () =>
  withKv(async (kv) => {
    const [apple, ball] = ["Apple", "Ball"].map((prefix) => new DenoKvStore(kv, { prefix: [prefix] }));
    await apple!.commit(large(1), 0);
    assertEquals([await valueOf(apple!), await valueOf(ball!)], [1, null]);
  }));

Deno.test("deno kv: processes that race on one file lose no commit and make none twice", () =>
  inFolder(async (folder) => {
    const path = `${folder}/kv`;
    const children = [1, 2].map(() => spawnChild(path, 60));
    const outputs = await Promise.all(children.map((child) => child.output()));
    const won = outputs.flatMap(({ stdout }) => new TextDecoder().decode(stdout).trim().split("\n").map(Number));
    assertEquals(outputs.map(({ success }) => success), [true, true]);
    assertEquals(won.sort((a, b) => a - b), Array.from({ length: 120 }, (_, index) => index + 1));
    await assertWhole(path, 120);
  }));

Deno.test("deno kv: after kill -9 during commits every acknowledged commit is there, and no commit in part", () =>
  inFolder(async (folder) => {
    const path = `${folder}/kv`;
    let acknowledged = 0;
    for (const enough of [3, 9, 14, 25]) {
      const child = spawnChild(path, 1_000_000);
      let text = "";
      const target = acknowledged + enough;
      for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
        text += piece;
        acknowledged = Number(text.slice(0, text.lastIndexOf("\n")).split("\n").at(-1));
        if (acknowledged >= target) break;
      }
      child.kill("SIGKILL");
      await child.status;
      await assertWhole(path, acknowledged);
    }
  }));

function spawnChild(path: string, commits: number): Deno.ChildProcess {
  const args = ["run", "-A", "--unstable-kv", "--no-lock", CHILD, path, String(commits)];
  return new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
}

async function assertWhole(path: string, acknowledged: number): Promise<void> {
  const store = await DenoKvStore.open(path);
  const { version, records } = await store.load();
  assertGreaterOrEqual(version, acknowledged);
  const text = (bytes: Uint8Array | null | undefined) => bytes && new TextDecoder().decode(bytes).trimEnd();
  const found = ["first", "middle/0", "middle/9", "large", "last"].map((key) => text(records.get(key)));
  assertEquals(found, found.map(() => `${version}`));
  const present = (await store.read([name10(version), name10(version - 10)])).map(text);
  assertEquals(present, [`${version}`, null]);
  await store.close();
}

function name10(of: number): Digest {
  return digest(String(Math.max(0, of)).padStart(64, "0"));
}
