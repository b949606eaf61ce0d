/** A power loss may leave any part of SQLite's log: whatever is left, the store is as it was after one of its commits. */
import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { type Digest, digest } from "../../src/core/messages/ids.ts";
import type { Writes } from "../../src/node/ports.ts";
import { SqliteStore } from "../../src/stores/sqlite.ts";

const blobOf = (commit: number): Digest => digest(String(commit).padStart(64, "0"));
const COMMITS = 2;
/** The parts of SQLite's log: its header, and frames of a header and a page. */
const LOG = { header: 32, frame: 24 + 512 };

/** Lengths to cut at: each byte around the ends of the frames, and every eighth inside of them, as a frame counts only if it is whole. */
function cuts(length: number): readonly number[] {
  const isNearEnd = (at: number) => (at - LOG.header + 8 + LOG.frame) % LOG.frame <= 16;
  return Array.from({ length: length + 1 }, (_, at) => at)
    .filter((at) => at <= LOG.header || at === length || isNearEnd(at) || at % 8 === 0);
}

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

Deno.test("sqlite: a log that was cut anywhere holds the acknowledged commits up to there, each whole", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/replica.db`;
    // Small pages: a small log.
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
    assertEquals((bytes.length - LOG.header) % LOG.frame, 0);

    const cut = `${folder}/cut.db`;
    for (const length of cuts(bytes.length)) {
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
