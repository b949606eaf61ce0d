/**
 * Commits to the store at `args[0]` until `args[1]` commits of its own have won, and prints each one's version once it is
 * acknowledged. To be killed, or raced, by a test.
 */
import { digest } from "../../src/core/messages/ids.ts";
import { SqliteStore } from "../../src/stores/sqlite.ts";
import { commitUntil } from "./_committing.ts";

await commitUntil(await SqliteStore.open(Deno.args[0]!), Number(Deno.args[1]), writes);

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
