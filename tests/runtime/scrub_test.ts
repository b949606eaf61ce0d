/** A disk that rots below a running replica: bytes of its SQLite file change, and scrubbing has them back from the others. */
import { assert, assertEquals } from "@std/assert";
import type { Digest } from "../../src/core/messages/ids.ts";
import { entriesOf, readPage, readRoot } from "../../src/core/tree/state_tree.ts";
import { sha256 } from "../../src/crypto/mod.ts";
import type { HostEvent } from "../../src/node/host_event.ts";
import { serve } from "../../src/runtime/deno.ts";
import type { ServedReplica } from "../../src/runtime/host/options.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { SqliteStore } from "../../src/stores/sqlite.ts";
import { unpack } from "../../src/wire/mod.ts";
import { clusterFile, FOUR, keyOf, until } from "../node/_epochs.ts";
import { inFolder } from "../tools/folder.ts";
import { freePorts } from "../tools/ports.ts";

const X = "x".charCodeAt(0);
const RUN = 64;

/** Changes a byte in every long run of x, in a file that others have open. Returns how many. */
async function rot(path: string): Promise<number> {
  const bytes = await Deno.readFile(path);
  using file = await Deno.open(path, { write: true });
  let count = 0;
  for (let at = 0; at + RUN < bytes.length; at += RUN) {
    if (!bytes.subarray(at, at + RUN).every((byte) => byte === X)) continue;
    await file.seek(at, Deno.SeekMode.Start);
    await file.write(new Uint8Array([X + 1]));
    count++;
  }
  return count;
}

/** How many blobs of a state are damaged, as another connection to the file sees them. */
async function damagedIn(store: SqliteStore, root: Digest): Promise<number> {
  await store.dropCache();
  const read = async (digest: Digest) => {
    const [bytes] = await store.read([digest]);
    return bytes && sha256(bytes) === digest ? bytes : null;
  };
  const rootPage = await read(root);
  if (!rootPage) return 1;
  let damaged = 0;
  for (const [, digest] of readRoot(unpack(rootPage)).pages) {
    const page = await read(digest);
    if (!page) damaged++;
    else for (const [, chunk] of entriesOf(readPage(unpack(page)))) if (!await read(chunk)) damaged++;
  }
  return damaged;
}

Deno.test("bytes of a running replica's file are changed: scrubbing finds them below SQLite's own cache, and repairs all of them", () =>
  inFolder(async (folder) => {
    const ports = freePorts(4);
    const urls = Object.fromEntries(FOUR.map((name, i) => [name, `http://127.0.0.1:${ports[i]}`]));
    const cluster = { genesis: clusterFile.genesis, urls };
    const file = `${folder}/dog.db`;
    const events: HostEvent[] = [];
    const served: ServedReplica[] = [];
    try {
      for (const self of FOUR) {
        const { privateKey } = keyOf(self);
        const options = { cluster, self, privateKey, start: "new", hostname: "127.0.0.1" } as const;
        const observers = [{ onHostEvent: (event: HostEvent) => void events.push(event) }];
        const dog = { store: file, scrub: { everyMs: 100, bytesPerSecond: 2 ** 30 }, observers };
        served.push(await serve({ ...options, ...(self === "Dog" ? dog : { store: new MemoryStore() }) }));
      }
      const request = async (timestamp: number, operation: string) => {
        const headers = { "content-type": "application/json" };
        const body = JSON.stringify({ clientID: "a", timestamp, operation });
        const answer = await fetch(`${urls.Apple}/req`, { method: "POST", headers, body });
        assertEquals(answer.status, 200, await answer.text());
      };
      // A checkpoint of 8 batches has few chunks, which the store keeps in its log.
      for (let i = 1; i <= 80; i++) await request(i, `SET key${i} ${"x".repeat(2_000)}${i}`);
      const dog = served[3]!.node;
      await until("Dog has all", () => dog.status().replica.lastExecuted === 80 && dog.stableCertificate().length > 0);
      const root = dog.status().replica.stateRoot!;
      const store = await SqliteStore.open(file);
      try {
        await until("the state is in the file", async () => await damagedIn(store, root) === 0);
        const flipped = await rot(file) + await rot(`${file}-wal`);
        assert(flipped > 100, `${flipped}`);
        const found = () => events.reduce((sum, event) => sum + (event.kind === "state-damaged" ? event.blobs : 0), 0);
        // More than one commit puts into that log.
        await until("much damage is found", () => found() > 8);
        await until("all is repaired", async () => await damagedIn(store, root) === 0);
        assertEquals(dog.status().replica.stateRoot, root);
        await request(81, "SET after 1");
        await until("Dog goes on", () => dog.status().replica.lastExecuted === 81);
      } finally {
        await store.close();
      }
    } finally {
      await Promise.all(served.map((one) => one.close()));
    }
  }));
