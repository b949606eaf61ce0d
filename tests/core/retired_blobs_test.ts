/** Which blobs of former checkpoints are dropped, whoever goes on from what is stored. */
import { assertEquals } from "@std/assert";
import type { Digest, SequenceNumber } from "../../src/core/messages/ids.ts";
import { RetiredBlobs } from "../../src/core/sealing/retired_blobs.ts";

const [A, B, C] = ["a", "b", "c"] as unknown as readonly [Digest, Digest, Digest];
const LIST = { sequence: 8 as SequenceNumber, digests: [A, B, C] };

Deno.test("a blob that was dropped with a slice of its list, and is named again, is taken off the stored list", () => {
  const retired = new RetiredBlobs([LIST]);
  retired.release(8);
  assertEquals(retired.drop(1), { digests: [A], checkpoints: [] });
  retired.revive([A]);
  // Who goes on from the store has this list, and drops nothing that is named.
  const [changed] = retired.takeChanged();
  assertEquals(changed, { ...LIST, digests: [B, C] });
  retired.revive([A]);
  assertEquals(retired.takeChanged(), [], "it is stored without it already");
  const next = new RetiredBlobs([changed!]);
  next.release(8);
  assertEquals(next.drop(Infinity), { digests: [B, C], checkpoints: [LIST.sequence] });
});

Deno.test("a list that is done with is not stored again when its blobs are named again", () => {
  const retired = new RetiredBlobs([LIST]);
  retired.release(8);
  assertEquals(retired.drop(Infinity), { digests: [A, B, C], checkpoints: [LIST.sequence] });
  retired.revive([A, B]);
  assertEquals(retired.takeChanged(), []);
});
