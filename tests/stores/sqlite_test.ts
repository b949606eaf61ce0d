import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { digest } from "../../src/core/messages/ids.ts";
import { type Store, StoreConflictError } from "../../src/node/ports.ts";
import { openFile } from "../../src/stores/sqlite/file.ts";
import { SqliteStore, StoreOpenError } from "../../src/stores/sqlite.ts";
import { testStore } from "./conformance.ts";
import { inFolder } from "../tools/folder.ts";

testStore("sqlite", async () => {
  const folder = await Deno.makeTempDir();
  const instances: Store[] = [];
  const reopen = async () => {
    const store = await SqliteStore.open(`${folder}/replica.db`);
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

const NOTHING = { records: new Map(), blobs: new Map() };
const CHILD = new URL("./_committing_child.ts", import.meta.url).pathname;

function spawnChild(path: string, commits: number): Deno.ChildProcess {
  const args = ["run", "-A", "--no-lock", CHILD, path, String(commits)];
  return new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
}

Deno.test("sqlite: a file is durable at each commit, in WAL mode, and says whose it is", () =>
  inFolder(async (folder) => {
    const database = await openFile(`${folder}/replica.db`);
    const pragma = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get()!)[0];
    assertEquals(["journal_mode", "synchronous", "application_id"].map(pragma), ["wal", 2, 0x50424654]);
    database.close();
  }));

Deno.test("sqlite: after kill -9 during commits every acknowledged commit is there, and no commit in part", () =>
  inFolder(async (folder) => {
    const path = `${folder}/replica.db`;
    let acknowledged = 0;
    for (const enough of [1, 40, 150, 400]) {
      const child = spawnChild(path, 1_000_000);
      let text = "";
      const target = acknowledged + enough;
      for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
        text += piece;
        // Only a whole line is an acknowledgement.
        acknowledged = Number(text.slice(0, text.lastIndexOf("\n")).split("\n").at(-1));
        if (acknowledged >= target) break;
      }
      child.kill("SIGKILL");
      await child.status;
      await assertWhole(path, acknowledged);
    }
  }));

/** Commit number v of the child writes v to the records `first` and `last` and to a blob named v, and removes blob v - 10. */
async function assertWhole(path: string, acknowledged: number): Promise<void> {
  const store = await SqliteStore.open(path);
  const { version, records } = await store.load();
  assertGreaterOrEqual(version, acknowledged);
  const text = (bytes: Uint8Array | null | undefined) => bytes && new TextDecoder().decode(bytes).trimEnd();
  assertEquals([text(records.get("first")), text(records.get("last"))], [`${version}`, `${version}`]);
  const names = [0, -9, -10, 1].map((offset) => digest(String(Math.max(0, version + offset)).padStart(64, "0")));
  const present = (await store.read(names)).map(text);
  assertEquals(present, [`${version}`, version > 9 ? `${version - 9}` : undefined, null, null].map((v) => v ?? null));
  await store.close();
}

Deno.test("sqlite: processes that race on one file lose no commit and make none twice", () =>
  inFolder(async (folder) => {
    const path = `${folder}/replica.db`;
    const children = [1, 2, 3].map(() => spawnChild(path, 100));
    const outputs = await Promise.all(children.map((child) => child.output()));
    const won = outputs.flatMap(({ stdout }) => new TextDecoder().decode(stdout).trim().split("\n").map(Number));
    assertEquals(outputs.map(({ success }) => success), [true, true, true]);
    assertEquals(won.sort((a, b) => a - b), Array.from({ length: 300 }, (_, index) => index + 1));
    await assertWhole(path, 300);
  }));

Deno.test("sqlite: instances that open one new file at the same moment all succeed", () =>
  inFolder(async (folder) => {
    const paths = Array.from({ length: 40 }, (_, index) => `${folder}/${index}.db`);
    const gates = new Int32Array(new SharedArrayBuffer(4 * paths.length));
    const workers = [1, 2].map(() => new Worker(new URL("./_opening_worker.ts", import.meta.url), { type: "module" }));
    const errors = await Promise.all(workers.map((worker) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = reject;
        worker.postMessage({ paths, gates, workers: workers.length });
      })
    ));
    for (const worker of workers) worker.terminate();
    assertEquals(errors, [[], []]);
  }));

Deno.test("sqlite: a path that cannot be a store is refused with the reason in one line", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/text`, "this is no database ".repeat(100));
    await Deno.mkdir(`${folder}/folder`);
    const other = new DatabaseSync(`${folder}/other`);
    other.exec("CREATE TABLE notes (text)");
    other.close();
    const newer = await openFile(`${folder}/newer`);
    newer.exec("PRAGMA user_version = 3");
    newer.close();
    for (
      const [path, why] of [
        [`${folder}/missing/replica.db`, "the folder must exist"],
        [`${folder}/folder`, "expected a file, got a folder"],
        [`${folder}/text`, "it is not a SQLite database"],
        [`${folder}/other`, "it is the database of another application"],
        [`${folder}/newer`, "expected schema 2 at most, got 3"],
        [":memory:", "it must be in WAL mode, but the file system gives memory"],
      ] as const
    ) {
      const { message } = await assertRejects(() => SqliteStore.open(path), StoreOpenError);
      assertStringIncludes(message, `cannot open the store ${path}: `);
      assertStringIncludes(message, why);
      assert(!message.includes("\n"));
    }
    const tables = new DatabaseSync(`${folder}/other`);
    assertEquals(tables.prepare("SELECT name FROM sqlite_master").all().map(({ name }) => name), ["notes"]);
    tables.close();
  }));

Deno.test("sqlite: a folder that can only be read is refused", () =>
  inFolder(async (folder) => {
    // Root may write wherever the mode says not to; the process's own permissions hold for root too.
    const script = `import { SqliteStore } from ${
      JSON.stringify(new URL("../../src/stores/sqlite.ts", import.meta.url).href)
    };
      await SqliteStore.open(${JSON.stringify(`${folder}/replica.db`)}).catch((error) => console.log(error.message));`;
    await Deno.writeTextFile(`${folder}/open.ts`, script);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-lock", "--no-config", "--no-prompt", `--allow-read=${folder}`, `${folder}/open.ts`],
    }).output();
    assertStringIncludes(
      new TextDecoder().decode(stdout),
      `cannot open the store ${folder}/replica.db: Requires write access`,
    );
  }));

Deno.test("sqlite: in a runtime without node:sqlite the error names the runtimes that have it", async () => {
  const expected = "this runtime has no node:sqlite; Deno 2.2, Node 22.13 and later have it";
  const opening = () => openFile("unused", () => Promise.reject(new TypeError("none")));
  const { message } = await assertRejects(opening, StoreOpenError, expected);
  // The next step.
  assertMatch(
    message,
    /keep the state in memory \(--memory, .*, with a start as new the first time, and as recover each later time$/,
  );
});

Deno.test("sqlite: an error of SQLite names the store and leaves it usable", () =>
  inFolder(async (folder) => {
    const path = `${folder}/replica.db`;
    const store = await SqliteStore.open(path);
    const faultInjector = new DatabaseSync(path);
    faultInjector.exec("CREATE TRIGGER no BEFORE INSERT ON log BEGIN SELECT raise(ABORT, 'disk on fire'); END");
    const writes = { records: new Map([["a", Uint8Array.of(1)]]), blobs: new Map() };
    await assertRejects(() => store.commit(writes, 0), Error, `cannot commit to the store ${path}: disk on fire`);
    faultInjector.exec("DROP TRIGGER no");
    assertEquals(await store.commit(writes, 0), 1);
    await assertRejects(() => store.commit(NOTHING, 0), StoreConflictError);
    faultInjector.close();
    await store.close();
  }));
