import { assert, assertEquals } from "@std/assert";
import { fuzzCore } from "./_core_fuzz.ts";

/** `PBFT_FUZZ_LIES` and `PBFT_FUZZ_SEED` for a longer run, or to replay one. */
const LIES = Number(Deno.env.get("PBFT_FUZZ_LIES") ?? 200_000);
const SEED = Number(Deno.env.get("PBFT_FUZZ_SEED") ?? 1);

Deno.test("whatever a liar signs, the core throws on nothing", () => {
  const { lies, thrown, told } = fuzzCore(SEED, LIES);
  assertEquals(thrown, []);
  assert(lies >= LIES, `${lies} lies`);
  const kinds = new Set([...told.keys()].map((key) => key.split(": ")[1]));
  for (
    const kind of [
      "pre-prepare",
      "prepare",
      "commit",
      "decision",
      "checkpoint",
      "stable-checkpoint",
      "view-change",
      "new-view",
      "status",
      "blobs",
      "request",
    ]
  ) {
    if (LIES >= 100_000) assert(kinds.has(kind), `no ${kind} among ${[...kinds]}`);
  }
});
