/**
 * Commits to the KV store at `args[0]` until `args[1]` commits of its own have won, every fifth of them a large one, and
 * prints each one's version once it is acknowledged. To be killed, or raced, by a test.
 */
import { digest } from "../../src/core/messages/ids.ts";
import { DenoKvStore } from "../../src/stores/deno_kv.ts";
import { commitUntil } from "./_committing.ts";

await commitUntil(await DenoKvStore.open(Deno.args[0]!), Number(Deno.args[1]), writes);

function writes(version: number) {
  const value = new TextEncoder().encode(String(version).padEnd(20_000, " "));
  const large = new TextEncoder().encode(String(version).padEnd(version % 5 === 0 ? 900_000 : 100, " "));
  const count = version % 5 === 0 ? 1_000 : 10;
  const middle = Array.from({ length: count }, (_, i) => [`middle/${i}`, value.subarray(0, 30)] as const);
  const name = (of: number) => digest(String(of).padStart(64, "0"));
  return {
    records: new Map([["first", value], ...middle, ["large", large], ["last", value]]),
    blobs: new Map([[name(version), large], ...(version > 10 ? [[name(version - 10), null] as const] : [])]),
  };
}
