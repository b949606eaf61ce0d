import { writeSync } from "node:fs";
import { type Store, StoreConflictError, type Writes } from "../../src/node/ports.ts";

/** Commits until `count` commits of its own have won, and prints each one's version once it is acknowledged. Then closes the store. */
export async function commitUntil(store: Store, count: number, writes: (version: number) => Writes): Promise<void> {
  let { version } = await store.load();
  for (let won = 0; won < count;) {
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
}
