/**
 * Commits to the store at `args[0]` until `args[1]` commits of its own have won, and prints each one's version once it is
 * acknowledged. To be killed, or raced, by a test.
 */
import { writeSync } from "node:fs";
import { digest } from "../../src/core/messages/ids.ts";
import { StoreConflictError } from "../../src/node/ports.ts";
import { SqliteStore } from "../../src/stores/sqlite.ts";

const store = await SqliteStore.open(Deno.args[0]!);
let { version } = await store.load();
for (let won = 0; won < Number(Deno.args[1]);) {
  try {
    version = await store.commit(writes(version + 1), version);
    won++;
    writeSync(1, `${version}\n`);
  } catch (error) {
    if (!(error instanceof StoreConflictError)) throw error;
    version = error.found;
  }
}
await store.close();

function writes(version: number) {
  // Many pages, so that the kill has something to fall into.
  const value = new TextEncoder().encode(String(version).padEnd(20_000, " "));
  const middle = Array.from({ length: 20 }, (_, index) => [`middle/${index}`, value.subarray(0, 300)] as const);
  const name = (of: number) => digest(String(of).padStart(64, "0"));
  return {
    records: new Map([["first", value], ...middle, ["last", value]]),
    blobs: new Map([[name(version), value], ...(version > 10 ? [[name(version - 10), null] as const] : [])]),
  };
}
