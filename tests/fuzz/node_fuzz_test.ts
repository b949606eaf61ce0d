import { assert, assertEquals } from "@std/assert";
import { fuzzNode } from "./_node_fuzz.ts";

/** `PBFT_FUZZ_FRAMES` and `PBFT_FUZZ_SEED` for a longer run, or to replay one. */
const FRAMES = Number(Deno.env.get("PBFT_FUZZ_FRAMES") ?? 20_000);
const SEED = Number(Deno.env.get("PBFT_FUZZ_SEED") ?? 1);

Deno.test("whatever a liar sends, a node takes it or drops it, and goes on", async () => {
  const { lies, kinds, faults } = await fuzzNode(SEED, FRAMES);
  assertEquals(faults, []);
  assert(lies >= FRAMES, `${lies} lies`);
  for (const kind of ["bytes", "pre-prepare", "prepare", "commit", "checkpoint", "status", "view-change", "new-view"]) {
    assert(kinds.has(kind as never), `no ${kind} among ${[...kinds]}`);
  }
});
