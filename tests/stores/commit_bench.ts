/**
 * A usual commit, of five records of 300 bytes and a batch body of 10 KB, beside the disk's own floor:
 * `deno bench -A tests/stores`.
 */
import { digest } from "../../src/core/messages/ids.ts";
import type { Store } from "../../src/node/ports.ts";
import { MemoryStore } from "../../src/stores/memory.ts";
import { SqliteStore } from "../../src/stores/sqlite.ts";

const WINDOW = 256;
const record = crypto.getRandomValues(new Uint8Array(300));
const body = crypto.getRandomValues(new Uint8Array(10_240));
const name = (index: number) => digest(index.toString(16).padStart(64, "0"));

function committing(store: Store): () => Promise<void> {
  let version = 0;
  return async () => {
    const records = Array.from(
      { length: 5 },
      (_, index) => [`accepted/${(version * 5 + index) % (5 * WINDOW)}`, record] as const,
    );
    const blobs = [[name(version), body], [name(Math.max(0, version - WINDOW)), null]] as const;
    version = await store.commit({
      records: new Map(records),
      blobs: new Map(version < WINDOW ? blobs.slice(0, 1) : blobs),
    }, version);
  };
}

const folder = await Deno.makeTempDir();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
const file = Deno.openSync(`${folder}/floor`, { create: true, write: true });
const pages = crypto.getRandomValues(new Uint8Array(40_000));
for (let index = 0; index < 100; index++) file.writeSync(pages);
let writes = 0;

Deno.bench("floor: write 40 KB in place + fdatasync", () => {
  if (writes++ % 100 === 0) file.seekSync(0, 0);
  file.writeSync(pages);
  file.syncDataSync();
});
Deno.bench("SqliteStore.commit", { warmup: 300, n: 3000 }, committing(await SqliteStore.open(`${folder}/replica.db`)));
Deno.bench("MemoryStore.commit", committing(new MemoryStore()));
