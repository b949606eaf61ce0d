/** What may happen to a SQLite file while, and before, a replica uses it. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import type { Digest } from "../../src/core/messages/ids.ts";
import { sha256 } from "../../src/crypto/mod.ts";
import { CorruptStoreError, StoreGoneError } from "../../src/node/storage/store_errors.ts";
import { SqliteStore, StoreOpenError } from "../../src/stores/sqlite.ts";

async function inFolder(run: (path: string, folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(`${folder}/replica.db`, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function writes(value: number) {
  return { records: new Map([["a", Uint8Array.of(value)]]), blobs: new Map() };
}

/** Longer than a commit looks away. */
function aWhile(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 120));
}

Deno.test("sqlite: while another process holds the lock the event loop is not blocked, and the commit follows when the lock is free", () =>
  inFolder(async (path) => {
    const store = await SqliteStore.open(path);
    const holder = new DatabaseSync(path);
    holder.exec("BEGIN IMMEDIATE");
    let turns = 0;
    let longestMs = 0;
    let last = performance.now();
    const ticking = setInterval(() => {
      longestMs = Math.max(longestMs, performance.now() - last);
      last = performance.now();
      if (++turns === 60) holder.exec("ROLLBACK");
    }, 5);
    assertEquals(await store.commit(writes(1), 0), 1);
    clearInterval(ticking);
    assert(turns >= 60, `${turns} turns`);
    assert(longestMs < 2_000, `the loop stood still for ${longestMs} ms`);
    holder.close();
    await store.close();
  }));

Deno.test("sqlite: a lock that is never released gives an error that says so, and opening another instance waits too", () =>
  inFolder(async (path) => {
    const store = await SqliteStore.open(path);
    const holder = new DatabaseSync(path);
    holder.exec("BEGIN IMMEDIATE");
    const held = "another process has held its lock for more than 5000 ms";
    await Promise.all([
      assertRejects(() => store.commit(writes(1), 0), Error, `cannot commit to the store ${path}: ${held}`),
      assertRejects(() => SqliteStore.open(path), StoreOpenError, held),
    ]);
    holder.exec("ROLLBACK");
    holder.close();
    assertEquals(await store.commit(writes(1), 0), 1);
    await store.close();
  }));

for (
  const [what, change] of Object.entries({
    "is removed": (path: string) => Deno.remove(path),
    "is moved": (path: string) => Deno.rename(path, `${path}.moved`),
    "is replaced by a copy": async (path: string) => {
      await Deno.copyFile(path, `${path}.copy`);
      await Deno.rename(`${path}.copy`, path);
    },
    "has lost its log": (path: string) => Deno.remove(`${path}-wal`),
  })
) {
  Deno.test(`sqlite: a file that ${what} accepts no more commits, and a check notices it without a commit`, () =>
    inFolder(async (path) => {
      const store = await SqliteStore.open(path);
      await store.commit(writes(1), 0);
      await store.check();
      await change(path);
      await assertRejects(() => store.check(), StoreGoneError, path);
      await aWhile();
      const { message } = await assertRejects(() => store.commit(writes(2), 1), StoreGoneError);
      assertEquals(message.includes("\n"), false);
      assertStringIncludes(message, "--start recover");
      await store.close();
    }));
}

for (const [suffix, bytes] of [["", 0], ["", 100], ["-wal", 0], ["-wal", 7]] as const) {
  Deno.test(`sqlite: a store whose file${suffix} was cut to ${bytes} bytes accepts no more commits`, () =>
    inFolder(async (path) => {
      const store = await SqliteStore.open(path);
      await store.commit(writes(1), 0);
      await store.check();
      await Deno.truncate(path + suffix, bytes);
      // A log is written on where it ended, and what was cut is zeros from then on.
      if (suffix !== "") await store.commit(writes(2), 1);
      await assertRejects(() => store.check(), StoreGoneError, `${path}${suffix} was cut`);
      await aWhile();
      await assertRejects(() => store.commit(writes(3), suffix === "" ? 1 : 2), StoreGoneError);
      await store.close();
    }));
}

Deno.test("sqlite: a log that SQLite itself has emptied is as good as ever", () =>
  inFolder(async (path) => {
    const store = await SqliteStore.open(path);
    await store.commit(writes(1), 0);
    const other = new DatabaseSync(path);
    other.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    assertEquals((await Deno.stat(`${path}-wal`)).size, 0);
    await store.check();
    await aWhile();
    assertEquals(await store.commit(writes(2), 1), 2);
    other.exec("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
    other.close();
    await aWhile();
    assertEquals(await store.commit(writes(3), 2), 3);
    await store.check();
    await store.close();
  }));

Deno.test("sqlite: the error for a damaged file names the repair, and a recovering start renames the file", () =>
  inFolder(async (path, folder) => {
    const store = await SqliteStore.open(path);
    for (let i = 0; i < 50; i++) {
      const value = { records: new Map([[`record ${i}`, new Uint8Array(3_000).fill(i)]]), blobs: new Map() };
      await store.commit(value, i);
    }
    await store.close();
    const bytes = await Deno.readFile(path);
    bytes.fill(0xee, 4096);
    await Deno.writeFile(path, bytes);
    const { message } = await assertRejects(() => SqliteStore.open(path).then((damaged) => damaged.load()), Error);
    assertStringIncludes(message, "--start recover");
    const again = await SqliteStore.open(path, { setsAside: true });
    if ((await again.load().catch((error) => error)) instanceof CorruptStoreError) await again.setAside();
    assertEquals((await again.load()).version, 0);
    await again.close();
    const names = Array.from(Deno.readDirSync(folder), ({ name }) => name);
    assert(names.includes("replica.db.damaged-1"), names.join());
    assertEquals(await Deno.readFile(`${path}.damaged-1`), bytes);
  }));

Deno.test("sqlite: a file of a newer schema is left unchanged, byte for byte", () =>
  inFolder(async (path) => {
    await (await SqliteStore.open(path)).close();
    const newer = new DatabaseSync(path);
    newer.exec("PRAGMA user_version = 3");
    newer.close();
    const before = await Deno.readFile(path);
    for (const setsAside of [false, true]) {
      const { message } = await assertRejects(() => SqliteStore.open(path, { setsAside }), StoreOpenError);
      assertStringIncludes(message, "a newer version of @pbft/edge wrote it");
    }
    assertEquals(await Deno.readFile(path), before);
  }));

for (const bytes of [1, 100, 511, 4095, 4097, 9_000]) {
  Deno.test(`sqlite: a file that was cut to ${bytes} bytes is refused in one line, and never taken for an empty one`, () =>
    inFolder(async (path) => {
      const store = await SqliteStore.open(path);
      await store.commit({ records: new Map([["a", new Uint8Array(20_000)]]), blobs: new Map() }, 0);
      await store.close();
      await Deno.truncate(path, bytes);
      const opening = SqliteStore.open(path).then(async (cut) => {
        try {
          return await cut.load();
        } finally {
          await cut.close();
        }
      });
      const { message } = await assertRejects(() => opening, Error);
      assertEquals(message.includes("\n"), false);
      assertStringIncludes(message, path);
    }));
}

Deno.test("sqlite: wherever a file's structure is damaged, one line says so and names the next step, and a recovering start goes on", () =>
  inFolder(async (path, folder) => {
    const filling = await SqliteStore.open(path);
    const digests: Digest[] = [];
    for (let i = 0, version = 0; i < 24; i++) {
      const blobs = new Map<Digest, Uint8Array>();
      for (let j = 0; j < 10; j++) {
        const blob = new Uint8Array(1_500).fill(10 * i + j);
        const digest = sha256(blob);
        digests.push(digest);
        blobs.set(digest, blob);
      }
      version = await filling.commit(
        { records: new Map([[`record ${i % 5}`, new Uint8Array(900).fill(i)]]), blobs },
        version,
      );
    }
    await filling.close();
    const sound = await Deno.readFile(path);
    const pages = sound.length / 4096;
    const at = (page: number) => page * 4096;
    const damages: [string, (bytes: Uint8Array) => Uint8Array<ArrayBufferLike>][] = [];
    const changed = (place: number) => (bytes: Uint8Array) => bytes.fill(bytes[place]! ^ 0xff, place, place + 1);
    for (const place of [0, 1, 16, 18, 19, 20, 28, 44, 56, 60, 68, 100, 103, 105]) {
      damages.push([`byte ${place}`, changed(place)]);
    }
    for (let page = 1; page < Math.min(pages, 12); page++) {
      for (const place of [0, 1, 3, 5, 8]) damages.push([`byte ${place} of page ${page}`, changed(at(page) + place)]);
      damages.push([`page ${page} is zero`, (bytes) => bytes.fill(0, at(page), at(page + 1))]);
      damages.push([`cut at page ${page}`, (bytes) => bytes.slice(0, at(page))]);
      for (let other = page + 1; other < Math.min(pages, 12); other++) {
        const swap = (bytes: Uint8Array) => {
          const kept = bytes.slice(at(page), at(page + 1));
          bytes.copyWithin(at(page), at(other), at(other + 1));
          bytes.set(kept, at(other));
          return bytes;
        };
        damages.push([`pages ${page} and ${other} swapped`, swap]);
      }
    }
    let refused = 0;
    for (const [what, damage] of damages) {
      const put = async () => {
        for (const { name } of Deno.readDirSync(folder)) await Deno.remove(`${folder}/${name}`);
        await Deno.writeFile(path, damage(sound.slice()));
      };
      await put();
      try {
        await using(path, async (store) => {
          const { version } = await store.load();
          await store.read(digests);
          await store.commit(writes(1), version);
        });
      } catch (error) {
        refused++;
        const { message } = error as Error;
        assert(error instanceof CorruptStoreError || error instanceof StoreOpenError, `${what}: ${error}`);
        assert(!message.includes("\n") && message.includes("--start recover"), `${what}: ${message}`);
        if (message.includes("move it away")) continue;
      }
      await put();
      const store = await SqliteStore.open(path, { setsAside: true });
      try {
        const found = await store.load().catch((error) => error);
        if (found instanceof Error) assert(found instanceof CorruptStoreError, `${what}: ${found}`);
        if (found instanceof Error) await store.setAside();
        await store.load();
      } finally {
        await store.close();
      }
    }
    assert(refused > damages.length / 3, `${refused} of ${damages.length}`);
  }));

async function using(path: string, work: (store: SqliteStore) => Promise<void>): Promise<void> {
  const store = await SqliteStore.open(path);
  try {
    await work(store);
  } finally {
    await store.close();
  }
}
