/** Snapshots that are damaged or forged: one clear line each, from whatever reads them, and never a hang. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Genesis } from "../../src/core/config.ts";
import type { Digest, SequenceNumber } from "../../src/core/messages/ids.ts";
import type { Checkpoint } from "../../src/core/messages/messages.ts";
import { clusterId, sha256 } from "../../src/crypto/mod.ts";
import { KeyValue } from "../../src/machines/mod.ts";
import { audit } from "../../src/snapshot/audit/audit.ts";
import { encodeManifest } from "../../src/snapshot/manifest.ts";
import { migrateSnapshot } from "../../src/snapshot/migration/migrate.ts";
import { pruneSnapshots } from "../../src/snapshot/prune.ts";
import { restoreSnapshot } from "../../src/snapshot/restore.ts";
import { SnapshotError } from "../../src/snapshot/snapshot_error.ts";
import { saveSnapshot } from "../../src/snapshot/save.ts";
import { folderStorage } from "../../src/snapshot/storage/folder.ts";
import { blobKey, manifestKey, type SnapshotStorage } from "../../src/snapshot/storage/storage.ts";
import { verifySnapshot } from "../../src/snapshot/verify.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { pack, utf8 } from "../../src/wire/mod.ts";
import type { Plain } from "../../src/core/io.ts";
import { Author, genesisOf } from "../node/_cluster.ts";
import { inFolder } from "../tools/folder.ts";
import { Bucket } from "./_bucket.ts";

const genesis: Genesis = genesisOf(4);
const SEQUENCE = 8 as SequenceNumber;
const HISTORY = sha256(utf8("history"));

/** Everything that reads a snapshot. */
const READERS: Readonly<Record<string, (storage: SnapshotStorage) => Promise<unknown>>> = {
  verify: (storage) => verifySnapshot(storage),
  restore: (storage) => restoreSnapshot(storage, new MemoryStore(), 0 as never),
  migrate: (storage) =>
    migrateSnapshot(storage, {
      to: "key-value/2",
      stateMachine: {
        "key-value/1": () => new KeyValue(),
        "key-value/2": {
          create: () => Object.assign(new KeyValue(), { version: "key-value/2" }),
          migrate: { "key-value/1": (chunks) => chunks },
        },
      },
    }),
  audit: (storage) =>
    audit({ genesis, storage, store: new MemoryStore(), stateMachine: () => new KeyValue(), from: SEQUENCE }),
  prune: (storage) => pruneSnapshots(storage, 1),
};

/** The blobs of a state, with their digests. */
class Blobs {
  readonly bytes = new Map<Digest, Uint8Array>();

  add(value: Plain): Digest {
    const bytes = pack(value);
    const digest = sha256(bytes);
    this.bytes.set(digest, bytes);
    return digest;
  }
}

/** The frames of a quorum that has signed any root at all, as the owner of all keys of a cluster can. */
function signed(root: Digest): readonly Uint8Array[] {
  const cluster = clusterId(genesis);
  return [0, 1, 2].map((replica) => {
    const message = { kind: "checkpoint", replica, sequence: SEQUENCE, digest: root } as Checkpoint;
    return new Author(replica + 1, cluster).frame(message);
  });
}

/** A snapshot whose root and pages are what somebody wants them to be. */
async function put(storage: SnapshotStorage, make: (blobs: Blobs) => Plain): Promise<Digest> {
  const blobs = new Blobs();
  const root = blobs.add(make(blobs));
  for (const [digest, bytes] of blobs.bytes) await storage.put(blobKey(digest), bytes);
  await storage.put(manifestKey({ sequence: SEQUENCE, root }), encodeManifest({ genesis, certificate: signed(root) }));
  return root;
}

const rootOf = (pages: Plain, { history = HISTORY, time = 1 }: { history?: string; time?: number } = {}): Plain => [
  SEQUENCE,
  history,
  time,
  pages,
];
const chunkOf = (blobs: Blobs, id: string) => blobs.add([id, utf8("x")]);
const pageOf = (blobs: Blobs, entries: Plain, id = "ma") => blobs.add([id, 0, entries]);
const H = "a".repeat(64);

/** Forgeries of whoever has the keys of a quorum, and the error. The last column: who does not read all chunks or pages does not see it. */
const FORGED: Readonly<Record<string, readonly [(blobs: Blobs) => Plain, RegExp, ("chunks" | "pages")?]>> = {
  "a root that is no list": [() => 7, /not the root page/],
  "a root with a wrong history": [() => rootOf([], { history: "abc" }), /expected a number, a digest and a time/],
  "a time that no calendar has": [() => rootOf([], { time: Number.MAX_SAFE_INTEGER }), /a number, a digest and a time/],
  "pages that are no list": [() => rootOf(5), /not the root page/],
  "a page that leads out of the folder": [() => rootOf([["ma", "../../etc/passwd"]]), /expected ids with digests/],
  "a page with an id that is a number": [() => rootOf([[5, H]]), /expected ids with digests/],
  "a page that is named twice": [
    (blobs) => {
      const page = pageOf(blobs, ["ma", chunkOf(blobs, "ma")]);
      return rootOf([["ma", page], ["ma", page]]);
    },
    /expected ids that ascend/,
  ],
  "one page under many ids": [
    (blobs) => {
      const page = pageOf(blobs, ["ma", chunkOf(blobs, "ma")]);
      return rootOf([["ma", page], ["mb", page], ["mc", page]]);
    },
    /expected the page "mb", got "ma"/,
    "pages",
  ],
  "a page that is missing": [() => rootOf([["ma", H]]), /expected its bytes, got none/],
  "a page that is no page": [(blobs) => rootOf([["ma", blobs.add(9)]]), /not a page/],
  "a page without pairs": [(blobs) => rootOf([["ma", pageOf(blobs, ["ma"])]]), /pairs of an id and a digest/],
  "a chunk that leads out of the folder": [
    (blobs) => rootOf([["ma", pageOf(blobs, ["ma", ".."])]]),
    /ids with digests/,
  ],
  "a chunk under many ids": [
    (blobs) => {
      const chunk = chunkOf(blobs, "ma");
      return rootOf([["ma", pageOf(blobs, ["ma", chunk, "mb", chunk])]]);
    },
    /expected the chunk "mb", got "ma"/,
    "chunks",
  ],
  "a chunk that is no chunk": [
    (blobs) => rootOf([["ma", pageOf(blobs, ["ma", blobs.add(["ma", 5])])]]),
    /not a chunk of a state: expected bytes/,
    "chunks",
  ],
};

Deno.test("a snapshot that whoever holds all keys has forged is refused by its form, by all that read it", async () => {
  for (const [name, [make, error, place]] of Object.entries(FORGED)) {
    const storage = new Bucket();
    const root = await put(storage, make);
    const before = storage.values.size;
    const readers: typeof READERS = {
      ...READERS,
      save: async () => {
        const head = () => Promise.resolve({ genesis, certificate: signed(root) });
        const read = (digests: readonly Digest[]) =>
          Promise.resolve(digests.map((digest) => storage.values.get(blobKey(digest)) ?? null));
        const copy = new Bucket();
        try {
          await saveSnapshot({ head, read }, copy);
        } finally {
          assert(![...copy.values.keys()].some((key) => key.startsWith("snapshots/")), name);
        }
      },
    };
    for (const [reader, run] of Object.entries(readers)) {
      // Saving and pruning read no chunk, and pruning reads a page once. A blob that a replica does not give is asked for again.
      if (reader === "prune" && place || reader === "save" && (place === "chunks" || /missing/.test(name))) continue;
      const { message } = await assertRejects(() => run(storage), SnapshotError, undefined, `${name}: ${reader}`);
      assertMatch(message, error, `${name}: ${reader}`);
      assert(!message.includes("\n"), message);
    }
    assertEquals(storage.values.size, before, name);
  }
});

Deno.test("a file of a snapshot that is cut, changed, huge or no file at all is named", async () => {
  await inFolder(async (folder) => {
    const storage = folderStorage(folder);
    const sound = await put(storage, (blobs) => rootOf([["ma", pageOf(blobs, ["ma", blobs.add(["ma", utf8("x")])])]]));
    const manifest = `${folder}/${manifestKey({ sequence: SEQUENCE, root: sound })}`;
    const blob = `${folder}/blobs/${sound.slice(0, 2)}/${sound}`;
    const verify = () => verifySnapshot(storage);
    await verify();
    for (const [path, what] of [[manifest, /^snapshots\//], [blob, /blobs?[ /][0-9a-f]{64}: expected/]] as const) {
      const bytes = await Deno.readFile(path);
      const wrong: readonly (() => unknown)[] = [
        ...[0, 1, bytes.length >> 1, bytes.length - 2].map((length) => () =>
          Deno.writeFileSync(path, bytes.slice(0, length))
        ),
        () => Deno.writeFileSync(path, new Uint8Array([...bytes, ...bytes])),
        () => Deno.writeFileSync(path, bytes.map((byte, i) => i === 3 ? byte ^ 0x80 : byte)),
        () => Deno.writeFileSync(path, new Uint8Array([0x9b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])),
        // A file with a hole takes no room on the disk.
        () => Deno.truncateSync(path, 6_000_000_000),
      ];
      for (const [i, damage] of wrong.entries()) {
        await Deno.writeFile(path, bytes);
        damage();
        const { message } = await assertRejects(verify, SnapshotError, undefined, `${i}`);
        assertMatch(message, what, `${i}`);
        assert(!message.includes("\n"), message);
      }
      await Deno.remove(path);
      if (path === blob) {
        await Deno.mkdir(path);
        assertMatch((await assertRejects(verify, SnapshotError)).message, /expected a file, got something else/);
        await Deno.remove(path);
        // A pipe, from which nobody would ever read an end.
        if (Deno.build.os !== "windows") {
          await new Deno.Command("mkfifo", { args: [path] }).output();
          assertMatch((await assertRejects(verify, SnapshotError)).message, /expected a file, got something else/);
          await Deno.remove(path);
        }
      }
      await Deno.writeFile(path, bytes);
    }
    await verify();
    // Without a manifest nothing says which blobs are litter.
    await Deno.rename(manifest, `${manifest}.moved`);
    assertMatch((await assertRejects(() => pruneSnapshots(storage, 1), SnapshotError)).message, /nothing was removed/);
    await Deno.rename(`${manifest}.moved`, manifest);
    await verify();
  });
});
