/** A power loss may leave any part of SQLite's log: whatever is left, the store is as it was after one of its commits. */
import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { type Digest, digest } from "../../src/core/messages/ids.ts";
import type { Writes } from "../../src/node/ports.ts";
import { SqliteStore } from "../../src/stores/sqlite.ts";

const blobOf = (commit: number): Digest => digest(String(commit).padStart(64, "0"));
const COMMITS = 2;

/** Commit number v puts two records and a blob of its own, and removes the blob of the commit before. */
function writesOf(commit: number): Writes {
  const value = new Uint8Array(commit === 2 ? 300 : 20).fill(commit);
  const blobs = new Map<Digest, Uint8Array | null>([[blobOf(commit), value]]);
  if (commit > 1) blobs.set(blobOf(commit - 1), null);
  return { records: new Map([["first", value], [`own/${commit}`, value]]), blobs };
}

/** What a store holds, comparable. */
async function contentOf(store: SqliteStore): Promise<unknown> {
  const { version, records } = await store.load();
  const blobs = await store.read(Array.from({ length: COMMITS }, (_, i) => blobOf(i + 1)));
  return [version, [...records].map(([key, value]) => [key, value.length, value[0]]).sort(), blobs.map((b) => b?.[0])];
}

Deno.test("sqlite: a log that was cut at any byte holds the acknowledged commits up to there, each whole", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/replica.db`;
    // Small pages: a small log, so that every byte of it can be tried.
    const small = new DatabaseSync(path);
    small.exec("PRAGMA page_size = 512; VACUUM");
    small.close();
    await (await SqliteStore.open(path)).close(); // the tables are in the database, the log is gone
    const database = await Deno.readFile(path);

    const store = await SqliteStore.open(path);
    const log = `${path}-wal`;
    const ends = [0];
    const contents = [await contentOf(store)];
    for (let commit = 1; commit <= COMMITS; commit++) {
      await store.commit(writesOf(commit), commit - 1);
      ends.push((await Deno.stat(log)).size);
      contents.push(await contentOf(store));
    }
    const bytes = await Deno.readFile(log);
    await store.close();
    assertEquals(bytes.length, ends.at(-1));

    const cut = `${folder}/cut.db`;
    for (let length = 0; length <= bytes.length; length++) {
      Deno.writeFileSync(cut, database);
      Deno.writeFileSync(`${cut}-wal`, bytes.subarray(0, length));
      const reopened = await SqliteStore.open(cut);
      const whole = ends.findLastIndex((end) => end <= length);
      assertEquals(await contentOf(reopened), contents[whole], `cut after ${length} of ${bytes.length} bytes`);
      await reopened.close();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
